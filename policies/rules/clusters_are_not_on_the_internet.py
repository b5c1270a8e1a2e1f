"""C39: not everyone reaches a cluster's API."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ._cidrs import everywhere

_EVERYWHERE = "0.0.0.0/0"


def check(cluster: Resource) -> Iterable[Fail]:
    """By default the API is public, and open to everywhere."""
    network = cluster.view.view("vpcConfig")
    if not network.flag("endpointPublicAccess", True):
        return
    if everywhere(network.texts("publicAccessCidrs") or [_EVERYWHERE]):
        yield Fail("its API is open to the whole internet.", network.at("publicAccessCidrs"))


RULE = ResourceRule(
    id="C39",
    name="clusters-are-not-on-the-internet",
    title="The API of a Kubernetes cluster is private, or open to named addresses",
    why="Whoever finds a token, or a flaw of the API, has all agents of the cluster.",
    remediation="Set endpoint_public_access to false, or name public_access_cidrs.",
    severity=Severity.HIGH,
    types=types("eks/cluster:Cluster"),
    external={
        "Checkov": ("CKV_AWS_38", "CKV_AWS_39"),
        "Security Hub": ("EKS.1",),
        "Trivy": ("AWS-0040", "AWS-0041"),
        "cdk-nag": ("AwsSolutions-EKS1",),
    },
    sources=("https://docs.aws.amazon.com/eks/latest/userguide/cluster-endpoint.html",),
    check=check,
)
