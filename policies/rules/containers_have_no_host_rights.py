"""C18: a container has no rights over the host that it runs on."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ._containers import called, containers

_TAKE_THE_HOST = ("ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO", "NET_ADMIN", "DAC_READ_SEARCH")
_SOCKETS = ("/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock")
_ROOTS = ("/", "/etc", "/proc", "/root", "/run", "/sys", "/var", "/var/run", "/var/lib/docker")


def check(task: Resource) -> Iterable[Fail]:
    """Answers for task definitions. By default a container is not privileged and shares nothing."""
    view = task.view
    for key, what in (("pidMode", "processes"), ("ipcMode", "memory between processes")):
        if view.text(key).lower() == "host":
            yield Fail(f"its containers share the host's {what}.", key)
    for volume in view.views("volumes"):
        path = volume.text("hostPath")
        if path in _SOCKETS or (path and (path.rstrip("/") or "/") in _ROOTS):
            yield Fail(f"its containers hold {path} of the host.", volume.at("hostPath"))
    for container in containers(task):
        if container.flag("privileged", False):
            yield Fail(f"{called(container)} is root on the host.", container.at("privileged"))
        added = container.view("linuxParameters").view("capabilities")
        if found := sorted(
            {name.upper().removeprefix("CAP_") for name in added.texts("add")} & {*_TAKE_THE_HOST}
        ):
            yield Fail(f"{called(container)} has {', '.join(found)} over the host.", added.at("add"))


RULE = ResourceRule(
    id="C18",
    name="containers-have-no-host-rights",
    title="Containers are not privileged and share nothing with their host",
    why="Whoever takes such a container over has the host, and every agent on it.",
    remediation="Leave privileged, pidMode and ipcMode out, and mount no path of the host.",
    severity=Severity.CRITICAL,
    types=types("ecs/taskDefinition:TaskDefinition"),
    external={
        "Checkov": ("CKV_AWS_334", "CKV_AWS_335"),
        "Security Hub": ("ECS.3", "ECS.4"),
    },
    sources=(
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html",
        "https://docs.aws.amazon.com/securityhub/latest/userguide/ecs-controls.html",
    ),
    check=check,
)
