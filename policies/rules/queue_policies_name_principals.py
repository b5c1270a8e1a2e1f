"""C14: a queue's policy lets in those that it names, for actions that it names."""

from collections.abc import Iterable

from ..framework.documents import statements
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types


def check(held: Resource) -> Iterable[Fail]:
    """Answers for policies in the queue and in resources of their own. Conditions narrow who is let in."""
    for statement in statements(held.view.value("policy"), "policy"):
        if not statement.allows:
            continue
        if statement.anyone and not statement.conditions:
            yield Fail("everyone may use the queue.", statement.path)
        if statement.not_actions or any(action.lower() in ("*", "sqs:*") for action in statement.actions):
            yield Fail("every action is allowed.", statement.path)


RULE = ResourceRule(
    id="C14",
    name="queue-policies-name-principals",
    title="Policies of queues name principals and actions",
    why="A stranger's message is a run of the agent, and a stranger's read is a lost one.",
    remediation="Name principals and actions, or add a condition such as aws:SourceArn.",
    severity=Severity.CRITICAL,
    types=types("sqs/queue:Queue", "sqs/queuePolicy:QueuePolicy"),
    external={"Checkov": ("CKV_AWS_72", "CKV_AWS_168", "CKV_AWS_387"), "Trivy": ("AWS-0097",)},
    sources=(
        "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-security-best-practices.html",
    ),
    check=check,
)
