"""What the control table holds of an agent's rollout: one read, and one write that also writes history."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from agent_runtime.errors import RecordChanged, TrafficUnknown
from agent_runtime.rollout.gates import Evidence
from agent_runtime.rollout.plan import ITEM as PLAN
from agent_runtime.rollout.plan import Plan
from agent_runtime.rollout.record import ITEM as TRAFFIC
from agent_runtime.rollout.record import Record, item_from, record_from

EVIDENCE: Final = "evidence#"
RELEASE: Final = "release#"
_NAMES: Final = {"#agent": "agent"}
"""The key's name is one of DynamoDB's reserved words."""
MOST_ITEMS: Final = 5_000
"""Of one agent: a table that holds more is not ours to read to its end."""


@dataclass(frozen=True)
class State:
    """All that the table says of one agent."""

    plan: Plan
    record: Record
    evidence: dict[str, Evidence] = field(default_factory=dict)
    """The newest of each bundle."""
    releases: dict[str, dict[str, str]] = field(default_factory=dict)
    """What is deployed, by the rest of the item's key: `{BUNDLE}` or `{BUNDLE}#{host}`."""


@dataclass(frozen=True)
class Change:
    """Why a record was written, and by whom: one entry of the history."""

    at: int
    """Milliseconds since 1970."""
    by: str
    what: str
    why: str


class RolloutStore:
    """The rollouts in one control table. All calls raise `TrafficUnknown` where it cannot be reached."""

    def __init__(self, client: Any, table: str) -> None:
        """`client` is boto3's DynamoDB client."""
        self._client = client
        self._table = table

    def read(self, agent: str) -> State:
        """Raises `TrafficUnknown` where the agent has no plan or no record."""
        items = self._all(agent)
        for item, what in ((PLAN, "plan"), (TRAFFIC, "traffic record")):
            if item not in items:
                raise TrafficUnknown(f"the control table has no {what} of agent {agent!r}")
        try:
            plan = Plan.model_validate_json(items[PLAN]["document"]["S"])
            evidence = [
                Evidence.model_validate_json(item["document"]["S"])
                for key, item in sorted(items.items())
                if key.startswith(EVIDENCE)
            ]
        except (KeyError, ValueError) as error:
            raise TrafficUnknown(f"an item of agent {agent!r} cannot be read: {error}") from error
        newest_last = sorted(evidence, key=lambda found: found.created_at)
        releases = {
            key.removeprefix(RELEASE): {name: held["S"] for name, held in item.items() if "S" in held}
            for key, item in items.items()
            if key.startswith(RELEASE)
        }
        record = record_from(items[TRAFFIC])
        return State(plan, record, {found.bundle_id: found for found in newest_last}, releases)

    def write(self, agent: str, before: Record, after: Record, change: Change) -> None:
        """Both or neither: the record, if it still is what was read, and its entry in the history.

        Raises `RecordChanged` where somebody else was first; sent twice, the second finds its own write.
        """
        entry = {"at": change.at, "by": change.by, "what": change.what, "why": change.why}
        history = {
            "agent": {"S": f"{agent}#history"},
            "item": {"S": _entry_name(change.at, after.version)},
            "schema_version": {"N": "1"},
            "document": {"S": json.dumps({**entry, "record": _shown(after)})},
        }
        is_as_read = {
            "ConditionExpression": "#version = :version",
            "ExpressionAttributeNames": {"#version": "version"},
            "ExpressionAttributeValues": {":version": {"N": str(before.version)}},
        }
        is_new = {"ConditionExpression": "attribute_not_exists(#agent)", "ExpressionAttributeNames": _NAMES}
        put: list[Any] = [
            {"Put": {"TableName": self._table, "Item": item_from(agent, after), **is_as_read}},
            {"Put": {"TableName": self._table, "Item": history, **is_new}},
        ]
        try:
            self._client.transact_write_items(TransactItems=put)
        except self._client.exceptions.TransactionCanceledException as error:
            if self._entry(agent, history["item"]["S"]) == history:
                return
            raise RecordChanged(f"somebody else moved the traffic of {agent} at the same time") from error
        except (ClientError, BotoCoreError) as error:
            raise TrafficUnknown(f"the control table refused: {error}") from error

    def add_evidence(self, evidence: Evidence) -> None:
        """Write what an evaluation showed, once. The same one again changes nothing."""
        key = f"{EVIDENCE}{evidence.bundle_id}#{evidence.created_at:015d}"
        item = {
            "agent": {"S": evidence.agent},
            "item": {"S": key},
            "schema_version": {"N": "1"},
            "document": {"S": evidence.model_dump_json()},
        }
        try:
            self._client.put_item(
                TableName=self._table,
                Item=item,
                ConditionExpression="attribute_not_exists(#agent)",
                ExpressionAttributeNames=_NAMES,
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return
        except (ClientError, BotoCoreError) as error:
            raise TrafficUnknown(f"the control table refused: {error}") from error

    def history(self, agent: str, most: int = 50) -> list[dict[str, Any]]:
        """The newest changes first, each `{at, by, what, why, record}`."""
        reply = self._send(
            lambda: self._client.query(
                TableName=self._table,
                KeyConditionExpression="#agent = :agent",
                ExpressionAttributeNames=_NAMES,
                ExpressionAttributeValues={":agent": {"S": f"{agent}#history"}},
                ScanIndexForward=False,
                Limit=most,
            )
        )
        return [json.loads(item["document"]["S"]) for item in reply["Items"]]

    def _all(self, agent: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        page: dict[str, Any] = {}
        while len(found) < MOST_ITEMS:
            request = {
                "TableName": self._table,
                "KeyConditionExpression": "#agent = :agent",
                "ExpressionAttributeNames": _NAMES,
                "ExpressionAttributeValues": {":agent": {"S": agent}},
                "ConsistentRead": True,
                **page,
            }
            reply = self._send(lambda request=request: self._client.query(**request))
            found |= {item["item"]["S"]: item for item in reply["Items"]}
            if "LastEvaluatedKey" not in reply:
                break
            page = {"ExclusiveStartKey": reply["LastEvaluatedKey"]}
        return found

    def _entry(self, agent: str, name: str) -> Any:
        key = {"agent": {"S": f"{agent}#history"}, "item": {"S": name}}
        return self._send(
            lambda: self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        ).get("Item")

    def _send(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except (ClientError, BotoCoreError) as error:
            raise TrafficUnknown(f"the control table cannot be read: {error}") from error


def _entry_name(at: int, version: int) -> str:
    """Sorts by time: an agent that is deployed anew counts its versions from 1 again."""
    return f"{at:015d}#{version:012d}"


def _shown(record: Record) -> dict[str, Any]:
    """What people look for in the history."""
    return {
        "version": record.version,
        "phase": record.phase.value,
        "shares": record.shares,
        "candidate": record.candidate,
    }
