"""C42c: where an agent must reach the internet, it does so by one port."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import View
from ._networks import GROUP, is_of_agents, open_ways_out

_ALL = ("-1", "all")
_HIGHEST = 65_535


def check(group: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for groups of agents: AG18 asks for named places, and where it is waived this one holds."""
    if is_of_agents(group, stack):
        for rule, path, urn in open_ways_out(group, stack):
            if _whole(rule):
                yield Fail("the agent may send to the whole internet by every port.", path, urn)


def _whole(rule: View) -> bool:
    protocol = rule.text("protocol") or rule.text("ipProtocol")
    least, most = rule.number("fromPort", 0) or 0, rule.number("toPort", 0) or 0
    return protocol.lower() in _ALL or (least <= 1 and most >= _HIGHEST)


RULE = StackRule(
    id="C42c",
    name="agents-open-no-port-to-everywhere",
    title="Security groups of agents do not open every port to everywhere",
    why="Names are asked for, and files are carried out, by ports that nobody watches.",
    remediation="Open TCP 443 alone, and that to named places.",
    severity=Severity.HIGH,
    types=types(GROUP),
    external={"Checkov": ("CKV_AWS_382",)},
    sources=("https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html",),
    check=check,
)
