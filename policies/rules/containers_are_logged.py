"""C21: what a container says is kept outside of it."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ._containers import called, containers

_KEPT_NOWHERE = ("", "none", "json-file")
"""Docker's own default, `json-file`, is gone with the host."""


def check(task: Resource) -> Iterable[Fail]:
    """A container without a log configuration has Docker's default."""
    for container in containers(task):
        log = container.view("logConfiguration")
        driver = log.text("logDriver")
        if driver in _KEPT_NOWHERE:
            yield Fail(f"what {called(container)} says is lost with its host.", log.at("logDriver"))
        elif driver == "awslogs" and not log.view("options").says("awslogs-group"):
            yield Fail(f"{called(container)} names no log group.", log.at("options.awslogs-group"))


RULE = ResourceRule(
    id="C21",
    name="containers-are-logged",
    title="Each container has a log configuration",
    why="A run that failed at night can only be understood from what it said.",
    remediation="Set logConfiguration with awslogs and a group, or another driver that sends logs away.",
    severity=Severity.MEDIUM,
    types=types("ecs/taskDefinition:TaskDefinition"),
    external={"Security Hub": ("ECS.9",), "cdk-nag": ("AwsSolutions-ECS7",)},
    sources=("https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html",),
    check=check,
)
