"""AG21: an agent can write its log and not erase it."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._agent_statements import allowed
from ._roles import ROLE

ERASING = (
    "cloudtrail:DeleteEventDataStore",
    "cloudtrail:DeleteTrail",
    "cloudtrail:PutEventSelectors",
    "cloudtrail:StopLogging",
    "cloudtrail:UpdateTrail",
    "logs:DeleteLogGroup",
    "logs:DeleteLogStream",
    "logs:DeleteRetentionPolicy",
    "logs:DeleteSubscriptionFilter",
    "logs:DisassociateKmsKey",
    "logs:PutRetentionPolicy",
)


def check(role: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for roles with the tag `agent`, within their boundary and denials. That groups have a retention
    and a key is judged of all of them, by C37 and what follows it."""
    return allowed(role, stack, ERASING, "the agent may erase what tells of it")


RULE = StackRule(
    id="AG21",
    name="agents-cannot-erase-their-log",
    title="Roles of agents may erase no log",
    why="The log of tool calls and secret reads is the only witness of what an agent did.",
    remediation="Allow logs:CreateLogStream and logs:PutLogEvents on the agent's own group, and no more.",
    severity=Severity.HIGH,
    types=types(ROLE),
    external={"AWS Well-Architected": ("AGENTSEC05",)},
    sources=(
        "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html",
    ),
    check=check,
)
