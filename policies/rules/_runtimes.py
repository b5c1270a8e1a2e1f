"""The programs that run agents, and what they are told by their variables.

An agent has other programs too, such as the brake of its budget. Which of them calls the model shows by a
bundle or a model in its variables, or by a role that may call one; where none shows it, the first one counts.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..framework.index import StackIndex
from ..framework.resource import Resource
from ..framework.values import UNKNOWN, Malformed, NotKnown, View
from ._agent_pods import LABELS
from ._agents import OUTSIDE
from ._containers import TASK, containers
from ._control_items import manifests
from ._functions import FUNCTION
from ._pods import KINDS, pods
from ._roles import ROLE, rights_of

PODS = tuple(f"kubernetes:{kind}" for kind in KINDS)
RUNTIMES = (FUNCTION, TASK, *PODS)
_BUNDLE = re.compile(r"(?:^|_)BUNDLE(?:_ID|_VERSION)?$")
_MODEL = re.compile(r"(?:^|_)MODEL(?:_ID|_NAME|_ARN)?$|(?:^|_)INFERENCE_PROFILE(?:_ID|_ARN)?$")
_CALLS = (
    "bedrock:Converse",
    "bedrock:InvokeAgent",
    "bedrock:InvokeModel",
    "bedrock:InvokeModelWithResponseStream",
)


@dataclass(frozen=True)
class Runtime:
    """A program of an agent. A variable that the deployment will tell has the value `UNKNOWN`."""

    resource: Resource
    agent: str
    variables: dict[str, Any]
    path: str

    def said(self, names: re.Pattern[str]) -> Iterator[tuple[str, str]]:
        """Name and value of the variables of such names. Raises `NotKnown` at an unknown one."""
        for name, value in self.variables.items():
            if names.search(name.upper()):
                if value is UNKNOWN:
                    raise NotKnown(f"{self.path}.{name}")
                if value not in (None, ""):
                    yield name, str(value)

    def bundles(self) -> set[str]:
        """Ids by which its variables name its bundle: one, if all is well."""
        return {value for _, value in self.said(_BUNDLE)}

    def models(self) -> Iterator[tuple[str, str]]:
        """Variables that name a model."""
        return self.said(_MODEL)

    def manifest(self, stack: StackIndex) -> View | None:
        """What the bundle says that it names; None where it names none. Raises `NotKnown` where it names one
        that this stack does not hold: an earlier deployment kept it, or it lies in the image."""
        named = self.bundles()
        if not named:
            return None
        held = manifests(stack)
        for bundle in sorted(named):
            if bundle in held:
                return held[bundle]
        raise NotKnown(self.path, f"names bundle {min(named)}, which {OUTSIDE}")

    def doubt(self) -> None:
        """Raises where a map of the cluster, which nobody reads here, gives the program further variables."""
        if self.resource.family in PODS:
            for container in _template(self.resource).view("spec").views("containers"):
                if any(source.says("configMapRef") for source in container.views("envFrom")):
                    raise NotKnown(container.at("envFrom"), OUTSIDE)

    @property
    def shows(self) -> bool:
        """Whether its variables show that it calls a model."""
        return any(_BUNDLE.search(name.upper()) or _MODEL.search(name.upper()) for name in self.variables)


def models_of(manifest: View) -> Iterator[View]:
    """Every model that a bundle may call: its tiers, or the one that it has."""
    tiers = manifest.view("models")
    yield from (tiers.view(name) for name in tiers.held) if tiers.held else [manifest.view("model")]


def runtime(resource: Resource, stack: StackIndex) -> Runtime | None:
    """The resource as a program that runs an agent; None where it is none."""
    agent = agent_of(resource)
    if not agent or (resource.family in PODS and not _template(resource).held):
        return None
    found = Runtime(resource, agent, *_variables(resource))
    if found.shows or _may_call(resource, stack):
        return found
    return found if stack.once(_first).get(agent) == resource.urn else None


def agent_of(resource: Resource) -> str:
    """By the tag `agent`, or the label of the pods."""
    if resource.type in (FUNCTION, TASK):
        return resource.tag("agent")
    of_pods, own = labels_of(resource), resource.view.view("metadata").view("labels")
    return next((text for held in (of_pods, own) for label in LABELS if (text := held.text(label))), "")


def labels_of(resource: Resource) -> View:
    """Labels of the pods that a workload makes."""
    return _template(resource).view("metadata").view("labels")


def _template(resource: Resource) -> View:
    """The pod template, wherever it sits; empty where the pods are those of another workload."""
    pod = next(pods(resource), None)
    return View(None) if pod is None else pod.template


def _variables(resource: Resource) -> tuple[dict[str, Any], str]:
    if resource.type == FUNCTION:
        held = resource.view.view("environment").view("variables")
        return dict(held.held), held.path
    if resource.type == TASK:
        return _listed(
            [held.held for held in containers(resource)], "environment", "containerDefinitions"
        ), "containerDefinitions"
    spec = _template(resource).view("spec")
    return _listed(spec.items("containers"), "env", spec.at("containers")), spec.at("containers")


def _listed(containers: list[Any], key: str, path: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for n, container in enumerate(containers):
        for variable in View(container, f"{path}[{n}]").views(key):
            of_map = variable.view("valueFrom").says("configMapKeyRef")
            found[variable.text("name")] = UNKNOWN if of_map else variable.held.get("value", "")
    return found


def _may_call(resource: Resource, stack: StackIndex) -> bool:
    key = "role" if resource.type == FUNCTION else "taskRoleArn"
    roles = stack.referred(resource, key, ROLE)
    return any(next(rights_of(role, stack).allowing(call), None) for role in roles for call in _CALLS)


def _first(stack: StackIndex) -> dict[str, str]:
    """URN of the first program of each agent, "" where one of them shows that it calls the model."""
    found: dict[str, str] = {}
    for resource in stack.of(*RUNTIMES):
        try:
            if agent := agent_of(resource):
                program = Runtime(resource, agent, *_variables(resource))
                if program.shows or _may_call(resource, stack):
                    found[agent] = ""
                found.setdefault(agent, resource.urn)
        except (NotKnown, Malformed):
            continue  # told where that program itself is judged
    return found
