"""What keeps a task from starting."""


class NotStarted(Exception):
    """The task stops with this text as its stoppedReason.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
    """
