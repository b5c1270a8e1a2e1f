"""C41c: nothing gets a public address by the place it is started in."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types

_OF_DEFAULT_VPC = "aws:ec2/defaultSubnet:DefaultSubnet"


def check(subnet: Resource) -> Iterable[Fail]:
    """Off by default, except in the subnets that AWS made with the account."""
    if subnet.view.flag("mapPublicIpOnLaunch", subnet.type == _OF_DEFAULT_VPC):
        yield Fail("what starts in it has a public address.", "mapPublicIpOnLaunch")


RULE = ResourceRule(
    id="C41c",
    name="subnets-give-no-public-addresses",
    title="Subnets give no public addresses by themselves",
    why="A worker that was started in the wrong subnet would stand on the internet.",
    remediation="Leave map_public_ip_on_launch out, and give addresses to gateways and load balancers alone.",
    severity=Severity.MEDIUM,
    types=types("ec2/subnet:Subnet", _OF_DEFAULT_VPC),
    external={"Checkov": ("CKV_AWS_130",), "Security Hub": ("EC2.15",)},
    sources=("https://docs.aws.amazon.com/vpc/latest/userguide/vpc-ip-addressing.html",),
    check=check,
)
