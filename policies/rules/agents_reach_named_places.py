"""AG18: an agent's security group lets it reach named places and not the whole internet."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._roles import is_agents

GROUP = "aws:ec2/securityGroup:SecurityGroup"
_LEGACY, _V2 = (
    "aws:ec2/securityGroupRule:SecurityGroupRule",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
)
_EVERYWHERE = ("0.0.0.0/0", "::/0")


def check(group: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for groups with the tag `agent`, over rules in it and in resources of their own.

    A group that says nothing of egress has none: the provider takes AWS's own rule for everything away.
    """
    if not is_agents(group):
        return
    for rule in group.view.views("egress"):
        if _open(rule.texts("cidrBlocks")) or _open(rule.texts("ipv6CidrBlocks")):
            yield Fail("the agent may send to the whole internet.", rule.path)
    for rule in stack.referring(group, _LEGACY, by=("securityGroupId",)):
        view = rule.view
        if view.text("type") == "egress" and (
            _open(view.texts("cidrBlocks")) or _open(view.texts("ipv6CidrBlocks"))
        ):
            yield Fail("the agent may send to the whole internet.", "cidrBlocks", rule.urn)
    for rule in stack.referring(group, _V2, by=("securityGroupId",)):
        if _open([rule.view.text("cidrIpv4"), rule.view.text("cidrIpv6")]):
            yield Fail("the agent may send to the whole internet.", "cidrIpv4", rule.urn)


def _open(blocks: list[str]) -> bool:
    """Whether the blocks take in everywhere; two halves, as in 0.0.0.0/1 and 128.0.0.0/1, do as well."""
    return any(block in _EVERYWHERE or block.endswith(("/0", "/1")) for block in blocks)


RULE = StackRule(
    id="AG18",
    name="agents-reach-named-places",
    title="Security groups of agents have no egress to everywhere",
    why="An agent that read a secret and was talked into it can send it anywhere.",
    remediation="Name groups or prefix lists of endpoints; let the rest go through a proxy that has a list.",
    severity=Severity.HIGH,
    types=types(GROUP),
    sources=("https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html",),
    check=check,
)
