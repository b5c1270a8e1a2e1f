"""C39d: clusters and nodes run a version of Kubernetes that AWS still mends."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ..framework.values import WrongKind

ENDS: dict[tuple[int, int], tuple[date, date]] = {
    (1, 29): (date(2025, 3, 23), date(2026, 3, 23)),
    (1, 30): (date(2025, 7, 23), date(2026, 7, 23)),
    (1, 31): (date(2025, 11, 26), date(2026, 11, 26)),
    (1, 32): (date(2026, 3, 23), date(2027, 3, 23)),
    (1, 33): (date(2026, 7, 29), date(2027, 7, 29)),
    (1, 34): (date(2026, 12, 2), date(2027, 12, 2)),
    (1, 35): (date(2027, 3, 27), date(2028, 3, 27)),
}
"""Ends of standard and of extended support: https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html
Versions before these have ended; those after them are newer than this table."""
_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.\d+)?")
_CLUSTER = "aws:eks/cluster:Cluster"


def check(held: Resource) -> Iterable[Fail]:
    """Without a version EKS takes its newest. Extended support counts where the cluster asks for it by name:
    it costs six times as much an hour, and is the default.
    """
    said = held.view.text("version")
    if not said:
        return
    if not (read := _VERSION.fullmatch(said)):
        raise WrongKind("version", "a version of Kubernetes", said)
    version = int(read[1]), int(read[2])
    if version > max(ENDS):
        return
    standard, extended = ENDS.get(version, (date.min, date.min))
    if extended <= today():
        yield Fail(f"Kubernetes {said} is no longer supported.", "version")
    elif standard <= today() and held.type == _CLUSTER:
        asked = held.view.view("upgradePolicy").text("supportType")
        if asked != "EXTENDED":
            yield Fail(f"standard support of Kubernetes {said} ended on {standard}.", "version")


def today() -> date:
    return datetime.now(UTC).date()


RULE = ResourceRule(
    id="C39d",
    name="kubernetes-is-supported",
    title="Clusters and nodes run a version of Kubernetes that is supported",
    why="After its end a version gets no patches, and EKS moves the cluster on by itself, at any time.",
    remediation="Raise version, or ask for EXTENDED in upgrade_policy for a year more.",
    severity=Severity.MEDIUM,
    types=types("eks/cluster:Cluster", "eks/nodeGroup:NodeGroup"),
    external={"Checkov": ("CKV_AWS_339",), "Security Hub": ("EKS.2",)},
    sources=("https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html",),
    check=check,
)
