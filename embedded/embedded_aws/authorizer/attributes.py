"""dynamodb:Attributes: the top-level attributes that a request names, in its keys and items as in its
expressions.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.Attributes.html
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

_EXPRESSIONS = (
    "ConditionExpression",
    "FilterExpression",
    "KeyConditionExpression",
    "ProjectionExpression",
    "UpdateExpression",
)
_BY_NAME = ("AttributeUpdates", "Expected", "Item", "Key", "KeyConditions", "QueryFilter", "ScanFilter")
"""Parameters whose keys are attributes; most are of the API before expressions."""
_WORD = re.compile(r":\w+|\[\d+\]|(?:\.\s*)?#?\w+")
_KEYWORDS = frozenset({"set", "remove", "add", "delete", "and", "or", "not", "between", "in"})
_FUNCTION = re.compile(r"\s*\(")
_FUNCTIONS = frozenset({
    "attribute_exists", "attribute_not_exists", "attribute_type", "begins_with", "contains", "if_not_exists",
    "list_append", "size",
})  # fmt: skip


def of_requests(requests: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """In the order in which they are named first. A request that names none asks for all."""
    return tuple(dict.fromkeys(name for request in requests for name in _of_request(request)))


def _of_request(params: Mapping[str, Any]) -> Iterable[str]:
    for name in _BY_NAME:
        given = params.get(name)
        yield from given if isinstance(given, dict) else ()
    yield from params.get("AttributesToGet") or ()
    names: Mapping[str, str] = params.get("ExpressionAttributeNames") or {}
    for name in _EXPRESSIONS:
        yield from _of_expression(str(params.get(name) or ""), names)


def _of_expression(expression: str, names: Mapping[str, str]) -> Iterable[str]:
    """Of a path such as `#a.b[0]` the first part alone; a name that stands for nothing is left as it is, and
    fits no policy."""
    for found in _WORD.finditer(expression):
        word = found[0]
        if word.startswith((":", ".", "[")) or word.lower() in _KEYWORDS:
            continue
        if word in _FUNCTIONS and _FUNCTION.match(expression, found.end()):
            continue
        yield names.get(word, word)
