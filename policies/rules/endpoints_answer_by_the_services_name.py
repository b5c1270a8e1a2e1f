"""C43c: what agents call by a service's name reaches the endpoint in their network."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import NotKnown
from ._networks import ENDPOINT, VPC, placed_in

_ZONE = "aws:route53/zone:Zone"
_AT_GATEWAYS = ("dynamodb", "s3")
"""These have gateways as well, which need no names."""


def check(endpoint: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for interface endpoints of AWS's services in networks of agents. Private names are off by
    default; a zone of one's own may give them instead."""
    view = endpoint.view
    service = view.text("serviceName")
    if view.text("vpcEndpointType", "Gateway") != "Interface" or not service.startswith("com.amazonaws."):
        return
    if service.split(".", 3)[-1].removesuffix("-fips") in _AT_GATEWAYS or ".vpce." in service:
        return
    vpcs = [vpc for vpc in stack.referred(endpoint, "vpcId", VPC) if placed_in(vpc, stack)]
    if not vpcs or view.flag("privateDnsEnabled", False):
        return
    if any(stack.referring(vpc, _ZONE, by=("vpcs",)) for vpc in vpcs):
        raise NotKnown("privateDnsEnabled", "is off: the network's own zone may give the names instead.")
    yield Fail("agents that call the service by its name pass the endpoint by.", "privateDnsEnabled")


RULE = StackRule(
    id="C43c",
    name="endpoints-answer-by-the-services-name",
    title="Interface endpoints in networks of agents have private names",
    why="Calls then leave by the internet, or fail, and the endpoint costs money for nothing.",
    remediation="Set private_dns_enabled on the endpoint, as AgentNetwork does.",
    severity=Severity.MEDIUM,
    level=Level.PROD,
    types=types(ENDPOINT),
    sources=("https://docs.aws.amazon.com/vpc/latest/privatelink/create-interface-endpoint.html",),
    check=check,
)
