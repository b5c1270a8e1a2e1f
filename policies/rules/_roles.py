"""Roles and the policies that reach them, inline, attached or in resources of their own."""

from collections.abc import Iterator

from ..framework.documents import Statement, statements
from ..framework.index import StackIndex
from ..framework.resource import Resource
from ..framework.values import UNKNOWN, NotKnown

ROLE = "aws:iam/role:Role"
_INLINE = ("aws:iam/rolePolicy:RolePolicy",)
_ATTACHED = ("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "aws:iam/policyAttachment:PolicyAttachment")
_MANAGED = "aws:iam/policy:Policy"


def is_agents(resource: Resource) -> bool:
    """Whether the resource belongs to an agent: it has the tag `agent`."""
    return bool(resource.tag("agent"))


def policies_of(role: Resource, stack: StackIndex) -> Iterator[tuple[Statement, Resource]]:
    """Every statement of the role's policies in this stack, with the resource that holds it."""
    for policy in role.view.views("inlinePolicies"):
        for statement in statements(policy.value("policy"), policy.at("policy")):
            yield statement, role
    for inline in stack.referring(role, *_INLINE, by=("role",)):
        for statement in statements(inline.view.value("policy"), "policy"):
            yield statement, inline
    for attached in stack.referring(role, *_ATTACHED, by=("role", "roles")):
        managed = stack.referred(attached, "policyArn", _MANAGED)
        if not managed and attached.props.get("policyArn") is UNKNOWN:
            raise NotKnown("policyArn")
        for policy in managed:
            for statement in statements(policy.view.value("policy"), "policy"):
                yield statement, policy
    for arn in (
        role.view.texts("managedPolicyArns") if role.props.get("managedPolicyArns") is not UNKNOWN else ()
    ):
        for policy in stack.of(_MANAGED):
            if policy.props.get("arn") == arn:
                for statement in statements(policy.view.value("policy"), "policy"):
                    yield statement, policy
