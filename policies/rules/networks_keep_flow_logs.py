"""C41: a network remembers who spoke with whom."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._joins import adding

_FLOWS = "aws:ec2/flowLog:FlowLog"


def check(vpc: Resource, stack: StackIndex) -> Iterable[Fail]:
    """A network has none by default. One of what was let through alone does not show who tried."""
    logs = adding(vpc, stack, _FLOWS, by="vpcId")
    if not logs:
        yield Fail("nobody can tell what was sent where.")
    elif all(log.view.text("trafficType", "ALL") == "ACCEPT" for log in logs):
        yield Fail("its flow logs leave out what was refused.", "trafficType", logs[0].urn)


RULE = StackRule(
    id="C41",
    name="networks-keep-flow-logs",
    title="Networks have flow logs",
    why="After an agent was talked into sending data away, this log alone tells how much and where to.",
    remediation="Make a FlowLog with traffic_type ALL; AgentNetwork does.",
    severity=Severity.MEDIUM,
    types=types("ec2/vpc:Vpc", "ec2/defaultVpc:DefaultVpc"),
    external={
        "Checkov": ("CKV2_AWS_11",),
        "Security Hub": ("EC2.6",),
        "cdk-nag": ("AwsSolutions-VPC7",),
    },
    sources=("https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs.html",),
    check=check,
)
