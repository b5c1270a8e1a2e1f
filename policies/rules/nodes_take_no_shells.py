"""C40: nobody opens a shell on a node from anywhere."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types


def check(nodes: Resource) -> Iterable[Fail]:
    """With a key and no groups, EKS opens port 22 to the whole internet."""
    access = nodes.view.view("remoteAccess")
    if access.says("ec2SshKey") and not access.says("sourceSecurityGroupIds"):
        yield Fail("its nodes take SSH from everywhere.", access.at("sourceSecurityGroupIds"))


RULE = ResourceRule(
    id="C40",
    name="nodes-take-no-shells",
    title="Nodes take no SSH from everywhere",
    why="A node holds the credentials of all pods on it.",
    remediation="Leave remote_access out and use Session Manager, or name source_security_group_ids.",
    severity=Severity.CRITICAL,
    types=types("eks/nodeGroup:NodeGroup"),
    external={"Checkov": ("CKV_AWS_100",)},
    sources=("https://docs.aws.amazon.com/eks/latest/APIReference/API_RemoteAccessConfig.html",),
    check=check,
)
