"""C24: tasks mount EFS over TLS."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types


def check(task: Resource) -> Iterable[Fail]:
    """Off by default."""
    for volume in task.view.views("volumes"):
        mounted = volume.view("efsVolumeConfiguration")
        if mounted.held and mounted.text("transitEncryption", "DISABLED") != "ENABLED":
            yield Fail("what the task reads and writes there is in clear.", mounted.at("transitEncryption"))


RULE = ResourceRule(
    id="C24",
    name="file-systems-are-mounted-over-tls",
    title="Tasks mount EFS with encryption in transit",
    why="NFS shows files to the network.",
    remediation="Set transit_encryption to ENABLED in efs_volume_configuration.",
    severity=Severity.HIGH,
    types=types("ecs/taskDefinition:TaskDefinition"),
    external={"Checkov": ("CKV_AWS_97",), "Trivy": ("AWS-0035",)},
    sources=(
        "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_EFSVolumeConfiguration.html",
        "https://docs.aws.amazon.com/config/latest/developerguide/ecs-task-definition-efs-encryption-enabled.html",
    ),
    check=check,
)
