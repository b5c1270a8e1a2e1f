"""C45d: a container's own files are read-only."""

from collections.abc import Iterable, Iterator

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule
from ._pods import PODS, Container, judged


def check(resource: Resource) -> Iterable[Fail]:
    """Answers for every container. By default all files can be written, on Windows always."""
    return judged(resource, (), (_read_only,))


def _read_only(container: Container) -> Iterator[Fail]:
    if container.pod.is_windows:
        return
    container.pod.whole(container.security, "readOnlyRootFilesystem")
    if not container.security.flag("readOnlyRootFilesystem", False):
        at = container.security.at("readOnlyRootFilesystem")
        yield Fail(f"{container.name} can change its own program.", at)


RULE = ResourceRule(
    id="C45d",
    name="containers-cannot-write-their-root",
    title="Containers have a read-only root file system",
    why="What an agent was talked into installing must not be there in the next run.",
    remediation="Set readOnlyRootFilesystem to true, and mount an emptyDir where files are written.",
    severity=Severity.MEDIUM,
    types=PODS,
    external={"Checkov": ("CKV_K8S_22",), "kube-linter": ("no-read-only-root-fs",)},
    sources=("https://kubernetes.io/docs/tasks/configure-pod-container/security-context/",),
    check=check,
)
