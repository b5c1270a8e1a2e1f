"""Roles, the policies that reach them, and what these come to with denials and the permission boundary."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ..framework.documents import Statement, statements
from ..framework.index import StackIndex
from ..framework.patterns import covers_somewhere
from ..framework.resource import Resource
from ..framework.values import UNKNOWN, NotKnown

ROLE = "aws:iam/role:Role"
MANAGED = "aws:iam/policy:Policy"
INLINE = "aws:iam/rolePolicy:RolePolicy"
ATTACHED = ("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "aws:iam/policyAttachment:PolicyAttachment")
EXCLUSIVE = "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive"


def is_agents(resource: Resource) -> bool:
    """Whether the resource belongs to an agent: it has the tag `agent`."""
    return bool(resource.tag("agent"))


def policies_of(role: Resource, stack: StackIndex) -> Iterator[tuple[Statement, Resource]]:
    """Every statement of the role's policies in this stack, with the resource that holds it."""
    for policy in role.view.views("inlinePolicies"):
        for statement in statements(policy.value("policy"), policy.at("policy")):
            yield statement, role
    for inline in stack.referring(role, INLINE, by=("role",)):
        for statement in statements(inline.view.value("policy"), "policy"):
            yield statement, inline
    for policy in _managed(role, stack):
        for statement in statements(policy.view.value("policy"), "policy"):
            yield statement, policy


def _managed(role: Resource, stack: StackIndex) -> list[Resource]:
    found = stack.referred(role, "managedPolicyArns", MANAGED)
    attachments = [(held, "policyArn") for held in stack.referring(role, *ATTACHED, by=("role", "roles"))]
    attachments += [(held, "policyArns") for held in stack.referring(role, EXCLUSIVE, by=("roleName",))]
    for held, key in attachments:
        managed = stack.referred(held, key, MANAGED)
        if not managed and held.props.get(key) is UNKNOWN:
            raise NotKnown(key)
        found += managed
    return list({policy.urn: policy for policy in found}.values())


@dataclass(frozen=True)
class Boundary:
    """A permission boundary, asked once about each action, however many roles carry it."""

    held: tuple[Statement, ...]
    known: dict[str, bool] = field(default_factory=dict[str, bool])

    def leaves_open(self, action: str) -> bool:
        if action not in self.known:
            allowing = any(one.allows and one.speaks_of_action(action) for one in self.held)
            self.known[action] = allowing and not denied(self.held, action)
        return self.known[action]


@dataclass(frozen=True)
class Rights:
    """What a role's policies come to. A denial counts where it has no condition; a boundary that lies outside
    this stack takes nothing away, so that the role's own policies must do by themselves."""

    held: tuple[tuple[Statement, Resource], ...]
    boundary: Boundary | None = None

    def open(self, action: str) -> bool:
        """Whether a policy that allowed the action, on whatever resource, would take effect."""
        if self.boundary is not None and not self.boundary.leaves_open(action):
            return False
        return not denied((statement for statement, _ in self.held), action)

    def allowing(self, action: str) -> Iterator[tuple[Statement, Resource]]:
        """The statements by which the role may do it, on whatever resource."""
        if self.open(action):
            for statement, holder in self.held:
                if statement.allows and statement.speaks_of_action(action):
                    yield statement, holder


def denied(held: Iterable[Statement], action: str) -> bool:
    """Whether the action is denied for every resource and whatever the condition."""
    return any(
        not one.allows and not one.conditions and "*" in one.resources and one.speaks_of_action(action)
        for one in held
    )


def covers(statement: Statement, arn: str) -> bool:
    """Whether the statement's resources have one in common with `arn`, which may be a pattern."""
    if statement.not_resources:
        return not any(covers_somewhere(pattern, arn) for pattern in statement.not_resources)
    return any(covers_somewhere(pattern, arn) for pattern in statement.resources)


def boundary_of(role: Resource, stack: StackIndex) -> Resource | None:
    """The policy that is the role's permission boundary, where this stack holds it."""
    found = stack.referred(role, "permissionsBoundary", MANAGED)
    return found[0] if found else None


def rights_of(role: Resource, stack: StackIndex) -> Rights:
    """Raises `NotKnown` where one of the policies is unknown: it might allow, and it might deny."""
    known = stack.once(_rights)
    if role.urn not in known:
        boundary = boundary_of(role, stack)
        known[role.urn] = Rights(
            tuple(policies_of(role, stack)),
            None if boundary is None else _boundary(boundary, stack),
        )
    return known[role.urn]


def _rights(_: StackIndex) -> dict[str, Rights]:
    return {}


def _boundary(policy: Resource, stack: StackIndex) -> Boundary:
    known = stack.once(_boundaries)
    if policy.urn not in known:
        known[policy.urn] = Boundary(statements(policy.view.value("policy"), "policy"))
    return known[policy.urn]


def _boundaries(_: StackIndex) -> dict[str, Boundary]:
    return {}


def bounds_only(policy: Resource, stack: StackIndex) -> bool:
    """Whether the policy is a permission boundary and grants nothing. One that nobody uses here counts as one
    where it is called so: it is made for roles of other stacks."""
    granted = [
        other
        for other in stack.referring(policy, by=("policyArn", "policyArns", "managedPolicyArns"))
        if other.type != MANAGED
    ]
    if granted:
        return False
    return bool(stack.referring(policy, by=("permissionsBoundary",))) or "boundary" in policy.name.lower()
