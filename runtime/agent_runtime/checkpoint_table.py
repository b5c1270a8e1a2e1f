"""Conditional writes to the checkpoint table: each says what stood in its way, and can be sent again."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from agent_runtime.errors import CheckpointUnavailable
from agent_runtime.records import Value, decode, encode

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

_SENDS: Final = 3
"""A lost response is answered by sending again, on top of botocore's own retries; writers know their own
token.
"""
_NAME = re.compile(r"#(\w+)")


class Update(NamedTuple):
    """How an update went."""

    is_written: bool
    item: dict[str, Any]
    """As it is now where the update asked for it; as it was found where the condition failed, empty if there
    was none."""


class CheckpointTable:
    """One table with the keys `pk` and `sk`. All calls raise `CheckpointUnavailable`.

    In conditions `#name` stands for the attribute `name`: many of ours are reserved words of DynamoDB.
    """

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self.client = client
        self.name = name

    def put(
        self,
        item: Mapping[str, Value],
        condition: str | None = None,
        values: Mapping[str, Value] | None = None,
    ) -> dict[str, Any] | None:
        """Put `item` if `condition` holds, else give back the item that is there (empty: none)."""
        guard = {} if condition is None else {"ConditionExpression": condition, **_names(condition)}
        if values:
            guard["ExpressionAttributeValues"] = encode(values)
        done = self._write(self.client.put_item, Item=encode(item), **guard)
        return None if done.is_written else done.item

    def update(
        self,
        key: Mapping[str, Value],
        changes: Mapping[str, Value],
        condition: str,
        values: Mapping[str, Value],
        *,
        increments: tuple[str, ...] = (),
        defaults: Mapping[str, Value] | None = None,
        returning: bool = False,
    ) -> Update:
        """Set `changes` (None removes), add 1 to `increments` and set those of `defaults` that are absent, if
        `condition` over `values` holds."""
        sets = [f"#{name} = :new_{name}" for name, value in changes.items() if value is not None]
        sets += [f"#{name} = if_not_exists(#{name}, :zero) + :one" for name in increments]
        given_defaults = {name: value for name, value in (defaults or {}).items() if value is not None}
        sets += [f"#{name} = if_not_exists(#{name}, :default_{name})" for name in given_defaults]
        removes = [f"#{name}" for name, value in changes.items() if value is None]
        expression = f"SET {', '.join(sets)}" + (f" REMOVE {', '.join(removes)}" if removes else "")
        given = {f":new_{name}": value for name, value in changes.items()} | dict(values)
        given |= {f":default_{name}": value for name, value in given_defaults.items()}
        return self._write(
            self.client.update_item,
            Key=encode(key),
            UpdateExpression=expression,
            ConditionExpression=condition,
            **_names(f"{expression} {condition}"),
            ExpressionAttributeValues=encode(given | ({":zero": 0, ":one": 1} if increments else {})),
            **({"ReturnValues": "ALL_NEW"} if returning else {}),
        )

    def get(self, key: Mapping[str, Value], *, only: tuple[str, ...] = ()) -> dict[str, Any] | None:
        """The item as last written, with the attributes `only` if any are named, or None."""
        shown: dict[str, Any] = {}
        if only:
            wanted = " ".join(f"#{name}" for name in ("pk", "sk", "schema_version", *only))
            shown = {"ProjectionExpression": wanted.replace(" ", ", "), **_names(wanted)}
        item = self._send(self.client.get_item, Key=encode(key), ConsistentRead=True, **shown).get("Item")
        return None if item is None else decode(item)

    def query(
        self,
        pk: str,
        first: str,
        last: str,
        *,
        most: int | None = None,
        newest_first: bool = False,
        only: tuple[str, ...] = (),
    ) -> Iterator[dict[str, Any]]:
        """Items with `first` <= sort key <= `last` in their order, or in the reverse of it, with the
        attributes `only` beside their keys, if any are named: one request for each started MiB, and with
        `most` only one."""
        page: dict[str, Any] = {} if most is None else {"Limit": most}
        order: dict[str, Any] = {"ScanIndexForward": False} if newest_first else {}
        if only:
            wanted = " ".join(f"#{name}" for name in ("pk", "sk", "schema_version", *only))
            order |= {"ProjectionExpression": wanted.replace(" ", ", "), **_names(wanted)}
        while True:
            reply = self._send(
                self.client.query,
                KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
                ExpressionAttributeValues=encode({":pk": pk, ":first": first, ":last": last}),
                ConsistentRead=True,
                **order,
                **page,
            )
            yield from (decode(item) for item in reply["Items"])
            if "LastEvaluatedKey" not in reply or most is not None:
                return
            page = {"ExclusiveStartKey": reply["LastEvaluatedKey"]}

    def due(self, shard: str, now: int, most: int) -> list[dict[str, Value]]:
        """Keys in the index `due` of one shard whose time, in milliseconds, has come; oldest first."""
        reply = self._send(
            self.client.query,
            IndexName="due",
            KeyConditionExpression="due_shard = :shard AND due_at <= :now",
            ExpressionAttributeValues=encode({":shard": shard, ":now": now}),
            Limit=most,
        )
        return [{"pk": item["pk"]["S"], "sk": item["sk"]["S"]} for item in reply["Items"]]

    def keys_in(self, shard: str) -> Iterator[dict[str, Value]]:
        """All keys in the index `due` of one shard, whatever their time; the index is a moment behind."""
        page: dict[str, Any] = {}
        while True:
            reply = self._send(
                self.client.query,
                IndexName="due",
                KeyConditionExpression="due_shard = :shard",
                ExpressionAttributeValues=encode({":shard": shard}),
                **page,
            )
            yield from ({"pk": item["pk"]["S"], "sk": item["sk"]["S"]} for item in reply["Items"])
            if "LastEvaluatedKey" not in reply:
                return
            page = {"ExclusiveStartKey": reply["LastEvaluatedKey"]}

    def every(self, sort_key: str, only: tuple[str, ...]) -> Iterator[dict[str, Any]]:
        """Every item with this sort key, with the attributes `only` beside its keys. It reads the whole
        table, and costs as much."""
        wanted = " ".join(f"#{name}" for name in ("pk", "sk", "schema_version", *only))
        page: dict[str, Any] = {}
        while True:
            reply = self._send(
                self.client.scan,
                FilterExpression="sk = :sk",
                ProjectionExpression=wanted.replace(" ", ", "),
                **_names(wanted),
                ExpressionAttributeValues=encode({":sk": sort_key}),
                **page,
            )
            yield from (decode(item) for item in reply["Items"])
            if "LastEvaluatedKey" not in reply:
                return
            page = {"ExclusiveStartKey": reply["LastEvaluatedKey"]}

    def _write(self, operation: Callable[..., Any], **request: Any) -> Update:
        try:
            reply = self._send(operation, ReturnValuesOnConditionCheckFailure="ALL_OLD", **request)
        except self.client.exceptions.ConditionalCheckFailedException as error:
            item = error.response.get("Item")
            return Update(False, {} if item is None else decode(item))
        return Update(True, decode(reply["Attributes"]) if "ReturnValues" in request else {})

    def _send(self, operation: Callable[..., Any], **request: Any) -> Any:
        lost: Exception | None = None
        for _ in range(_SENDS):
            try:
                return operation(TableName=self.name, **request)
            except self.client.exceptions.ConditionalCheckFailedException:
                raise
            except HTTPClientError as error:
                lost = error
            except (ClientError, BotoCoreError) as error:
                raise CheckpointUnavailable(f"table {self.name} refused: {_code(error)}") from error
        raise CheckpointUnavailable(f"table {self.name} does not answer") from lost


def _names(expression: str) -> dict[str, Any]:
    found = {f"#{name}": name for name in _NAME.findall(expression)}
    return {"ExpressionAttributeNames": found} if found else {}


def _code(error: Exception) -> str:
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code", "unknown")
    return type(error).__name__
