"""C39e: deleting a cluster takes two decisions."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types


def check(cluster: Resource) -> Iterable[Fail]:
    """Off by default."""
    if not cluster.view.flag("deletionProtection", False):
        yield Fail("one call deletes it, with all agents on it.", "deletionProtection")


RULE = ResourceRule(
    id="C39e",
    name="clusters-are-not-deleted-by-mistake",
    title="Clusters of Kubernetes are protected from deletion",
    why="A renamed resource or a mistaken destroy takes all agents with it.",
    remediation="Set deletion_protection.",
    severity=Severity.MEDIUM,
    types=types("eks/cluster:Cluster"),
    level=Level.PROD,
    sources=("https://docs.aws.amazon.com/eks/latest/userguide/deletion-protection.html",),
    check=check,
)
