"""C19: what starts a task and what runs in it have roles of their own."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import UNKNOWN, NotKnown
from ._roles import ROLE

_KEYS = (
    ("taskRoleArn", "what runs in it has no role; on EC2 it has the host's."),
    ("executionRoleArn", "what starts it has no role."),
)


def check(task: Resource, stack: StackIndex) -> Iterable[Fail]:
    """By default a task has neither. Roles are told apart by what they were made from, else by their ARNs."""
    named: list[str] = []
    for key, without in _KEYS:
        if role := _role(task, key, stack):
            named.append(role)
        else:
            yield Fail(without, key)
    if len(named) == len(_KEYS) and len(set(named)) == 1:
        yield Fail("what runs in it has the role that starts it.", "taskRoleArn")


def _role(task: Resource, key: str, stack: StackIndex) -> str:
    found = stack.referred(task, key, ROLE)
    if len(found) == 1:
        return found[0].urn
    if task.props.get(key) is UNKNOWN:
        raise NotKnown(key)
    return task.view.text(key)


RULE = StackRule(
    id="C19",
    name="tasks-have-two-roles",
    title="Tasks have a role of their own beside the one that starts them",
    why="The execution role reads every secret that is injected and pulls images: an agent must not.",
    remediation="Set task_role_arn and execution_role_arn to two roles.",
    severity=Severity.HIGH,
    types=types("ecs/taskDefinition:TaskDefinition"),
    external={"Checkov": ("CKV_AWS_249",)},
    sources=(
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/security-ecs-iam-role-overview.html",
    ),
    check=check,
)
