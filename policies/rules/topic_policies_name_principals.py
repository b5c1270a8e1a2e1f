"""C17b: a topic's policy lets in nobody but those whom the account knows."""

import re
from collections.abc import Iterable

from ..framework.documents import Statement, statements
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ..framework.values import NotKnown
from ._resource_policies import deputies, is_narrowed, lets_everyone_in
from ._topics import TOPIC, TOPIC_POLICY

_ACCOUNT = re.compile(r"(?:arn:[^:]*:(?:iam|sts)::)?(\d{12})(?::.*)?")
_PUBLISHERS = tuple(f"{one}.amazonaws.com" for one in ("budgets", "cloudwatch", "costalerts", "s3", "ses"))
"""Services that publish to topics and say for whom. EventBridge's own example has no condition."""


def check(held: Resource) -> Iterable[Fail]:
    """Answers for policies in the topic and in resources of their own. Without one, AWS lets in the owner."""
    for statement in statements(held.view.value("policy"), "policy"):
        if lets_everyone_in(statement):
            yield Fail("everyone may use the topic.", statement.path)
        elif strangers := _strangers(statement, held):
            yield Fail(f"account {strangers[0]} may use the topic, without a condition.", statement.path)
        for service in deputies(statement, _PUBLISHERS):
            yield Fail(f"{service} may use the topic for any account.", statement.path)
        services = statement.principals.get("service", ()) if statement.allows else ()
        if services and any(action.lower() in ("*", "sns:*") for action in statement.actions):
            yield Fail(f"{services[0]} may do everything with it.", statement.path)


def _strangers(statement: Statement, held: Resource) -> list[str]:
    if not statement.allows or is_narrowed(statement) or not (named := _accounts(statement)):
        return []
    return sorted(named - {_owner(held)})


def _accounts(statement: Statement) -> set[str]:
    found = (_ACCOUNT.fullmatch(name) for name in statement.principals.get("aws", ()))
    return {one[1] for one in found if one}


def _owner(held: Resource) -> str:
    """Both types have the topic's ARN in `arn`; in a preview the topic has none yet."""
    if not (arn := held.view.text("arn")):
        raise NotKnown("arn")
    return arn.split(":")[4] if arn.count(":") >= 5 else ""


RULE = ResourceRule(
    id="C17b",
    name="topic-policies-name-principals",
    title="Policies of topics let in neither everyone nor other accounts, nor services on their behalf",
    why="A stranger's message stops an agent, or starts it; a stranger's subscription reads along.",
    remediation="Name principals of this account; add a condition such as aws:SourceAccount beside services.",
    severity=Severity.CRITICAL,
    types=types(TOPIC, TOPIC_POLICY),
    external={"Checkov": ("CKV_AWS_169", "CKV_AWS_385"), "Security Hub": ("SNS.4",)},
    sources=("https://docs.aws.amazon.com/sns/latest/dg/sns-security-best-practices.html",),
    check=check,
)
