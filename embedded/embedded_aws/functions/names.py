"""The ways to name a function: a name, a partial ARN or a full ARN, each with or without a qualifier."""

import re
from dataclasses import dataclass

_NAMED = re.compile(
    r"(?:arn:aws[a-z-]*:lambda:(?P<region>[a-z0-9-]+):)?"
    r"(?:(?P<account>\d{12}):)?"
    r"(?:function:)?"
    r"(?P<name>[A-Za-z0-9_-]+)"
    r"(?::(?P<qualifier>\$LATEST|[A-Za-z0-9_-]+))?"
)


@dataclass(frozen=True)
class FunctionName:
    name: str
    qualifier: str | None = None
    region: str | None = None


def parse(text: str) -> FunctionName | None:
    """`FunctionName` of https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html, or None."""
    found = _NAMED.fullmatch(text)
    if found is None:
        return None
    return FunctionName(found["name"], found["qualifier"], found["region"])
