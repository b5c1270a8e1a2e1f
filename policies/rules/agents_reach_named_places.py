"""AG18: an agent's security group lets it reach named places and not the whole internet."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._networks import GROUP, is_of_agents, open_ways_out


def check(group: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for groups with the tag `agent` and for those that an agent's runtime is in, over rules in them
    and in resources of their own.
    """
    if is_of_agents(group, stack):
        for _, path, urn in open_ways_out(group, stack):
            yield Fail("the agent may send to the whole internet.", path, urn)


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
