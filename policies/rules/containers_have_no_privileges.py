"""C45b: a container has no privilege, and no way to get one."""

from collections.abc import Iterable, Iterator

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule
from ..framework.values import View
from ._pods import PODS, Container, Pod, judged

_PROFILES = ("RuntimeDefault", "Localhost")
_ADDED = ("NET_BIND_SERVICE",)
_SELINUX = ("", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")
_APPARMOR = "container.apparmor.security.beta.kubernetes.io/"


def check(resource: Resource) -> Iterable[Fail]:
    """Answers for every container. By default one may escalate, keeps the runtime's capabilities and has no
    seccomp profile: https://kubernetes.io/docs/tutorials/security/seccomp/"""
    of_container = (_privileged, _escalates, _capabilities, _seccomp, _proc, _selinux, _apparmor)
    return judged(resource, (_annotations,), of_container)


def _privileged(container: Container) -> Iterator[Fail]:
    if container.security.flag("privileged", False):
        yield Fail(f"{container.name} is root of the node.", container.security.at("privileged"))


def _escalates(container: Container) -> Iterator[Fail]:
    if container.pod.is_windows:
        return
    container.pod.whole(container.security, "allowPrivilegeEscalation")
    if container.security.flag("allowPrivilegeEscalation", True):
        at = container.security.at("allowPrivilegeEscalation")
        yield Fail(f"{container.name} can get more rights than it began with.", at)


def _capabilities(container: Container) -> Iterator[Fail]:
    if container.pod.is_windows:
        return
    held = container.security.view("capabilities")
    for added in held.texts("add"):
        if added.upper().removeprefix("CAP_") not in _ADDED:
            yield Fail(f"{container.name} adds the capability {added}.", held.at("add"))
    container.pod.whole(held, "drop")
    if "ALL" not in held.texts("drop"):
        yield Fail(f"{container.name} does not drop ALL capabilities.", held.at("drop"))


def _seccomp(container: Container) -> Iterator[Fail]:
    if container.pod.is_windows:
        return
    security = container.setting("seccompProfile")
    container.pod.whole(security, "seccompProfile")
    kind = security.view("seccompProfile").text("type")
    if kind not in _PROFILES:
        at = f"{security.at('seccompProfile')}.type"
        yield Fail(f"{container.name} may make any system call: its profile is {kind or 'none'}.", at)


def _proc(container: Container) -> Iterator[Fail]:
    if (kind := container.security.text("procMount", "Default")) != "Default":
        yield Fail(f"{container.name} sees an {kind} /proc.", container.security.at("procMount"))


def _selinux(container: Container) -> Iterator[Fail]:
    held = container.setting("seLinuxOptions").view("seLinuxOptions")
    for key in ("user", "role"):
        if held.text(key):
            yield Fail(f"{container.name} has an SELinux {key} of its own.", held.at(key))
    if (kind := held.text("type")) not in _SELINUX:
        yield Fail(f"{container.name} has the SELinux type {kind}.", held.at("type"))


def _apparmor(container: Container) -> Iterator[Fail]:
    held = container.setting("appArmorProfile").view("appArmorProfile")
    if held.text("type", "RuntimeDefault") not in _PROFILES:
        yield Fail(f"{container.name} is not confined by AppArmor.", held.at("type"))


def _annotations(pod: Pod) -> Iterator[Fail]:
    """How AppArmor was asked for before Kubernetes 1.30, and is still."""
    held: View = pod.metadata.view("annotations")
    for key in held.held:
        if key.startswith(_APPARMOR) and not held.text(key).startswith(("runtime/default", "localhost/")):
            yield Fail(f"{key.removeprefix(_APPARMOR)} is not confined by AppArmor.", held.path)


RULE = ResourceRule(
    id="C45b",
    name="containers-have-no-privileges",
    title="Containers are unprivileged, drop all capabilities and have a seccomp profile",
    why="Code that an agent runs is not trusted: what it cannot ask of the kernel it cannot break out by.",
    remediation=(
        "Set allowPrivilegeEscalation to false, capabilities.drop to ALL and seccompProfile.type to "
        "RuntimeDefault; leave privileged out."
    ),
    severity=Severity.CRITICAL,
    types=PODS,
    external={
        "Checkov": ("CKV_K8S_16", "CKV_K8S_20", "CKV_K8S_28", "CKV_K8S_31", "CKV_K8S_37"),
        "Pod Security": ("restricted",),
        "kube-linter": (
            "drop-net-raw-capability",
            "privilege-escalation-container",
            "privileged-container",
            "unsafe-proc-mount",
        ),
    },
    sources=("https://kubernetes.io/docs/concepts/security/pod-security-standards/",),
    check=check,
)
