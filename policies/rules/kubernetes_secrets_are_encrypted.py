"""C39c: secrets of Kubernetes are encrypted by a key of one's own."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types


def check(cluster: Resource) -> Iterable[Fail]:
    """By default EKS encrypts with a key of AWS's own, which nobody can audit or take away."""
    held = cluster.view.view("encryptionConfig")
    if "secrets" not in held.texts("resources") or not held.view("provider").says("keyArn"):
        yield Fail("no key of your own encrypts its secrets.", "encryptionConfig")


RULE = ResourceRule(
    id="C39c",
    name="kubernetes-secrets-are-encrypted",
    title="Secrets of Kubernetes are encrypted by a key of one's own",
    why="Whoever reads a backup of the control plane's store has every secret in it otherwise.",
    remediation="Set encryption_config with secrets and the ARN of a KMS key.",
    severity=Severity.HIGH,
    types=types("eks/cluster:Cluster"),
    external={"Checkov": ("CKV_AWS_58",), "Security Hub": ("EKS.3",), "Trivy": ("AWS-0039",)},
    sources=("https://docs.aws.amazon.com/eks/latest/userguide/envelope-encryption.html",),
    check=check,
)
