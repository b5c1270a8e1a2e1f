"""C18b: what runs in a container cannot change what the container is."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ._containers import called, on_linux


def check(task: Resource) -> Iterable[Fail]:
    """A root can be written to by default. Windows has no other."""
    for container in on_linux(task):
        if not container.flag("readonlyRootFilesystem", False):
            yield Fail(
                f"{called(container)} can be rewritten from within.", container.at("readonlyRootFilesystem")
            )


RULE = ResourceRule(
    id="C18b",
    name="containers-have-a-read-only-root",
    title="Containers cannot write to their root",
    why="Code that an agent was talked into writing would be run the next time.",
    remediation="Set readonlyRootFilesystem, and mount a volume of the task where files are written.",
    severity=Severity.HIGH,
    types=types("ecs/taskDefinition:TaskDefinition"),
    external={"Checkov": ("CKV_AWS_336",), "Security Hub": ("ECS.5",)},
    sources=("https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html",),
    check=check,
)
