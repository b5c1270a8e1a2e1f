"""C17e: messages of topics are encrypted by a key whose users the account names."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ._own_keys import has_own_key
from ._topics import TOPIC


def check(topic: Resource) -> Iterable[Fail]:
    """Answers for topics with a key; those without are C17's."""
    if topic.view.text("kmsMasterKeyId") and not has_own_key(topic.view, "kmsMasterKeyId"):
        yield Fail("AWS's own key encrypts its messages: no AWS service can publish.", "kmsMasterKeyId")


RULE = ResourceRule(
    id="C17e",
    name="topics-use-own-keys",
    title="Topics encrypt by customer managed keys",
    why="The policy of alias/aws/sns lets no service publish: alarms and budgets fall silent.",
    remediation="Set kms_master_key_id to a key of your own whose policy names the publishing services.",
    severity=Severity.MEDIUM,
    types=types(TOPIC),
    level=Level.PROD,
    external={"Trivy": ("AWS-0136",)},
    sources=("https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html",),
    check=check,
)
