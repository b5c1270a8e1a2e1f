"""C45: a pod shares nothing with the node that it runs on: no namespace, no port, no folder, no socket."""

from collections.abc import Iterable, Iterator

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule
from ..framework.values import View
from ._pods import PODS, Container, Pod, judged

_SHARED = {"hostNetwork": "network", "hostPID": "processes", "hostIPC": "memory"}
_VOLUMES = {
    *(
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    ),
    *("image", "name"),
}
"""Of the standard's own list; an image volume is a read-only image, and later than the list."""
_SAFE_SYSCTLS = {
    *("kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports"),
    *("net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range", "net.ipv4.tcp_fin_timeout"),
    *("net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_keepalive_time"),
    "net.ipv4.tcp_syncookies",
}
_PROBES, _HOOKS = ("livenessProbe", "readinessProbe", "startupProbe"), ("postStart", "preStop")


def check(resource: Resource) -> Iterable[Fail]:
    """Answers for every pod template. Kubernetes shares none of these by default."""
    return judged(
        resource, (_namespaces, _volumes, _sysctls, _host_process), (_ports, _probed_hosts, _own_host_process)
    )


def _namespaces(pod: Pod) -> Iterator[Fail]:
    for key, what in _SHARED.items():
        if pod.spec.flag(key, False):
            yield Fail(f"it sees the node's {what}.", pod.spec.at(key))


def _volumes(pod: Pod) -> Iterator[Fail]:
    for volume in pod.spec.views("volumes"):
        if volume.says("hostPath"):
            told = volume.view("hostPath").text("path")
            socket = ", a socket by which it rules the node" if told.endswith(".sock") else ""
            yield Fail(f"it mounts {told or 'a folder'} of the node{socket}.", volume.at("hostPath"))
        for key in sorted(volume.held.keys() - _VOLUMES - {"hostPath"}):
            if volume.held[key] is not None:
                yield Fail(f"a volume of the kind {key} is reached past Kubernetes.", volume.at(key))


def _sysctls(pod: Pod) -> Iterator[Fail]:
    for sysctl in pod.spec.view("securityContext").views("sysctls"):
        if (name := sysctl.text("name")) not in _SAFE_SYSCTLS:
            yield Fail(f"{name} changes the node's kernel for others as well.", sysctl.at("name"))


def _host_process(pod: Pod) -> Iterator[Fail]:
    return _as_host(pod.spec.view("securityContext"))


def _own_host_process(container: Container) -> Iterator[Fail]:
    return _as_host(container.security)


def _as_host(security: View) -> Iterator[Fail]:
    options = security.view("windowsOptions")
    if options.flag("hostProcess", False):
        yield Fail("it runs as a process of the node.", options.at("hostProcess"))


def _ports(container: Container) -> Iterator[Fail]:
    for port in container.view.views("ports"):
        if port.number("hostPort", 0):
            yield Fail(f"{container.name} takes a port of the node.", port.at("hostPort"))


def _probed_hosts(container: Container) -> Iterator[Fail]:
    """A probe or hook with a host is a request that the node makes, wherever that leads."""
    lifecycle = container.view.view("lifecycle")
    for asked in (*map(container.view.view, _PROBES), *map(lifecycle.view, _HOOKS)):
        for kind in ("httpGet", "tcpSocket"):
            if asked.view(kind).text("host"):
                yield Fail("the node is made to call another host.", asked.view(kind).at("host"))


RULE = ResourceRule(
    id="C45",
    name="pods-keep-off-the-host",
    title="Pods share no namespace, port, folder or socket with their node",
    why="From the node one reaches every other pod on it, with their roles and secrets.",
    remediation=(
        "Leave out hostNetwork, hostPID, hostIPC, hostPort, hostPath and hostProcess; use claims, "
        "config maps and Services."
    ),
    severity=Severity.CRITICAL,
    types=PODS,
    external={
        "Checkov": ("CKV_K8S_17", "CKV_K8S_18", "CKV_K8S_19", "CKV_K8S_26", "CKV_K8S_27"),
        "Pod Security": ("baseline", "restricted"),
        "kube-linter": (
            "docker-sock",
            "host-ipc",
            "host-network",
            "host-pid",
            "sensitive-host-mounts",
            "unsafe-sysctls",
        ),
    },
    sources=("https://kubernetes.io/docs/concepts/security/pod-security-standards/",),
    check=check,
)
