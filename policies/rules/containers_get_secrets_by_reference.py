"""C20: a task definition holds references to secrets and never a secret."""

from collections.abc import Iterable, Iterator

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ..framework.secret_texts import secret_in
from ..framework.values import View
from ._containers import called, containers


def check(task: Resource) -> Iterable[Fail]:
    """Answers for variables, arguments, labels and options of drivers: all can be read in the task."""
    for container in containers(task):
        for name, value, path in _texts(container):
            if kind := secret_in(name.replace("-", "_"), value):
                shown = f"{called(container)} shows {kind}" + (f" in {name}." if name else ".")
                yield Fail(shown, path)


def _texts(container: View) -> Iterator[tuple[str, str, str]]:
    """Name, text and path."""
    for variable in container.views("environment"):
        yield variable.text("name"), variable.text("value"), variable.at("value")
    for reference in container.views("secrets"):
        yield reference.text("name"), reference.text("valueFrom"), reference.at("valueFrom")
    for labels in (container.view("dockerLabels"), container.view("logConfiguration").view("options")):
        for key in labels.held:
            yield key, labels.text(key), labels.at(key)
    for key in ("command", "entryPoint"):
        for argument in container.items(key):
            yield "", str(argument), container.at(key)


RULE = ResourceRule(
    id="C20",
    name="containers-get-secrets-by-reference",
    title="Secrets reach containers by reference alone",
    why="A task definition is never deleted, and every reader of ECS sees what is written in it.",
    remediation="Keep the value in Secrets Manager and name its ARN in secrets, or fetch it with run.secret.",
    severity=Severity.CRITICAL,
    types=types("ecs/taskDefinition:TaskDefinition"),
    external={
        "Security Hub": ("ECS.8",),
        "Trivy": ("AWS-0036",),
        "cdk-nag": ("AwsSolutions-ECS2",),
    },
    sources=("https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specifying-sensitive-data.html",),
    check=check,
)
