"""C22b: tasks do not share their host's network."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types


def check(task: Resource) -> Iterable[Fail]:
    """Docker's bridge is the default on EC2, and a card of the task's own on Fargate."""
    if task.view.text("networkMode").lower() == "host":
        yield Fail("its containers have the host's network.", "networkMode")


RULE = ResourceRule(
    id="C22b",
    name="tasks-have-a-network-of-their-own",
    title="Tasks do not share their host's network",
    why="On the host's network a container reaches the host's credentials and its neighbours.",
    remediation="Set network_mode to awsvpc.",
    severity=Severity.HIGH,
    types=types("ecs/taskDefinition:TaskDefinition"),
    external={"Security Hub": ("ECS.17",)},
    sources=("https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-networking.html",),
    check=check,
)
