"""How far each chain of the trail goes, kept apart from it: in the control table, where a chain that lost its
end is found out."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from agent_runtime.errors import AuditUnavailable

SCHEMA_VERSION: Final = 1
HEAD, EXPORT = "head#", "export"
SPARE_DAYS: Final = 7
"""That a head is kept beyond its entries: CloudWatch deletes those up to three days late."""
_NAMES: Final = {"#agent": "agent", "#seq": "seq", "#hash": "hash"}


@dataclass(frozen=True)
class Head:
    """The end of a chain. Times are in milliseconds since 1970."""

    writer: str
    seq: int
    """0 for a chain that has been begun and has no entry yet."""
    hash: str
    began_at: int
    moved_at: int
    exported: int = 0
    """Entries that lie in a locked export."""
    exported_at: int = 0
    """When the last of them was written."""


@dataclass(frozen=True)
class Exported:
    """How far the export goes: the number and the hash of its last manifest, 0 and none before the first;
    `complete_at` is when it last held all that there was, and `manifest_at` when that manifest was made, in
    milliseconds since 1970; 0 where an older version wrote it."""

    number: int = 0
    sha256: str = ""
    complete_at: int = 0
    manifest_at: int = 0


class HeadAhead(AuditUnavailable):
    """The table says that a chain goes further than its only writer has written it."""


class Anchors:
    """The heads of one agent. `client` is boto3's DynamoDB client, `clock` gives seconds since 1970. Calls
    raise `AuditUnavailable`."""

    def __init__(
        self, client: Any, table: str, agent: str, retention_days: int, clock: Callable[[], float]
    ) -> None:
        self._client = client
        self._table = table
        self._agent = agent
        self._kept_ms = (retention_days + SPARE_DAYS) * 86_400_000
        self._clock = clock

    @property
    def partition(self) -> str:
        return f"{self._agent}#audit"

    def move(self, writer: str, seq: int, seal: str, began_at: int) -> None:
        """Say that the chain goes to `seq` now. The same again is no error. Raises `HeadAhead`."""
        never_told, is_later = "attribute_not_exists(#agent)", "#seq <= :seq"
        try:
            self._send(
                "update_item",
                Key=self._key(f"{HEAD}{writer}"),
                UpdateExpression="SET #seq = :seq, #hash = :hash, began_at = :began, moved_at = :now, "
                "expires_at = :expires, schema_version = :version",
                ConditionExpression=f"{never_told} OR {is_later}",
                ExpressionAttributeNames=_NAMES,
                ExpressionAttributeValues={
                    ":seq": {"N": str(seq)},
                    ":hash": {"S": seal},
                    ":began": {"N": str(began_at)},
                    ":now": {"N": str(self._now())},
                    ":expires": {"N": str((began_at + self._kept_ms) // 1000)},
                    ":version": {"N": str(SCHEMA_VERSION)},
                },
            )
        except self._client.exceptions.ConditionalCheckFailedException as error:
            raise HeadAhead(f"the head of the chain {writer} is ahead of entry {seq}") from error

    def exported(self, writer: str, upto: int, at: int) -> None:
        """Say that the entries to `upto`, written at `at`, lie in a locked export. Never goes back."""
        try:
            self._send(
                "update_item",
                Key=self._key(f"{HEAD}{writer}"),
                UpdateExpression="SET exported = :upto, exported_at = :at",
                ConditionExpression="attribute_exists(#agent) AND "
                "(attribute_not_exists(exported) OR exported < :upto)",
                ExpressionAttributeNames={"#agent": "agent"},
                ExpressionAttributeValues={":upto": {"N": str(upto)}, ":at": {"N": str(at)}},
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return

    def export(self) -> Exported:
        """How far the export goes."""
        item = self._send("get_item", Key=self._key(EXPORT), ConsistentRead=True).get("Item")
        if item is None:
            return Exported()
        times = (int(item.get(name, {"N": "0"})["N"]) for name in ("complete_at", "manifest_at"))
        return Exported(int(item["number"]["N"]), item["sha256"]["S"], *times)

    def move_export(self, before: Exported, after: Exported) -> None:
        """Say that the export goes further, unless another call of the exporter has said so. The item is
        kept for as long as there are exports."""
        try:
            self._send(
                "update_item",
                Key=self._key(EXPORT),
                UpdateExpression="SET #number = :number, sha256 = :sha256, complete_at = :complete, "
                "manifest_at = :made, schema_version = :version",
                ConditionExpression="attribute_not_exists(#agent) OR #number <= :before",
                ExpressionAttributeNames={"#agent": "agent", "#number": "number"},
                ExpressionAttributeValues={
                    ":number": {"N": str(after.number)},
                    ":sha256": {"S": after.sha256},
                    ":complete": {"N": str(after.complete_at)},
                    ":made": {"N": str(after.manifest_at)},
                    ":before": {"N": str(before.number)},
                    ":version": {"N": str(SCHEMA_VERSION)},
                },
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return

    def heads(self, since: str = "") -> Iterator[Head]:
        """Those of chains that were begun on the day `since` (`20260131`, in UTC) or later; by default
        all."""
        page: dict[str, Any] = {}
        while True:
            reply = self._send(
                "query",
                KeyConditionExpression="#agent = :agent AND #item BETWEEN :first AND :last",
                ExpressionAttributeNames={"#agent": "agent", "#item": "item"},
                ExpressionAttributeValues={
                    ":agent": {"S": self.partition},
                    ":first": {"S": f"{HEAD}{since}"},
                    ":last": {"S": f"{HEAD}~"},
                },
                ConsistentRead=True,
                **page,
            )
            yield from (_head(item) for item in reply["Items"])
            if "LastEvaluatedKey" not in reply:
                return
            page = {"ExclusiveStartKey": reply["LastEvaluatedKey"]}

    def _key(self, item: str) -> dict[str, Any]:
        return {"agent": {"S": self.partition}, "item": {"S": item}}

    def _now(self) -> int:
        return int(self._clock() * 1000)

    def _send(self, operation: str, **request: Any) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return getattr(self._client, operation)(TableName=self._table, **request)
        except self._client.exceptions.ConditionalCheckFailedException:
            raise
        except (ClientError, BotoCoreError) as error:
            raise AuditUnavailable(f"the heads of the audit trail: {type(error).__name__}") from error


def _head(item: Any) -> Head:
    version = item.get("schema_version", {}).get("N")
    writer = item["item"]["S"].removeprefix(HEAD)
    if version != str(SCHEMA_VERSION):
        raise AuditUnavailable(
            f"the head of {writer} has schema version {version}, known is {SCHEMA_VERSION}"
        )
    return Head(
        writer,
        int(item["seq"]["N"]),
        item["hash"]["S"],
        int(item["began_at"]["N"]),
        int(item["moved_at"]["N"]),
        int(item.get("exported", {}).get("N", 0)),
        int(item.get("exported_at", {}).get("N", 0)),
    )
