"""Pods, in whatever object their template sits."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..framework.index import StackIndex
from ..framework.outcomes import Fail
from ..framework.resource import Resource
from ..framework.values import Malformed, NotKnown, View
from ._agents import OUTSIDE
from ._objects import Thing, all_of, each, families, things

_TEMPLATES: Mapping[str, str] = {
    "core:Pod": "",
    "core:PodTemplate": "template",
    "core:ReplicationController": "spec.template",
    **{
        f"{group}:{kind}": "spec.template"
        for group in ("apps", "extensions")
        for kind in ("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet")
    },
    "argoproj.io:Rollout": "spec.template",
    "batch:Job": "spec.template",
    "batch:CronJob": "spec.jobTemplate.spec.template",
    "keda.sh:ScaledJob": "spec.jobTargetRef.template",
    "agents.x-k8s.io:Sandbox": "spec.podTemplate",
    "agents.x-k8s.io:SandboxTemplate": "spec.podTemplate",
    "extensions.agents.x-k8s.io:SandboxTemplate": "spec.podTemplate",
}
"""Where each kind has its pod template."""
KINDS = tuple(sorted(_TEMPLATES))
"""Kinds of pods, and of what makes some."""
_GROUPS = ("containers", "initContainers", "ephemeralContainers")
_FROM_POD = ("runAsNonRoot", "runAsUser", "seccompProfile", "seLinuxOptions", "appArmorProfile")
"""What a container takes from its pod where it says nothing itself:
https://kubernetes.io/docs/tasks/configure-pod-container/security-context/"""
JOBS = ("Job", "CronJob", "ScaledJob")
SANDBOXES = ("Sandbox", "SandboxTemplate")


OfPod = Callable[["Pod"], Iterable[Fail]]
OfContainer = Callable[["Container"], Iterable[Fail]]


PODS = families(*_TEMPLATES)
"""All types whose objects are pods or make some."""


def referenced(thing: Thing, stack: StackIndex) -> Thing | None:
    """The workload of this stack that a Rollout takes its pods from by `workloadRef`."""
    reference = thing.spec.view("workloadRef")
    key = reference.text("kind"), thing.namespace(stack), reference.text("name")
    return stack.once(_workloads).get(key)


def _workloads(stack: StackIndex) -> dict[tuple[str, str, str], Thing]:
    found: dict[tuple[str, str, str], Thing] = {}
    for thing in all_of(stack, *_TEMPLATES):
        try:
            found[thing.kind, thing.namespace(stack), thing.metadata.text("name")] = thing
        except (NotKnown, Malformed):
            continue
    return found


@dataclass(frozen=True)
class Pod:
    """A pod, or the template of some."""

    owner: Thing
    template: View

    @property
    def kind(self) -> str:
        """Kind of the object that it sits in."""
        return self.owner.kind

    @property
    def is_patch(self) -> bool:
        return self.owner.is_patch

    @cached_property
    def metadata(self) -> View:
        return self.template.view("metadata")

    @cached_property
    def spec(self) -> View:
        return self.template.view("spec")

    @cached_property
    def labels(self) -> View:
        return self.metadata.view("labels")

    @cached_property
    def is_windows(self) -> bool:
        """Pod Security asks such pods for nothing that only Linux has."""
        return self.spec.view("os").text("name") == "windows"

    def containers(self, *groups: str) -> Iterator["Container"]:
        for group in groups or _GROUPS:
            found = self.spec.value(group)
            many: list[Any] = (
                [] if found is None else list(found) if isinstance(found, list | tuple) else [found]
            )
            for n, held in enumerate(many):
                yield Container(self, group, held, f"{self.spec.at(group)}[{n}]")

    def whole(self, view: View, key: str) -> None:
        """Raises where a patch leaves `key` as the object has it: what is missing is no default then."""
        if self.is_patch and view.value(key) is None:
            raise NotKnown(view.at(key), OUTSIDE)


@dataclass(frozen=True)
class Container:
    """A container of any of a pod's three lists."""

    pod: Pod
    group: str
    held: Any
    path: str

    @cached_property
    def view(self) -> View:
        return View(self.held, self.path)

    @cached_property
    def name(self) -> str:
        return self.view.text("name") or self.path

    @cached_property
    def security(self) -> View:
        return self.view.view("securityContext")

    def setting(self, key: str) -> View:
        """The security context that decides on `key`: the container's own, else the pod's."""
        if self.security.value(key) is None and key in _FROM_POD:
            of_pod = self.pod.spec.view("securityContext")
            return of_pod if of_pod.value(key) is not None else self.security
        return self.security


def pods(resource: Resource) -> Iterator[Pod]:
    """The pods of a resource. A Rollout with `workloadRef` has none: they are those of what it names."""
    for thing in things(resource):
        yield from pods_of(thing)


def pods_of(thing: Thing) -> Iterator[Pod]:
    """The pod of one object, if it has any."""
    where = _TEMPLATES[f"{thing.resource.family.split(':')[1]}:{thing.kind}"]
    template = thing.view
    for part in where.split(".") if where else ():
        template = template.view(part)
    if template.held or not (where and (thing.is_patch or thing.spec.says("workloadRef"))):
        yield Pod(thing, template)


def all_pods(stack: StackIndex) -> list[Pod]:
    """Every pod of the stack whose object is known and well formed; the others are told of by other rules."""
    found: list[Pod] = []
    for resource in stack.of(*sorted(PODS)):
        try:
            found += [pod for pod in pods(resource) if not pod.is_patch]
        except (NotKnown, Malformed):
            continue
    return found


def judged(
    resource: Resource, of_pod: Iterable[OfPod] = (), of_container: Iterable[OfContainer] = ()
) -> Iterator[Fail]:
    """What the checks say of the pods and their containers."""
    return each(_checks(resource, tuple(of_pod), tuple(of_container)))


def _checks(
    resource: Resource, of_pod: tuple[OfPod, ...], of_container: tuple[OfContainer, ...]
) -> Iterator[Iterable[Fail]]:
    for pod in pods(resource):
        yield from (check(pod) for check in of_pod)
        if of_container:
            yield from (check(container) for container in pod.containers() for check in of_container)
