"""dynamodb:LeadingKeys: the partition keys that a request names.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from embedded_aws.authorizer import sources

UNREADABLE = ""
"""Where a partition key cannot be found: a condition on it fails; without one DynamoDB itself complains."""

_EQUALITY = re.compile(r"(?:^|[\s(])([#\w.-]+)\s*=\s*(:\w+)|(:\w+)\s*=\s*([#\w.-]+)")


def of_items(region: str, table_name: str, items: Iterable[Mapping[str, Any]]) -> tuple[str, ...] | None:
    """Of keys or whole items; None where the table does not exist."""
    hash_key = _hash_key(region, table_name, None)
    return None if hash_key is None else _unique(_text(item.get(hash_key)) for item in items)


def of_query(region: str, params: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Of a Query, on the table or on one of its indexes."""
    hash_key = _hash_key(region, str(params.get("TableName")), params.get("IndexName"))
    if hash_key is None:
        return None
    if legacy := params.get("KeyConditions"):
        condition = legacy.get(hash_key) or {}
        values = condition.get("AttributeValueList") or [None]
        return _unique(map(_text, values)) if condition.get("ComparisonOperator") == "EQ" else (UNREADABLE,)
    names: Mapping[str, str] = params.get("ExpressionAttributeNames") or {}
    values_by_name: Mapping[str, Any] = params.get("ExpressionAttributeValues") or {}
    expression = str(params.get("KeyConditionExpression") or "")
    equalities = [
        (left or name, value or right) for left, value, right, name in _EQUALITY.findall(expression)
    ]
    found = [values_by_name.get(value) for name, value in equalities if names.get(name, name) == hash_key]
    return _unique(map(_text, found)) if found else (UNREADABLE,)


def _hash_key(region: str, table_name: str, index_name: Any) -> str | None:
    table: Any = sources.table(region, table_name)
    if table is None:
        return None
    schema = table.schema
    if index_name is not None:
        indexes = [*table.indexes, *table.global_indexes]
        schema = next((index.schema for index in indexes if index.name == index_name), [])
    return next((str(key["AttributeName"]) for key in schema if key["KeyType"] == "HASH"), None)


def _text(value: Any) -> str:
    """`{"S": "a"}` is `a`. A number or binary key is compared as it was sent."""
    if isinstance(value, dict) and len(value) == 1:
        return str(next(iter(value.values())))
    return UNREADABLE


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))
