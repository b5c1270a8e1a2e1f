"""Asks one rule about resources that a test writes down."""

import copy
import json
from collections.abc import Mapping
from typing import Any

from policies.framework.judge import Judge
from policies.framework.outcomes import Finding, Outcome
from policies.framework.resource import Resource
from policies.framework.rule import Rule
from policies.framework.values import UNKNOWN
from policies.rules import all_rules

ABSENT = object()
"""In place of a value: the property is not there."""
ACCOUNT = "123456789012"


def rule(name: str) -> Rule:
    return next(rule for rule in all_rules() if name in (rule.id, rule.name))


def resource(
    kind: str, name: str, props: dict[str, Any], made_from: dict[str, tuple[str, ...]] | None = None
) -> Resource:
    """A resource; `made_from` names, by property, the resources that it was made from."""
    joined = {key: tuple(_urn(other) for other in others) for key, others in (made_from or {}).items()}
    return Resource(f"aws:{kind}" if kind.count(":") < 2 else kind, props, _urn(name), name, "", joined)


def _urn(name: str) -> str:
    return f"urn:pulumi:test::test::type::{name}"


def found(rule_name: str, *resources: Resource) -> list[Finding]:
    return Judge([rule(rule_name)]).everything(resources)


def passes(rule_name: str, *resources: Resource) -> bool:
    return found(rule_name, *resources) == []


def fails(rule_name: str, *resources: Resource) -> list[str]:
    """Messages of the failures; other outcomes are an error of the test."""
    told = found(rule_name, *resources)
    assert all(one.outcome is Outcome.FAIL for one in told), [one.line for one in told]
    return [one.message for one in told]


def unchecked(rule_name: str, *resources: Resource) -> list[str]:
    """Paths of the values that the rule missed; no failure beside them."""
    told = found(rule_name, *resources)
    assert all(one.outcome is Outcome.NOT_CHECKED and not one.blocks for one in told), told
    return [one.path for one in told]


def changed(props: dict[str, Any], **given: Any) -> dict[str, Any]:
    """A copy with some properties set, or left out by `ABSENT`."""
    fresh = {**copy.copy(props), **given}
    return {key: value for key, value in fresh.items() if value is not ABSENT}


def broken(valid: Mapping[str, tuple[str, dict[str, Any]]], rule: str, **given: Any) -> Resource:
    """The valid resource of the rule, with some properties set, or left out by `ABSENT`."""
    kind, props = valid[rule]
    return resource(kind, "one", changed(props, **given))


def text(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


__all__ = [
    "ABSENT",
    "ACCOUNT",
    "UNKNOWN",
    "broken",
    "changed",
    "fails",
    "found",
    "passes",
    "resource",
    "text",
    "unchecked",
]
