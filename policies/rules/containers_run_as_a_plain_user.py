"""C18c: a container does not run as root."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ._containers import called, on_linux


def check(task: Resource) -> Iterable[Fail]:
    """Without `user` the image decides, and most images are root's. Windows has users of its own."""
    for container in on_linux(task):
        user = container.text("user").partition(":")[0].strip()
        if not user:
            yield Fail(f"nobody said as whom {called(container)} runs.", container.at("user"))
        elif user == "root" or (user.isdecimal() and int(user) == 0):
            yield Fail(f"{called(container)} runs as root.", container.at("user"))


RULE = ResourceRule(
    id="C18c",
    name="containers-run-as-a-plain-user",
    title="Containers run as a user other than root",
    why="Root in a container is one flaw of the kernel away from root on the host.",
    remediation='Set user to a number of the image, as in "65532:65532".',
    severity=Severity.HIGH,
    types=types("ecs/taskDefinition:TaskDefinition"),
    external={"Security Hub": ("ECS.20",), "cdk-nag": ("ECSTaskDefinitionUserForHostMode",)},
    sources=(
        "https://docs.aws.amazon.com/config/latest/developerguide/ecs-task-definition-nonroot-user.html",
    ),
    check=check,
)
