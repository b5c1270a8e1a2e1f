"""C45e: tells of pods that no rule can see, so that nobody takes silence for a pass."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule
from ..framework.values import NotKnown
from ._agents import OUTSIDE
from ._objects import things
from ._pods import referenced

_RELEASE, _ROLLOUT = "kubernetes:helm.sh:Release", "kubernetes:argoproj.io:Rollout"
_RENDERERS = frozenset(
    f"kubernetes:{kind}"
    for kind in ("helm.sh:Chart", "kustomize:Directory", "yaml:ConfigFile", "yaml:ConfigGroup")
)
_NOT_YET = "renders no object here: what it takes is unknown, or the run is one without a provider."
_RENDERED = "is rendered by the provider, where no rule sees it: use a Chart, or judge what it makes."


def check(resource: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for a Release, for a Rollout whose pods are those of another stack's workload, and for a chart
    or a file of YAML that has no children: as a rule each of its objects is one, and is judged."""
    if resource.family == _RELEASE:
        raise NotKnown("chart", _RENDERED)
    if resource.family in _RENDERERS:
        if resource.urn not in stack.once(_parents):
            raise NotKnown("", _NOT_YET)
        return ()
    for thing in things(resource):
        reference = thing.spec.view("workloadRef")
        if reference.held and referenced(thing, stack) is None:
            raise NotKnown(reference.path, OUTSIDE)
    return ()


def _parents(stack: StackIndex) -> set[str]:
    return {resource.parent for resource in stack.resources}


RULE = StackRule(
    id="C45e",
    name="pods-are-seen",
    title="Pods are written where rules can see them",
    why="What a Helm Release installs is made by the provider: this pack cannot tell whether it is safe.",
    remediation="Render it with helm.v4.Chart, or scan what the Release makes by other means.",
    severity=Severity.LOW,
    level=Level.ADVISORY,
    types=_RENDERERS | {_RELEASE, _ROLLOUT},
    sources=("https://www.pulumi.com/registry/packages/kubernetes/choosing-the-right-helm-resource/",),
    check=check,
)
