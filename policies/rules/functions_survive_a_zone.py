"""C08b: a function in a network has subnets in two availability zones."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import UNKNOWN

_FUNCTION = "aws:lambda/function:Function"
_SUBNET = "aws:ec2/subnet:Subnet"
_FEWEST = 2


def check(function: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for functions in a network. Of subnets elsewhere only their number is known."""
    if not (config := function.view.view("vpcConfig")).says("subnetIds"):
        return
    path = config.at("subnetIds")
    subnets = stack.referred(function, "vpcConfig", _SUBNET)
    zones = [_zone(subnet) for subnet in subnets]
    if len(subnets) >= _FEWEST:
        if None not in zones and len(set(zones)) < _FEWEST:
            yield Fail(f"all of its subnets are in {zones[0]}.", path)
        return
    ids = set(config.texts("subnetIds"))
    if len(ids) < _FEWEST:
        yield Fail(f"it has {len(ids)} subnet: where its zone fails, so does it.", path)


def _zone(subnet: Resource) -> str | None:
    """None where nothing tells yet: AWS chooses one of its own where none is given."""
    for key in ("availabilityZone", "availabilityZoneId"):
        if (held := subnet.props.get(key)) and held is not UNKNOWN:
            return str(held)
    return None


RULE = StackRule(
    id="C08b",
    name="functions-survive-a-zone",
    title="Functions in a network have subnets in two availability zones",
    why="When the one zone fails, the agent does.",
    remediation="Give subnet_ids of two availability zones at least.",
    severity=Severity.MEDIUM,
    level=Level.PROD,
    types=types(_FUNCTION),
    external={"Security Hub": ("Lambda.5",)},
    sources=("https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html",),
    check=check,
)
