"""Reads of ranges and batched, fenced writes of items with binary attributes."""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from agent_runtime.errors import CheckpointSchemaUnknown, CheckpointUnavailable, LeaseLost
from agent_runtime.records import SCHEMA_VERSION

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

Item = dict[str, Any]
"""An item in DynamoDB's own notation, such as `{"pk": {"S": "a"}}`."""

_SENDS: Final = 4
_TRANSACTION_ITEMS: Final = 99
_TRANSACTION_BYTES: Final = 3 * 1024 * 1024
"""TransactWriteItems takes 100 items and 4 MB (DynamoDB API reference); the fence is one of them."""
_BATCH_READS: Final = 100
_BATCH_WRITES: Final = 25
_PASSES: Final = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
"""Reasons of a cancelled transaction that are gone a moment later."""


class Action(NamedTuple):
    """One part of a write."""

    kind: str
    """`Put`, `Update` or `ConditionCheck`."""
    request: dict[str, Any]
    size: int = 0
    """Its bytes, roughly."""


class ThreadTable:
    """One table with the keys `pk` and `sk`. All calls raise `CheckpointUnavailable`."""

    def __init__(self, client: "DynamoDBClient", name: str, clock: Callable[[], float]) -> None:
        self._client = client
        self._name = name
        self._clock = clock

    def rows(
        self, pk: str, first: str, last: str, *, newest_first: bool = False, page: int | None = None
    ) -> Iterator[Item]:
        """Items with `first` <= sort key <= `last` that have not expired: one request for each started MiB,
        or for each `page` items."""
        request: dict[str, Any] = {} if page is None else {"Limit": page}
        while True:
            reply = self._send(
                self._client.query,
                TableName=self._name,
                KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
                ExpressionAttributeValues={":pk": {"S": pk}, ":first": {"S": first}, ":last": {"S": last}},
                ConsistentRead=True,
                ScanIndexForward=not newest_first,
                **request,
            )
            yield from filter(self._is_alive, reply["Items"])
            if "LastEvaluatedKey" not in reply:
                return
            request = {"ExclusiveStartKey": reply["LastEvaluatedKey"]}

    def items(self, pk: str, sort_keys: Iterable[str]) -> dict[str, Item]:
        """The items that are there, by sort key: one request for each started 100, or 16 MB."""
        keys = [_key(pk, sort_key) for sort_key in sort_keys]
        found: list[Item] = []
        while keys:
            some, keys = keys[:_BATCH_READS], keys[_BATCH_READS:]
            request = {self._name: {"Keys": some, "ConsistentRead": True}}
            reply = self._send(self._client.batch_get_item, RequestItems=request)
            found += reply["Responses"].get(self._name, [])
            keys += reply.get("UnprocessedKeys", {}).get(self._name, {}).get("Keys", [])
        return {item["sk"]["S"]: item for item in found if self._is_alive(item)}

    def write(self, actions: Sequence[Action], fence: Action | None = None) -> None:
        """Do all `actions`, or none if the fence does not hold: one request, unless they exceed what a
        transaction takes; then the last one goes last. Raises `LeaseLost`."""
        for batch in _batches(actions):
            parts = batch if fence is None else [fence, *batch]
            if len(parts) > 1:
                items = [{part.kind: {"TableName": self._name, **part.request}} for part in parts]
                self._send(self._client.transact_write_items, TransactItems=items)
            elif parts[0].kind == "Put":
                self._send(self._client.put_item, TableName=self._name, **parts[0].request)
            else:
                self._send(self._client.update_item, TableName=self._name, **parts[0].request)

    def put_all(self, items: Iterable[Item]) -> None:
        """Put all, 25 a request, not as one."""
        self._write_batches({"PutRequest": {"Item": item}} for item in items)

    def delete_all(self, items: Iterable[Item]) -> None:
        """Delete all, 25 a request, not as one."""
        self._write_batches(
            {"DeleteRequest": {"Key": _key(item["pk"]["S"], item["sk"]["S"])}} for item in items
        )

    def _write_batches(self, requests: Iterable[dict[str, Any]]) -> None:
        source = iter(requests)
        batch = list(islice(source, _BATCH_WRITES))
        while batch:
            reply = self._send(self._client.batch_write_item, RequestItems={self._name: batch})
            left = reply.get("UnprocessedItems", {}).get(self._name, [])
            batch = [*left, *islice(source, _BATCH_WRITES - len(left))]

    def _is_alive(self, item: Item) -> bool:
        if item.get("schema_version", {}).get("N") != str(SCHEMA_VERSION):
            raise CheckpointSchemaUnknown(
                f"{item['pk']['S']} {item['sk']['S']} has an unknown schema version"
            )
        return int(item["expires_at"]["N"]) > self._clock()

    def _send(self, operation: Callable[..., Any], **request: Any) -> Any:
        """Writes can be sent again: each gives the same items."""
        lost: Exception | None = None
        for attempt in range(_SENDS):
            try:
                return operation(**request)
            except HTTPClientError as error:
                lost = error
            except self._client.exceptions.ConditionalCheckFailedException as error:
                raise _lease_lost() from error
            except self._client.exceptions.TransactionCanceledException as error:
                reasons = {reason.get("Code", "") for reason in error.response.get("CancellationReasons", [])}
                if "ConditionalCheckFailed" in reasons:
                    raise _lease_lost() from error
                if not reasons & _PASSES:
                    raise CheckpointUnavailable(f"table {self._name} refused: {sorted(reasons)}") from error
                lost = error
                time.sleep(random.random() * 0.05 * 2**attempt)  # noqa: S311  jitter
            except (ClientError, BotoCoreError) as error:
                raise CheckpointUnavailable(f"table {self._name} refused: {error}") from error
        raise CheckpointUnavailable(f"table {self._name} does not answer") from lost


def envelope(pk: str, sk: str, expires_at: int) -> Item:
    """What every item carries. `expires_at` in seconds since 1970."""
    return {
        **_key(pk, sk),
        "schema_version": {"N": str(SCHEMA_VERSION)},
        "expires_at": {"N": str(expires_at)},
    }


def _key(pk: str, sk: str) -> Item:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _batches(actions: Sequence[Action]) -> Iterator[list[Action]]:
    batch: list[Action] = []
    for action in actions:
        size = sum(other.size for other in batch)
        if batch and (len(batch) == _TRANSACTION_ITEMS or size + action.size > _TRANSACTION_BYTES):
            yield batch
            batch = []
        batch.append(action)
    if batch:
        yield batch


def _lease_lost() -> LeaseLost:
    return LeaseLost("another worker, or a newer run, has taken this thread over")
