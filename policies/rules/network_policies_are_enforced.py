"""C50d: network policies of a cluster are enforced, and not only written down."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import NotKnown
from ._network_policies import KINDS
from ._objects import all_of

_HELM = ("kubernetes:helm.sh:Release", "kubernetes:helm.sh:Chart")
_OTHERS = ("calico", "cilium", "tigera")
"""Charts whose agents enforce network policies in the add-on's place."""


def check(addon: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for the add-on vpc-cni beside network policies of the same stack. Off by default."""
    if addon.view.text("addonName") != "vpc-cni" or not any(True for _ in all_of(stack, *KINDS)):
        return
    said = addon.view.json("configurationValues")
    at = "configurationValues.enableNetworkPolicy"
    if said.flag("enableNetworkPolicy", False):
        return
    charts = (str(held.props.get("chart", "")).lower() for held in stack.of(*_HELM))
    if any(other in chart for chart in charts for other in _OTHERS):
        raise NotKnown(at, "is off: a chart of this stack may enforce network policies instead.")
    yield Fail("it enforces no network policy, so that every pod speaks with everyone.", at)


RULE = StackRule(
    id="C50d",
    name="network-policies-are-enforced",
    title="The network add-on of EKS enforces network policies",
    why="Policies that nothing enforces look like a wall and are none.",
    remediation='Set "enableNetworkPolicy": "true" in configuration_values of the add-on vpc-cni.',
    severity=Severity.HIGH,
    level=Level.PROD,
    types=types("eks/addon:Addon"),
    sources=("https://docs.aws.amazon.com/eks/latest/userguide/cni-network-policy-configure.html",),
    check=check,
)
