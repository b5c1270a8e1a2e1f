"""C42b: each rule of a security group says what it is for."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types


def check(held: Resource) -> Iterable[Fail]:
    """Answers for rules in a group and for those that are resources of their own."""
    if not held.type.endswith("Group"):
        if not held.view.text("description"):
            yield Fail("nobody said what it is for.", "description")
        return
    for key in ("ingress", "egress"):
        for rule in held.view.views(key):
            if not rule.text("description"):
                yield Fail("nobody said what it is for.", rule.at("description"))


RULE = ResourceRule(
    id="C42b",
    name="rules-of-groups-are-described",
    title="Rules of security groups have a description",
    why="A rule that nobody remembers the reason of is never taken away.",
    remediation="Set a description for each rule.",
    severity=Severity.LOW,
    level=Level.ADVISORY,
    types=types(
        "ec2/securityGroup:SecurityGroup",
        "ec2/securityGroupRule:SecurityGroupRule",
        "vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        "vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    ),
    external={"Checkov": ("CKV_AWS_23",), "cdk-nag": ("AwsSolutions-EC27",)},
    sources=("https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html",),
    check=check,
)
