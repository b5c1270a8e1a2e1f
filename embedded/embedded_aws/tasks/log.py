"""What a container prints, in the log group that its task definition names."""

import time
from collections import deque
from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError

from embedded_aws.functions import metrics
from embedded_aws.functions.log_stream import write_line
from embedded_aws.tasks.container import Container
from embedded_aws.tasks.errors import NotStarted
from embedded_aws.tasks.secrets import ClientOf

_TAIL_LINES = 10


class ContainerLog:
    """The awslogs driver; lines of a container with another driver, or none, are kept as its tail alone.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specify-log-config.html
    """

    def __init__(
        self, container: Container, *, task_id: str, account: str, region: str, client: ClientOf | None
    ) -> None:
        """Makes the stream as the execution role. Raises NotStarted where that may not, or has no group."""
        options = container.log_options
        self._account, self._region = account, options.get("awslogs-region", region)
        self._group = options.get("awslogs-group") if container.log_driver == "awslogs" else None
        prefix = options.get("awslogs-stream-prefix")
        self._stream = f"{prefix}/{container.name}/{task_id}" if prefix else task_id
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        if self._group is not None:
            self._make(self._group, client, create_group=options.get("awslogs-create-group") == "true")

    def line(self, text: str) -> None:
        self._tail.append(text)
        if self._group is not None:
            write_line(self._account, self._region, self._group, self._stream, text, time.time())
            metrics.put_embedded(self._account, self._region, text)

    def tail(self) -> str:
        """The last lines."""
        return "\n".join(self._tail)

    def _make(self, group: str, client: ClientOf | None, *, create_group: bool) -> None:
        if client is None:
            raise _failed("the task definition has no executionRoleArn")
        logs = client("logs")
        try:
            if create_group:
                _unless_there(lambda: logs.create_log_group(logGroupName=group))
            logs.create_log_stream(logGroupName=group, logStreamName=self._stream)
        except (ClientError, BotoCoreError) as error:
            raise _failed(str(error)) from error


def _unless_there(create: Callable[[], object]) -> None:
    try:
        create()
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceAlreadyExistsException":  # type: ignore[typeddict-item]
            raise


def _failed(reason: str) -> NotStarted:
    return NotStarted(
        "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 "
        f"times: failed to create Cloudwatch log stream: {reason}"
    )
