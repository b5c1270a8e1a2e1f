"""Conditional writes to the checkpoint table: each says what stood in its way, and can be sent again."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from agent_runtime.errors import CheckpointUnavailable
from agent_runtime.records import Value, decode, encode

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

_SENDS: Final = 3
"""A lost response is answered by sending again, on top of botocore's own retries; writers know their own
token.
"""


class CheckpointTable:
    """One table with the keys `pk` and `sk`. All calls raise `CheckpointUnavailable`."""

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self._client = client
        self._name = name

    def put(
        self, item: Mapping[str, Value], condition: str, values: Mapping[str, Value]
    ) -> dict[str, Any] | None:
        """Put `item` if `condition` holds, else give back the item that is there. `#state` names `state`."""
        names = {"ExpressionAttributeNames": {"#state": "state"}} if "#state" in condition else {}
        return self._write(
            self._client.put_item,
            Item=encode(item),
            ConditionExpression=condition,
            ExpressionAttributeValues=encode(values),
            **names,
        )

    def update(
        self, key: Mapping[str, Value], changes: Mapping[str, Value], unchanged: Mapping[str, Value]
    ) -> dict[str, Any] | None:
        """Set `changes` (None removes) if the `unchanged` attributes still have these values, else as
        `put`."""
        names = {f"#{name}": name for name in {*changes, *unchanged}}
        sets = ", ".join(f"#{name} = :new_{name}" for name, value in changes.items() if value is not None)
        removes = ", ".join(f"#{name}" for name, value in changes.items() if value is None)
        return self._write(
            self._client.update_item,
            Key=encode(key),
            UpdateExpression=f"SET {sets}" + (f" REMOVE {removes}" if removes else ""),
            ConditionExpression=" AND ".join(f"#{name} = :old_{name}" for name in unchanged),
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=encode(
                {f":new_{name}": value for name, value in changes.items()}
                | {f":old_{name}": value for name, value in unchanged.items()}
            ),
        )

    def get(self, key: Mapping[str, Value]) -> dict[str, Any] | None:
        """The item as last written, or None."""
        item = self._send(self._client.get_item, Key=encode(key), ConsistentRead=True).get("Item")
        return None if item is None else decode(item)

    def query(self, pk: str, sort_key_prefix: str) -> Iterator[dict[str, Any]]:
        """Items in the order of their sort key: one request for each started MB."""
        page: dict[str, Any] = {}
        while True:
            reply = self._send(
                self._client.query,
                KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
                ExpressionAttributeValues=encode({":pk": pk, ":prefix": sort_key_prefix}),
                ConsistentRead=True,
                **page,
            )
            yield from (decode(item) for item in reply["Items"])
            if "LastEvaluatedKey" not in reply:
                return
            page = {"ExclusiveStartKey": reply["LastEvaluatedKey"]}

    def _write(self, operation: Callable[..., Any], **request: Any) -> dict[str, Any] | None:
        try:
            self._send(operation, ReturnValuesOnConditionCheckFailure="ALL_OLD", **request)
        except self._client.exceptions.ConditionalCheckFailedException as error:
            item = error.response.get("Item")
            return {} if item is None else decode(item)
        return None

    def _send(self, operation: Callable[..., Any], **request: Any) -> Any:
        lost: Exception | None = None
        for _ in range(_SENDS):
            try:
                return operation(TableName=self._name, **request)
            except self._client.exceptions.ConditionalCheckFailedException:
                raise
            except HTTPClientError as error:
                lost = error
            except (ClientError, BotoCoreError) as error:
                raise CheckpointUnavailable(f"table {self._name} refused: {_code(error)}") from error
        raise CheckpointUnavailable(f"table {self._name} does not answer") from lost


def _code(error: Exception) -> str:
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code", "unknown")
    return type(error).__name__
