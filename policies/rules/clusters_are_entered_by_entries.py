"""C39f: who may enter a cluster is said outside it, by name."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types


def check(cluster: Resource) -> Iterable[Fail]:
    """By default the cluster's own map decides, and whoever makes the cluster is its administrator."""
    access = cluster.view.view("accessConfig")
    at = access.path or "accessConfig"
    if access.text("authenticationMode", "CONFIG_MAP") != "API":
        yield Fail("whoever writes the map aws-auth in it is its administrator.", f"{at}.authenticationMode")
    if access.flag("bootstrapClusterCreatorAdminPermissions", True):
        yield Fail(
            "whoever deploys it is its administrator, without an entry in the program.",
            f"{at}.bootstrapClusterCreatorAdminPermissions",
        )


RULE = ResourceRule(
    id="C39f",
    name="clusters-are-entered-by-entries",
    title="Clusters of Kubernetes are entered by access entries alone",
    why="A map inside the cluster is open to whoever runs there, and to no review.",
    remediation=(
        "Set authentication_mode to API and bootstrap_cluster_creator_admin_permissions to false in "
        "access_config, and make access entries."
    ),
    severity=Severity.MEDIUM,
    types=types("eks/cluster:Cluster"),
    level=Level.ADVISORY,
    sources=(
        "https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateAccessConfigRequest.html",
        "https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html",
    ),
    check=check,
)
