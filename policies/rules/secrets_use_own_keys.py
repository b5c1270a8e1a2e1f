"""C28: secrets and their copies are encrypted by a key whose users the account names."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ._own_keys import has_own_key


def check(secret: Resource) -> Iterable[Fail]:
    """Without a key it is alias/aws/secretsmanager, which every identity of the account may use."""
    for held in (secret.view, *secret.view.views("replicas")):
        if not has_own_key(held, "kmsKeyId"):
            yield Fail("no key of the account's encrypts it.", held.at("kmsKeyId"))


RULE = ResourceRule(
    id="C28",
    name="secrets-use-own-keys",
    title="Secrets are encrypted by customer managed keys",
    why="A role that may read secrets then still needs the key, and each reading is in CloudTrail twice.",
    remediation="Set kms_key_id to a key of your own, of each replica too; SecretScope does.",
    severity=Severity.MEDIUM,
    types=types("secretsmanager/secret:Secret"),
    level=Level.PROD,
    external={
        "Checkov": ("CKV_AWS_149",),
        "Trivy": ("AWS-0098",),
        "cdk-nag": ("SecretsManagerUsingKMSKey",),
    },
    sources=("https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html",),
    check=check,
)
