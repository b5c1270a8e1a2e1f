"""C14: a queue's policy lets in those that it names, for actions that it names."""

from collections.abc import Iterable

from ..framework.documents import statements
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ._resource_policies import deputies, lets_everyone_in

_SENDERS = ("events.amazonaws.com", "s3.amazonaws.com", "sns.amazonaws.com")
"""Services that send to queues and say for whom."""

_NO_ACTION = "sqs:ThereIsNone"
"""What speaks of it speaks of every action."""


def check(held: Resource) -> Iterable[Fail]:
    """Answers for policies in the queue and in resources of their own. Conditions on who calls, or
    from where, narrow who is let in; a service without one comes for each of its customers."""
    for statement in statements(held.view.value("policy"), "policy"):
        if not statement.allows:
            continue
        if lets_everyone_in(statement):
            yield Fail("everyone may use the queue.", statement.path)
        for service in deputies(statement, _SENDERS):
            yield Fail(f"{service} may use the queue for any account.", statement.path)
        if statement.speaks_of_action(_NO_ACTION):
            yield Fail("every action is allowed.", statement.path)


RULE = ResourceRule(
    id="C14",
    name="queue-policies-name-principals",
    title="Policies of queues name principals and actions",
    why="A stranger's message is a run of the agent, and a stranger's read is a lost one.",
    remediation="Name principals and actions, and add a condition such as aws:SourceArn beside services.",
    severity=Severity.CRITICAL,
    types=types("sqs/queue:Queue", "sqs/queuePolicy:QueuePolicy"),
    external={"Checkov": ("CKV_AWS_72", "CKV_AWS_168", "CKV_AWS_387"), "Trivy": ("AWS-0097",)},
    sources=(
        "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-security-best-practices.html",
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html",
    ),
    check=check,
)
