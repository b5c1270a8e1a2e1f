"""C27: tables and their copies are encrypted by a key whose users the account names."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ._own_keys import has_own_key
from ._tables import REPLICA, TABLE, copies


def check(table: Resource) -> Iterable[Fail]:
    """The default is a key of DynamoDB's own; enabled without a key, it is alias/aws/dynamodb."""
    if table.type == TABLE:
        encryption = table.view.view("serverSideEncryption")
        if not encryption.flag("enabled", False) or not has_own_key(encryption, "kmsKeyArn"):
            yield Fail("no key of the account's encrypts it.", "serverSideEncryption.kmsKeyArn")
    for copy in copies(table):
        if not has_own_key(copy, "kmsKeyArn"):
            yield Fail("no key of the account's encrypts the copy.", copy.at("kmsKeyArn"))


RULE = ResourceRule(
    id="C27",
    name="tables-use-own-keys",
    title="Tables encrypt by customer managed keys",
    why="Who may read items is then decided twice, and each use of the key is in CloudTrail.",
    remediation="Set server_side_encryption with enabled and kms_key_arn, and kms_key_arn of each replica.",
    severity=Severity.MEDIUM,
    types=types(TABLE, REPLICA),
    level=Level.PROD,
    external={"Checkov": ("CKV_AWS_119",), "Trivy": ("AWS-0025",)},
    sources=("https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/EncryptionAtRest.html",),
    check=check,
)
