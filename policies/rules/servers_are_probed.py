"""C46b: Kubernetes can tell whether a server lives and whether it can be called."""

from collections.abc import Iterable, Iterator

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule
from ._objects import each
from ._pods import JOBS, PODS, Container, pods

_WAYS = ("exec", "httpGet", "tcpSocket", "grpc")
_NEEDED = {
    "livenessProbe": "is not started again when it hangs",
    "readinessProbe": "is called before it can answer",
}


def check(resource: Resource) -> Iterable[Fail]:
    """Answers for containers with a port of pods that run for ever: jobs and pods that end need none.

    By default a container is alive and ready from its start:
    https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-probes
    """
    return each(
        _probed(container)
        for pod in pods(resource)
        if pod.kind not in JOBS and pod.spec.text("restartPolicy", "Always") == "Always"
        for container in pod.containers("containers")
    )


def _probed(container: Container) -> Iterator[Fail]:
    if not container.view.items("ports"):
        return
    for probe, told in _NEEDED.items():
        container.pod.whole(container.view, probe)
        if not any(container.view.view(probe).says(way) for way in _WAYS):
            yield Fail(f"{container.name} {told}.", container.view.at(probe))


RULE = ResourceRule(
    id="C46b",
    name="servers-are-probed",
    title="Servers have a liveness and a readiness probe",
    why="An agent that hangs keeps its callers waiting, and a release goes on while nobody is served.",
    remediation="Give livenessProbe and readinessProbe, each with a way to ask.",
    severity=Severity.MEDIUM,
    types=PODS,
    external={
        "Checkov": ("CKV_K8S_8", "CKV_K8S_9"),
        "kube-linter": ("no-liveness-probe", "no-readiness-probe"),
    },
    sources=("https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/",),
    check=check,
)
