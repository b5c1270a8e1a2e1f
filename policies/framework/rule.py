"""A rule: data about it, and one pure function."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .index import StackIndex
from .outcomes import Fail, Level, Severity
from .resource import Resource

ResourceCheck = Callable[[Resource], Iterable[Fail]]
StackCheck = Callable[[Resource, StackIndex], Iterable[Fail]]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What all rules have. Ids of other tools are those that the rule answers to as well."""

    id: str
    """AG17 among those on agents, C02 among those that public scanners know too."""
    name: str
    """The desired state in lower case with hyphens; waivers and levels name the rule by it or by its id."""
    title: str
    why: str
    remediation: str
    severity: Severity
    types: frozenset[str]
    """Resource types that it judges, those of Kubernetes without a version. The judge finds rules by them and
    asks no other rule."""
    level: Level = Level.MANDATORY
    external: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    sources: tuple[str, ...] = ()
    """Pages that limits and defaults were taken from."""


@dataclass(frozen=True, kw_only=True)
class ResourceRule(Rule):
    """Judges one resource by what it says and by what AWS makes of what it leaves out."""

    check: ResourceCheck


@dataclass(frozen=True, kw_only=True)
class StackRule(Rule):
    """Judges one resource together with those that it is joined to."""

    check: StackCheck


EVERY = frozenset({"*"})
"""In place of resource types: a rule on what any resource may hold, such as a secret in clear."""


def types(*names: str) -> frozenset[str]:
    """Resource types of the package aws, written short: `types("sqs/queue:Queue")`."""
    return frozenset(name if name.count(":") > 1 else f"aws:{name}" for name in names)


def metadata(rule: Rule) -> dict[str, Any]:
    """What the manifest and the documentation tell of a rule."""
    return {
        "id": rule.id,
        "name": rule.name,
        "title": rule.title,
        "kind": "stack" if isinstance(rule, StackRule) else "resource",
        "level": rule.level.value,
        "severity": rule.severity.value,
        "why": rule.why,
        "remediation": rule.remediation,
        "types": sorted(rule.types),
        "external": {tool: list(ids) for tool, ids in sorted(rule.external.items())},
        "sources": list(rule.sources),
    }
