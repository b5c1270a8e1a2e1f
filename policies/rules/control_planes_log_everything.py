"""C39b: a cluster's control plane keeps all of its logs."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types

_LOGS = ("api", "audit", "authenticator", "controllerManager", "scheduler")


def check(cluster: Resource) -> Iterable[Fail]:
    """None is kept by default."""
    if missing := [log for log in _LOGS if log not in cluster.view.texts("enabledClusterLogTypes")]:
        yield Fail(f"it keeps no log of {', '.join(missing)}.", "enabledClusterLogTypes")


RULE = ResourceRule(
    id="C39b",
    name="control-planes-log-everything",
    title="Control planes of Kubernetes keep all of their logs",
    why="Who read a secret or entered a pod stands in the audit log and nowhere else.",
    remediation=f"Set enabled_cluster_log_types to {', '.join(_LOGS)}.",
    severity=Severity.MEDIUM,
    types=types("eks/cluster:Cluster"),
    external={
        "Checkov": ("CKV_AWS_37",),
        "Security Hub": ("EKS.8",),
        "Trivy": ("AWS-0038",),
        "cdk-nag": ("AwsSolutions-EKS2",),
    },
    sources=("https://docs.aws.amazon.com/eks/latest/userguide/control-plane-logs.html",),
    check=check,
)
