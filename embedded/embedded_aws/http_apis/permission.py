"""Whether a function's policy lets an API call it.

https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

_SERVICE = "apigateway.amazonaws.com"


def permits(
    statements: Iterable[Mapping[str, Any]], function_arn: str, source_arns: Iterable[str], account: str
) -> bool:
    """`function_arn` has the qualifier that is called: a statement for another one does not count."""
    sources = list(source_arns)
    return any(_permits(statement, function_arn, sources, account) for statement in statements)


def source_arns(region: str, account: str, api_id: str, stage: str, method: str, route_key: str) -> list[str]:
    """The names by which a call is known: its route's path, under the route's method and under its own."""
    api = f"arn:aws:execute-api:{region}:{account}:{api_id}/{stage}"
    declared, _, path = route_key.partition(" ")
    if not path:
        return [f"{api}/{route_key}"]
    return [f"{api}/{name}{path}" for name in {"*" if declared == "ANY" else declared, method}]


def _permits(statement: Mapping[str, Any], function_arn: str, sources: list[str], account: str) -> bool:
    if statement.get("Effect") != "Allow" or statement.get("Resource") != function_arn:
        return False
    if statement.get("Action") not in ("lambda:InvokeFunction", "lambda:*"):
        return False
    principal: Any = statement.get("Principal")
    if principal != "*" and not (isinstance(principal, dict) and principal.get("Service") == _SERVICE):
        return False
    for operator, conditions in (statement.get("Condition") or {}).items():
        for key, pattern in conditions.items():
            given = {"aws:sourcearn": sources, "aws:sourceaccount": [account]}.get(key.lower())
            if given is None or not any(_like(operator, pattern, value) for value in given):
                return False
    return True


def _like(operator: str, pattern: str, value: str) -> bool:
    if operator in ("ArnLike", "ArnEquals", "StringLike"):
        expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
        return re.fullmatch(expression, value) is not None
    return operator == "StringEquals" and pattern == value
