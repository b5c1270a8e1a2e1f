"""Statements that allow something on whatever there is, judged with what bounds a role.

A role is judged with all its policies, since actions that are harmless one by one open the account together.
A policy that reaches no role of this stack is judged by itself, but for permission boundaries, which grant
nothing.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..framework.documents import Statement, statements
from ..framework.index import StackIndex
from ..framework.outcomes import Fail
from ..framework.resource import Resource
from ._roles import ATTACHED, EXCLUSIVE, INLINE, MANAGED, ROLE, Rights, bounds_only, rights_of

_GROUPS_AND_USERS = ("aws:iam/groupPolicy:GroupPolicy", "aws:iam/userPolicy:UserPolicy")
GRANTING = (ROLE, INLINE, MANAGED, *_GROUPS_AND_USERS)
"""What grants something by a document."""
_EVERY_OF_KIND = re.compile(
    r"(?:[\w-]+[/:]|(?:alias|function|group|key|log-group|parameter|policy|repository|role|secret|stateMachine"
    r"|table|user)(?=[*?]))[*?]*\*(?:[/:]\*+)*"
)
"""The kinds are those whose names nothing else has: `role*` is every role, and `agent*` some queues."""
_BOUND_NO_RESOURCE = (
    "aws:currenttime",
    "aws:epochtime",
    "aws:referer",
    "aws:requestedregion",
    "aws:securetransport",
    "aws:useragent",
)
"""Condition keys that say when or how a call comes, and not what it reaches."""


@dataclass(frozen=True)
class Grant:
    """A statement that takes effect, where it stands, and what else bounds it."""

    statement: Statement
    holder: Resource
    rights: Rights

    def allows(self, action: str) -> bool:
        return self.statement.speaks_of_action(action) and self.rights.open(action)


def grants(held: Resource, stack: StackIndex) -> list[Grant]:
    """What the role or policy grants on whatever there is, without a condition that bounds it."""
    known = stack.once(_known)
    if held.urn not in known:
        known[held.urn] = list(_grants(held, stack))
    return known[held.urn]


def _known(_: StackIndex) -> dict[str, list[Grant]]:
    return {}


def _grants(held: Resource, stack: StackIndex) -> Iterator[Grant]:
    rights = rights_in(held, stack)
    for statement, holder in rights.held:
        if statement.allows and everywhere(statement) and not bounded(statement):
            yield Grant(statement, holder, rights)


def rights_in(held: Resource, stack: StackIndex) -> Rights:
    """What is judged with the role or policy: nothing where that is judged elsewhere."""
    return rights_of(held, stack) if held.type == ROLE else _by_itself(held, stack)


def _by_itself(policy: Resource, stack: StackIndex) -> Rights:
    if _judged_with_roles(policy, stack) or (policy.type == MANAGED and bounds_only(policy, stack)):
        return Rights(())
    held = statements(policy.view.value("policy"), "policy")
    return Rights(tuple((statement, policy) for statement in held))


def _judged_with_roles(policy: Resource, stack: StackIndex) -> bool:
    if policy.type == INLINE:
        return bool(stack.referred(policy, "role", ROLE))
    if stack.referring(policy, ROLE, by=("managedPolicyArns",)):
        return True
    attachments = stack.referring(policy, *ATTACHED, EXCLUSIVE, by=("policyArn", "policyArns"))
    return any(
        stack.referred(attached, key, ROLE)
        for attached in attachments
        for key in ("role", "roles", "roleName")
    )


def everywhere(statement: Statement) -> bool:
    """Whether it speaks of every resource, or of every one of a kind: `*`, `arn:aws:s3:::*`, `...:role/*`."""
    if statement.not_resources:
        return True
    return any(whole(pattern) or every_of_kind(pattern) for pattern in statement.resources)


def whole(pattern: str) -> bool:
    """Whether the pattern leaves the last part of an ARN open: `*`, `arn:aws:logs:*:*:*`."""
    parts = pattern.split(":", 5)
    return (parts[5] if len(parts) == 6 else pattern[-1:]).strip("*:/") == ""


def every_of_kind(pattern: str) -> bool:
    """`role/*` and `secret:*`: every one of the account, if not of every account."""
    parts = pattern.split(":", 5)
    return len(parts) == 6 and _EVERY_OF_KIND.fullmatch(parts[5]) is not None


def bounded(statement: Statement) -> bool:
    """Whether a condition bounds what it reaches. One that holds where its key is missing bounds nothing."""
    for operator, tested in statement.conditions.items():
        if operator.endswith("ifexists") or operator == "null" or "not" in operator:
            continue
        for key, values in tested.items():
            if key not in _BOUND_NO_RESOURCE and values and all(value.strip("*") for value in values):
                return True
    return False


def failures(held: Resource, stack: StackIndex, actions: Iterable[str], told: str) -> Iterable[Fail]:
    """A failure for each statement that grants some of the actions."""
    wanted = tuple(actions)
    for grant in grants(held, stack):
        if found := [action for action in wanted if grant.allows(action)]:
            more = f" and {len(found) - 3} more" if len(found) > 3 else ""
            yield Fail(f"{told}: {', '.join(found[:3])}{more}.", grant.statement.path, grant.holder.urn)
