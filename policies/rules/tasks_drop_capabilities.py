"""C18d: a container of ECS asks nothing of the kernel that it does not need."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ._containers import TASK, called, on_linux


def check(task: Resource) -> Iterable[Fail]:
    """By default a container has the fourteen capabilities of Docker, on Fargate too. Windows has none."""
    for container in on_linux(task):
        held = container.view("linuxParameters").view("capabilities")
        if "ALL" not in {name.upper() for name in held.texts("drop")}:
            at = held.at("drop") if held.path else container.at("linuxParameters.capabilities.drop")
            yield Fail(f"{called(container)} keeps capabilities that it may not need.", at)


RULE = ResourceRule(
    id="C18d",
    name="tasks-drop-capabilities",
    title="Containers of tasks drop ALL capabilities",
    why="Code that an agent runs is not trusted: what it cannot ask of the kernel it cannot break out by.",
    remediation="Set linuxParameters.capabilities.drop to ALL, and add back what the program needs.",
    severity=Severity.LOW,
    level=Level.ADVISORY,
    types=types(TASK),
    sources=(
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/security-tasks-containers.html",
        "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_KernelCapabilities.html",
    ),
    check=check,
)
