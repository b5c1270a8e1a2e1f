"""C22: tasks have no public address and run on a platform that AWS still mends."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import NotKnown
from ._agents import OUTSIDE
from ._containers import TASK, on_windows

_SUPPORTED = ("", "LATEST", "1.4.0")
"""Versions of Linux: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/platform-versions-retired.html"""
_OF_WINDOWS = "1.0.0"
_WITHIN: dict[str, tuple[str, ...]] = {
    "aws:cloudwatch/eventTarget:EventTarget": ("ecsTarget",),
    "aws:scheduler/schedule:Schedule": ("target", "ecsParameters"),
}
"""Where those that start tasks by an event or by the clock say how."""


def check(starter: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for whatever starts tasks. No public address and the latest platform are the defaults."""
    view, within = starter.view, _WITHIN.get(starter.type, ())
    for key in within:
        view = view.view(key)
    if view.view("networkConfiguration").flag("assignPublicIp", False):
        yield Fail("its tasks have public addresses.", view.at("networkConfiguration.assignPublicIp"))
    version = view.text("platformVersion").upper()
    if version in _SUPPORTED:
        return
    if version == _OF_WINDOWS:
        tasks = stack.referred(starter, (*within, "taskDefinition")[0], TASK)
        if not tasks:
            raise NotKnown(view.at("platformVersion"), OUTSIDE)
        if on_windows(tasks[0]):
            return
    yield Fail(f"Fargate {version} gets no patches any more.", view.at("platformVersion"))


RULE = StackRule(
    id="C22",
    name="services-are-private",
    title="Tasks have no public address and a platform that is supported",
    why="Workers call out and are never called: a public address only lets strangers try.",
    remediation="Leave assign_public_ip out; leave platform_version out, or set LATEST.",
    severity=Severity.HIGH,
    types=types("ecs/service:Service", "ecs/taskSet:TaskSet", *_WITHIN),
    external={"Checkov": ("CKV_AWS_332", "CKV_AWS_333"), "Security Hub": ("ECS.2", "ECS.10", "ECS.16")},
    sources=(
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-networking.html",
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/platform-versions-retired.html",
    ),
    check=check,
)
