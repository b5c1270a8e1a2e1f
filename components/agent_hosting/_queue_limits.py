"""How long a queue keeps what, checked together: each of these times only makes sense beside the others."""

from typing import NamedTuple

from agent_hosting._validation import Inputs

HEARTBEATS_IN_VISIBILITY = 3
"""Two heartbeats may be lost before another worker is given the run."""
HAND_BACK_SECONDS = 10
"""Kept of the time to stop, to save and hand back what could not be finished."""
LONGEST_MESSAGE_SECONDS = 43_200
"""SQS lends a message out for 12 hours; a longer run goes on under a new one:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html"""
_LONGEST_WAIT_SECONDS = 900
_DAY_SECONDS = 86_400


class QueueLimits(NamedTuple):
    visibility_seconds: int
    max_receives: int
    queue_retention_days: int
    dead_letter_retention_days: int
    checkpoint_retention_days: int


def check_queue(inputs: Inputs) -> QueueLimits:
    """Limits of SQS itself: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html"""
    visibility = int(
        inputs.number(
            "visibility_seconds",
            90,
            least=60,
            most=120,
            way_out="Under 60 s a pause of the network passes for a dead worker; over 120 s a dead worker's "
            "runs wait too long. Workers extend it while a run lives, however long that is.",
        )
    )
    inputs.number(
        "heartbeat_seconds",
        visibility / HEARTBEATS_IN_VISIBILITY,
        above=0,
        most=visibility / HEARTBEATS_IN_VISIBILITY,
        way_out="Three heartbeats must fit into `visibility_seconds`: beat more often, or raise it.",
    )
    receives = int(
        inputs.number(
            "max_receives",
            5,
            least=3,
            most=10,
            way_out="Under 3 a deployment or a lost Spot task uses them up; over 10 a run that kills its "
            "worker does it too often.",
        )
    )
    queue = int(
        inputs.number(
            "queue_retention_days", 4, least=1, most=13, way_out="SQS keeps messages for 14 days at most."
        )
    )
    dead = int(
        inputs.number(
            "dead_letter_retention_days",
            14,
            above=queue,
            most=14,
            # A message keeps its first date when it moves to the dead-letter queue.
            way_out="A dead letter is as old as its message: keep it longer than `queue_retention_days`.",
        )
    )
    kept = int(
        inputs.number(
            "checkpoint_retention_days",
            30,
            above=dead,
            most=365,
            way_out="A dead letter may be sent again as long as it is kept, and a run that is forgotten by "
            "then would run twice. Keep runs longer, or lower `dead_letter_retention_days`.",
        )
    )
    return QueueLimits(visibility, receives, queue, dead, kept)


def oldest_run_seconds(inputs: Inputs, queue: QueueLimits) -> int:
    """Age of a message that is worth an alarm: no run keeps one message for longer than 12 hours."""
    longest = inputs.number(
        "longest_run_seconds",
        3600,
        above=0,
        most=queue.checkpoint_retention_days * _DAY_SECONDS,
        way_out="A run must end while its checkpoints are kept: raise checkpoint_retention_days.",
    )
    return int(min(longest, LONGEST_MESSAGE_SECONDS)) + _LONGEST_WAIT_SECONDS
