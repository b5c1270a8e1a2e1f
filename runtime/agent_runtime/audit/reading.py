"""Lines of the trail as CloudWatch keeps them."""

from collections.abc import Iterator
from typing import Any

from agent_runtime.audit.verify import Line
from agent_runtime.errors import AuditUnavailable


def stream_lines(logs: Any, log_group: str, writer: str, since: int = 0) -> Iterator[Line]:
    """Those of one chain from `since` on, in milliseconds since 1970. Raises `AuditUnavailable`."""
    page: dict[str, Any] = {}
    where = {"logGroupName": log_group, "logStreamName": writer, "startTime": since, "startFromHead": True}
    while True:
        reply = _send(logs.get_log_events, **where, **page)
        if reply is None:
            return
        yield from (Line(writer, event["timestamp"], event["message"]) for event in reply["events"])
        token = reply.get("nextForwardToken")
        if token is None or token == page.get("nextToken"):  # the same token again is the end
            return
        page = {"nextToken": token}


def group_lines(logs: Any, log_group: str, since: int = 0) -> Iterator[Line]:
    """Those of all chains from `since` on, each chain in its order by time. Raises `AuditUnavailable`."""
    page: dict[str, Any] = {}
    while True:
        reply = _send(logs.filter_log_events, logGroupName=log_group, startTime=since, **page)
        if reply is None:
            return
        for event in reply["events"]:
            yield Line(event["logStreamName"], event["timestamp"], event["message"])
        if not reply.get("nextToken"):
            return
        page = {"nextToken": reply["nextToken"]}


def _send(operation: Any, **request: Any) -> Any:
    """The reply; None where the group or the stream is not there."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return operation(**request)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "unknown")
        if code == "ResourceNotFoundException":
            return None
        raise AuditUnavailable(f"the audit trail cannot be read: {code}") from error
    except BotoCoreError as error:
        raise AuditUnavailable(f"the audit trail cannot be read: {type(error).__name__}") from error
