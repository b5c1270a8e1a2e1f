"""C45c: no container runs as root."""

from collections.abc import Iterable, Iterator

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule
from ._pods import PODS, Container, judged


def check(resource: Resource) -> Iterable[Fail]:
    """Answers for every container. By default the image says who runs it, and most say root."""
    return judged(resource, (), (_must_not, _is_not))


def _must_not(container: Container) -> Iterator[Fail]:
    security = container.setting("runAsNonRoot")
    container.pod.whole(security, "runAsNonRoot")
    if not security.flag("runAsNonRoot", False):
        yield Fail(f"{container.name} may run as root.", security.at("runAsNonRoot"))


def _is_not(container: Container) -> Iterator[Fail]:
    security = container.setting("runAsUser")
    if security.number("runAsUser") == 0:
        yield Fail(f"{container.name} runs as root.", security.at("runAsUser"))


RULE = ResourceRule(
    id="C45c",
    name="containers-are-not-root",
    title="Containers run as a user other than root",
    why="Root of a container that breaks out is root of its node.",
    remediation="Set runAsNonRoot to true for the pod or each container, and runAsUser to another than 0.",
    severity=Severity.HIGH,
    types=PODS,
    external={
        "Checkov": ("CKV_K8S_23",),
        "Pod Security": ("restricted",),
        "kube-linter": ("run-as-non-root",),
    },
    sources=(
        "https://kubernetes.io/docs/concepts/security/pod-security-standards/",
        "https://kubernetes.io/docs/tasks/configure-pod-container/security-context/",
    ),
    check=check,
)
