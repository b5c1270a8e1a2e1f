"""What one call needs: actions on resources, each with its condition keys."""

from collections.abc import Mapping
from dataclasses import dataclass, field

ACCOUNT = "123456789012"
"""moto's default account."""

Keys = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Need:
    action: str
    resource: str = "*"
    context: Keys = field(default_factory=dict[str, tuple[str, ...]])
    """Condition keys in lower case."""


def keys(**given: str | None) -> dict[str, tuple[str, ...]]:
    """Condition keys with one value each: `sns__protocol` stands for `sns:protocol`. None is left out."""
    return {name.replace("__", ":").lower(): (value,) for name, value in given.items() if value is not None}


def arn(service: str, region: str, resource: str, *, account: str = ACCOUNT) -> str:
    return f"arn:aws:{service}:{region}:{account}:{resource}"
