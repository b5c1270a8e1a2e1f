"""C23: an ECS cluster tells how its tasks do."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types


def check(cluster: Resource) -> Iterable[Fail]:
    """Container Insights is off by default."""
    for setting in cluster.view.views("settings"):
        if setting.text("name") == "containerInsights" and setting.text("value") in ("enabled", "enhanced"):
            return
    yield Fail("nobody measures its tasks.", "settings")


RULE = ResourceRule(
    id="C23",
    name="clusters-are-measured",
    title="ECS clusters have Container Insights",
    why="Workers that are killed for want of memory look like slow agents otherwise.",
    remediation="Set containerInsights to enabled or enhanced in settings.",
    severity=Severity.LOW,
    level=Level.PROD,
    types=types("ecs/cluster:Cluster"),
    external={
        "Checkov": ("CKV_AWS_65",),
        "Security Hub": ("ECS.12",),
        "Trivy": ("AWS-0034",),
        "cdk-nag": ("AwsSolutions-ECS4",),
    },
    sources=(
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cloudwatch-container-insights.html",
    ),
    check=check,
)
