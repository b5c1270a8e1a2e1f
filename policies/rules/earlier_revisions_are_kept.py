"""AG23b: the revision before this one is there to go back to."""

from collections.abc import Iterable, Iterator

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule
from ._agent_pods import is_agents
from ._objects import Thing, each, families, things

_KEPT = 10


def check(resource: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for workloads with the label `agent`, on themselves or their pods. Kubernetes and
    Argo keep ten by default:
    https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#clean-up-policy"""
    return each(_keeps_one(thing, stack) for thing in things(resource))


def _keeps_one(workload: Thing, stack: StackIndex) -> Iterator[Fail]:
    spec = workload.spec
    if is_agents(workload, stack) and (spec.number("revisionHistoryLimit", _KEPT) or 0) < 1:
        yield Fail(
            "no earlier revision is kept: there is nothing to go back to.", spec.at("revisionHistoryLimit")
        )


RULE = StackRule(
    id="AG23b",
    name="earlier-revisions-are-kept",
    title="Workloads of agents keep an earlier revision",
    why="A rollback must be one write and no new build.",
    remediation="Leave revisionHistoryLimit out, or set it to 1 or more.",
    severity=Severity.MEDIUM,
    types=families(
        *(f"{g}:{k}" for g in ("apps", "extensions") for k in ("DaemonSet", "Deployment", "StatefulSet")),
        "argoproj.io:Rollout",
    ),
    sources=("https://kubernetes.io/docs/concepts/workloads/controllers/deployment/",),
    check=check,
)
