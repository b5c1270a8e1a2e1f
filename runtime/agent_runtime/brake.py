"""The brake: one item that stops an agent, the reader every run asks, and the function a budget alert calls.

Imports nothing but the standard library until it talks to AWS, so that the brake function's zip stays tiny.
"""

import json
import logging
import os
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

_log = logging.getLogger("agent_runtime.brake")
SCHEMA_VERSION: Final = 1
ITEM: Final = "brake"
SPEND_METRIC: Final = "SpendUsd"
CACHE_SECONDS: Final = 5.0
"""How late a running agent may notice the brake, and no more than one read in that time."""
_BUDGETED = re.compile(r"^Budgeted Amount:\s*\D*([\d,]+(?:\.\d+)?)", re.MULTILINE)
_ALERT_TYPE = re.compile(r"^Alert Type:\s*(\w+)", re.MULTILINE)
_THRESHOLD = re.compile(r"^Alert Threshold:\s*>?=?\s*[^\d\n]*([\d,]+(?:\.\d+)?)\s*(%?)", re.MULTILINE)


class BrakeReader:
    """Says whether the agent is braked. `clock` is monotonic, in seconds."""

    def __init__(
        self, client: "DynamoDBClient", table: str, agent: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._table = table
        self._agent = agent
        self._clock = clock
        self._cached: tuple[float, str | None] | None = None

    def reason(self) -> str | None:
        """Why the agent is braked, or None. A control table that cannot be read brakes: spend must be
        provable."""
        from botocore.exceptions import BotoCoreError, ClientError

        if self._cached is not None and self._clock() - self._cached[0] < CACHE_SECONDS:
            return self._cached[1]
        try:
            reply = self._client.get_item(TableName=self._table, Key=_key(self._agent), ConsistentRead=True)
        except (ClientError, BotoCoreError) as error:
            return f"the control table cannot be read ({type(error).__name__})"
        reason = reason_of(reply.get("Item"))
        self._cached = (self._clock(), reason)
        return reason


def engage(
    client: "DynamoDBClient", table: str, agent: str, *, reason: str, engaged_by: str, engaged_at: str
) -> bool:
    """Engage the brake; False if something else engaged it before, whose reason and time then stay.

    `engaged_at` is ISO 8601 in UTC with milliseconds. An alert older than the last release does nothing,
    since SNS may deliver it hours late and a person has already decided.
    """
    never_braked = "attribute_not_exists(#agent)"
    released_before = "engaged = :false AND (attribute_not_exists(released_at) OR released_at < :at)"
    try:
        client.update_item(
            TableName=table,
            Key=_key(agent),
            UpdateExpression="SET engaged = :true, reason = :reason, engaged_at = :at, engaged_by = :by, "
            "schema_version = :version",
            ConditionExpression=f"{never_braked} OR ({released_before})",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
            ExpressionAttributeNames={"#agent": "agent"},  # a reserved word of DynamoDB
            ExpressionAttributeValues={
                ":true": {"BOOL": True},
                ":false": {"BOOL": False},
                ":reason": {"S": reason},
                ":at": {"S": engaged_at},
                ":by": {"S": engaged_by},
                ":version": {"N": str(SCHEMA_VERSION)},
            },
        )
    except client.exceptions.ConditionalCheckFailedException as error:
        # The same alert again, whose first delivery died before it was told of: it counts as the first.
        found = error.response.get("Item", {})
        ours = {"engaged": {"BOOL": True}, "engaged_at": {"S": engaged_at}, "engaged_by": {"S": engaged_by}}
        return ours.items() <= found.items()
    return True


def release(client: "DynamoDBClient", table: str, agent: str, *, released_by: str, released_at: str) -> bool:
    """Let the agent run again; False if it was not braked. What engaged the brake stays readable in the
    item."""
    try:
        client.update_item(
            TableName=table,
            Key=_key(agent),
            UpdateExpression="SET engaged = :false, released_at = :at, released_by = :by",
            ConditionExpression="engaged = :true",
            ExpressionAttributeValues={
                ":true": {"BOOL": True},
                ":false": {"BOOL": False},
                ":at": {"S": released_at},
                ":by": {"S": released_by},
            },
        )
    except client.exceptions.ConditionalCheckFailedException:
        return False
    return True


def handler(event: Mapping[str, Any], _context: object) -> dict[str, int]:
    """Lambda handler of the brake function, subscribed to the topic of the agent's budget.

    Environment: AGENT_NAME, AGENT_CONTROL_TABLE, AGENT_BRAKE_PERCENT (default 100). Returns `{"engaged":
    n}`, the number of messages that ask for the brake. Raises `ValueError` for a message it cannot read,
    so that the function's error alarm speaks instead of nobody.
    """
    percent = float(os.environ.get("AGENT_BRAKE_PERCENT") or 100)
    asked = 0
    for record in event["Records"]:
        message = record["Sns"]
        reason = reason_to_brake(message.get("Subject") or "", message["Message"], percent)
        _log.info("budget message", extra={"subject": message.get("Subject"), "engages": reason is not None})
        if reason is None:
            continue
        import boto3

        asked += 1
        client, by = boto3.client("dynamodb"), str(message.get("TopicArn") or "sns")
        is_engaged = engage(
            client,
            os.environ["AGENT_CONTROL_TABLE"],
            os.environ["AGENT_NAME"],
            reason=reason,
            engaged_by=by,
            engaged_at=str(message.get("Timestamp") or utc_now()),
        )
        if is_engaged:
            # After the act: nothing holds up a brake. What cannot be told now the next delivery tells.
            _trail(client).record("brake-engaged", who=by, reason=reason)
    return {"engaged": asked}


def _trail(dynamodb: Any) -> Any:
    """The audit trail, if the environment says where it lies."""
    from agent_runtime.audit.trail import NOT_KEPT

    group = os.environ.get("AGENT_AUDIT_LOG_GROUP")
    if not group:
        return NOT_KEPT
    import boto3

    from agent_runtime.audit.anchors import Anchors
    from agent_runtime.audit.writer import AuditTrail

    agent, table = os.environ["AGENT_NAME"], os.environ["AGENT_CONTROL_TABLE"]
    days = int(os.environ.get("AGENT_AUDIT_RETENTION_DAYS") or 365)
    anchors = Anchors(dynamodb, table, agent, days, time.time)
    return AuditTrail(boto3.client("logs"), group, anchors, kind="brake", carried={"agent": agent})


def reason_to_brake(subject: str, message: str, percent: float) -> str | None:
    """The reason to engage that an SNS message gives, or None for a warning or an all-clear.

    CloudWatch sends JSON with `NewStateValue`: ALARM engages, unless the alarm's `Trigger` shows
    that it watches something else than the sum of the spend: a canary's errors, whose cure is a
    rollback, or what a run costs on average, which `observe` tells people of. The ledger sends JSON
    with `ledger` and the `percent` of its cap that is used. AWS Budgets sends text with the lines
    `Budgeted Amount: $100.00`, `Alert Type: ACTUAL` and `Alert Threshold: > $80.00`: a threshold of
    `percent` of the budget or more engages, a forecast never does. Raises `ValueError` for anything else.
    """
    alarm = _json_object(message)
    if alarm is not None and "ledger" in alarm:
        is_reached = float(alarm.get("percent") or 0) >= percent
        return str(alarm.get("text") or "the ledger's cap is reached")[:500] if is_reached else None
    if alarm is not None and "NewStateValue" in alarm:
        trigger = alarm.get("Trigger")
        # Metric math has no name of its own in its Trigger, but `Metrics`.
        is_spend = not isinstance(trigger, dict) or trigger.get("MetricName") == SPEND_METRIC
        if alarm["NewStateValue"] != "ALARM" or not is_spend:
            return None
        return f"alarm {alarm.get('AlarmName', 'without a name')}: {alarm.get('NewStateReason', subject)}"[
            :500
        ]
    budgeted, kind, threshold = (rule.search(message) for rule in (_BUDGETED, _ALERT_TYPE, _THRESHOLD))
    if not (budgeted and kind and threshold):
        raise ValueError("the message is neither a CloudWatch alarm nor an AWS Budgets notification")
    if kind.group(1).upper() != "ACTUAL":
        return None
    # Compared by multiplication: 110 % of 0.3 must not fall short by a rounding error of the division.
    at, budget = _number(threshold.group(1)), _number(budgeted.group(1))
    is_reached = at >= percent if threshold.group(2) else at * 100 >= percent * budget - 1e-6
    return (subject or "AWS Budgets: the budget is used up")[:500] if is_reached else None


def utc_now() -> str:
    """Now as the control table writes it: ISO 8601 in UTC with milliseconds, as SNS writes its timestamps."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _key(agent: str) -> dict[str, Any]:
    return {"agent": {"S": agent}, "item": {"S": ITEM}}


def reason_of(item: Mapping[str, Any] | None) -> str | None:
    """Why the agent is braked, by the item of the control table; None if it is not."""
    if item is None:
        return None
    if item.get("schema_version", {}).get("N") != str(SCHEMA_VERSION):
        return "the brake was written by another version of the runtime"
    if item.get("engaged") == {"BOOL": False}:
        return None
    return str(item.get("reason", {}).get("S") or "no reason given")


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        value: object = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _number(text: str) -> float:
    return float(text.replace(",", ""))
