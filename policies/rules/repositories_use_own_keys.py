"""C25b: images are encrypted by a key whose users the account names."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ._own_keys import has_own_key
from ._repositories import REPOSITORY


def check(repository: Resource) -> Iterable[Fail]:
    """The default is AES256, by keys of S3; KMS without a key takes alias/aws/ecr."""
    for held in repository.view.views("encryptionConfigurations"):
        if held.text("encryptionType", "AES256").startswith("KMS") and has_own_key(held, "kmsKey"):
            return
    yield Fail("no key of the account's encrypts its images.", "encryptionConfigurations")


RULE = ResourceRule(
    id="C25b",
    name="repositories-use-own-keys",
    title="Image repositories encrypt by customer managed keys",
    why="Who may pull the code of an agent is then decided twice, and each use of the key is in CloudTrail.",
    remediation="Set encryption_configurations to KMS with kms_key: it cannot be changed later.",
    severity=Severity.LOW,
    types=types(REPOSITORY),
    level=Level.PROD,
    external={"Checkov": ("CKV_AWS_136",), "Trivy": ("AWS-0033",)},
    sources=("https://docs.aws.amazon.com/AmazonECR/latest/userguide/encryption-at-rest.html",),
    check=check,
)
