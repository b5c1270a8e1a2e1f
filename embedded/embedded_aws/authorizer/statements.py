"""A policy document, read once."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from embedded_aws.authorizer.conditions import Conditions, hold
from embedded_aws.authorizer.patterns import Context, like, resource_like
from embedded_aws.authorizer.principals import Grant, Principal, Principals, grant_to, spares


class UnreadablePolicy(Exception):
    """A document that is not an IAM policy. Whoever reads it must refuse the call."""


@dataclass(frozen=True)
class Statement:
    name: str
    allows: bool
    actions: tuple[str, ...]
    not_actions: bool
    resources: tuple[str, ...] | None
    """None where the policy names none: a trust policy."""
    not_resources: bool
    principals: Principals | None
    not_principals: bool
    conditions: Conditions
    variables: bool
    """Variables came with the policy language of 2012-10-17; before it `${` is text."""

    def covers(self, action: str, resource: str, context: Context) -> bool:
        """Whether action and resource match. The conditions are another question."""
        named = any(like(pattern, action, ignore_case=True) for pattern in self.actions)
        if named == self.not_actions:
            return False
        if self.resources is None:
            return True
        named = any(resource_like(r, resource, context, variables=self.variables) for r in self.resources)
        return named != self.not_resources

    def holds(self, context: Context) -> bool:
        return hold(self.conditions, context, variables=self.variables)

    def grants_to(self, principal: Principal) -> Grant:
        """For a resource's policy: whether it speaks of the caller."""
        if self.principals is None:
            return Grant.NONE
        if not self.not_principals:
            return grant_to(principal, self.principals)
        if self.allows:
            return Grant.DIRECT if grant_to(principal, self.principals) is Grant.NONE else Grant.NONE
        return Grant.NONE if spares(principal, self.principals) else Grant.DIRECT


@lru_cache(maxsize=4096)
def read(text: str) -> tuple[Statement, ...]:
    """The statements of a policy.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
    """
    try:
        document = json.loads(text)
        variables = document.get("Version", "2008-10-17") >= "2012-10-17"
        statements = document["Statement"]
        listed = cast("list[dict[str, Any]]", statements if isinstance(statements, list) else [statements])
        return tuple(_statement(index, given, variables) for index, given in enumerate(listed))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UnreadablePolicy(f"a policy cannot be read: {error!r}") from error


def _statement(index: int, given: Mapping[str, Any], variables: bool) -> Statement:
    if given["Effect"] not in {"Allow", "Deny"}:
        raise ValueError(f"Effect is {given['Effect']!r}")
    if ("Action" in given) == ("NotAction" in given):
        raise ValueError("a statement has one of Action and NotAction")
    principals = given.get("Principal", given.get("NotPrincipal"))
    resources = given.get("Resource", given.get("NotResource"))
    return Statement(
        name=str(given.get("Sid") or f"statement {index + 1}"),
        allows=given["Effect"] == "Allow",
        actions=_texts(given.get("Action", given.get("NotAction"))),
        not_actions="NotAction" in given,
        resources=None if resources is None else _texts(resources),
        not_resources="NotResource" in given,
        principals=None if principals is None else _principals(principals),
        not_principals="NotPrincipal" in given,
        conditions={
            name: {key: _texts(values) for key, values in keys.items()}
            for name, keys in (given.get("Condition") or {}).items()
        },
        variables=variables,
    )


def _principals(given: Any) -> Principals:
    if given == "*":
        return {"AWS": ("*",)}
    return {kind: _texts(names) for kind, names in given.items()}


def _texts(given: Any) -> tuple[str, ...]:
    values = cast("list[Any]", given if isinstance(given, list) else [given])
    return tuple(str(v).lower() if isinstance(v, bool) else str(v) for v in values)
