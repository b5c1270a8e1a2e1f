"""A Rollout of our own document walks under the real controller of Argo, and the record follows it with no
more than the rights of the rollout controller."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from wsgiref.simple_server import make_server

import pytest

from agent_runtime.errors import ClusterUnavailable, TrafficUnknown
from agent_runtime.kubernetes_api import KubernetesApi
from agent_runtime.rollout.actions import Action, Decided
from agent_runtime.rollout.argo import followed, read_walk
from agent_runtime.rollout.plan import WHOLE, Place
from agent_runtime.rollout.record import Phase, Record
from embedded_kubernetes.cluster import Cluster
from tests.embedded_kubernetes.agents import agent, agents_namespace, component_programs, source_of
from tests.embedded_kubernetes.conftest import Reviewers
from tests.embedded_kubernetes.world import Object, World
from tests.servers import Quiet, serving

ROLLOUT = ("argoproj.io/v1alpha1", "Rollout")
NAME = "handbook"
HOLDS = [{"percent": percent, "hold_seconds": 3_600} for percent in (5, 50, 100)]
"""Until a person lets it go on."""
SHORT = [{"percent": percent, "hold_seconds": 3} for percent in (20, 50, 100)]


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = tmp_path_factory.mktemp("programs")
    with component_programs(made):
        yield made


@pytest.fixture(scope="module")
def sources(folder: Path) -> list[str]:
    """Two releases of one agent."""
    return [source_of(folder, prompt="Answer."), source_of(folder, prompt="Answer better.")]


@dataclass
class Agent:
    """An agent on the cluster, and the record that the rollout controller keeps of it."""

    world: World
    cluster: Cluster
    record: Record = field(default_factory=lambda: Record("none yet"))
    decided: list[Decided] = field(default_factory=list)

    def deploy(self, source: str, steps: Any, change: Any = None, **changes: Any) -> str:
        """Apply all of its documents; gives the bundle id. `change` is done to the AnalysisTemplate."""
        given = {"gateway": None, "workload": "rollout", "rollout": {"steps": steps}, **changes}
        made = agent(source, self.world.namespace, **given)
        for document in made.values():
            if document["kind"] == "AnalysisTemplate" and change is not None:
                change(document["spec"])
            if document["kind"] == "Rollout":
                document["spec"]["minReadySeconds"] = 0  # a fake pod is as ready as it will ever be
            self.world.apply(document)
        labels = made[f"Rollout/{NAME}"]["spec"]["template"]["metadata"]["labels"]
        return labels["agent-hosting/bundle"]

    def until(self, **wanted: Any) -> Object:
        """The Rollout once Argo has seen its last change and its status has all of these."""

        def reached(found: Object) -> bool:
            status = found.get("status", {})
            seen = status.get("observedGeneration") == str(found["metadata"]["generation"])
            return seen and all(status.get(name) == value for name, value in wanted.items())

        return self.world.until(*ROLLOUT, NAME, reached)

    def begun(self, source: str, steps: Any, **changes: Any) -> str:
        """The first revision, which has no walk; the record is of it."""
        bundle = self.deploy(source, steps, **changes)
        self.until(phase="Healthy")
        self.record = Record(bundle)
        return bundle

    def looks(self) -> Record:
        """What the controller does each minute."""
        place = Place(
            cluster_name="pods",
            endpoint=self.cluster.url,
            certificate_authority=self.cluster.certificate_authority,
            namespace=self.world.namespace,
            name=NAME,
        )
        made = followed(self.record, read_walk(self.api, place), len(self.decided) + 1)
        self.decided.append(made)
        self.record = made.record
        return made.record

    def tell(self, **status: Any) -> None:
        """As `kubectl argo rollouts promote` and `abort` do."""
        rollouts = self.world.kind(*ROLLOUT)
        rollouts.status.patch(
            body={"status": status},
            name=NAME,
            namespace=self.world.namespace,
            content_type="application/merge-patch+json",
        )

    @property
    def api(self) -> KubernetesApi:
        return KubernetesApi(
            self.cluster.url, self.cluster.certificate_authority, lambda: f"of-{self.world.namespace}"
        )


@pytest.fixture
def handbook(cluster: Cluster, reviewers: Reviewers) -> Iterator[Agent]:
    """Whoever calls is a member of the group of the controller's access entry, and of nothing else."""
    before = reviewers.review
    with agents_namespace(cluster, "walks") as world:
        member = {"username": "controller", "groups": [f"agent-hosting:{world.namespace}:{NAME}"]}
        reviewers.review = lambda asked: {
            **{key: asked[key] for key in ("apiVersion", "kind")},
            "status": {"authenticated": True, "user": member},
        }
        yield Agent(world, cluster)
    reviewers.review = before


def test_a_rollout_walks_by_itself_and_the_record_says_each_share_and_then_the_promotion(
    handbook: Agent, sources: list[str]
) -> None:
    old = handbook.begun(sources[0], SHORT)
    assert handbook.looks() == Record(old), "the first revision has arrived"
    new = handbook.deploy(sources[1], SHORT)
    handbook.until(phase="Progressing")

    def arrived(found: Object) -> bool:
        try:
            return handbook.looks().stable == new
        except TrafficUnknown:
            return False

    handbook.world.until(*ROLLOUT, NAME, arrived)
    walked = [made.record for made in handbook.decided if made.action is Action.ADVANCE]
    shares = [record.candidate_basis_points for record in walked]
    assert shares == sorted(shares)
    assert {2_000, 5_000} <= set(shares) <= {0, 2_000, 5_000, WHOLE}
    assert {record.candidate for record in walked} == {new}
    last = handbook.decided[-1]
    assert (last.action, last.record.shares, last.record.previous) == (Action.PROMOTE, {new: WHOLE}, old)
    assert last.record.version == 1 + len(walked) + 1
    handbook.until(phase="Healthy")
    assert handbook.looks() == last.record


def test_a_person_promotes_step_by_step_and_then_aborts_and_nothing_is_given_to_the_candidate(
    handbook: Agent, sources: list[str]
) -> None:
    old = handbook.begun(sources[0], HOLDS)
    new = handbook.deploy(sources[1], HOLDS)
    handbook.until(phase="Paused", currentStepIndex=1)
    assert handbook.looks().shares == {old: 9_500, new: 500}
    handbook.tell(pauseConditions=None)
    handbook.until(phase="Paused", currentStepIndex=3)
    assert handbook.looks().shares == {old: 5_000, new: 5_000}
    assert handbook.record.step == 1, "the second one"
    handbook.tell(abort=True)
    handbook.until(phase="Degraded", abort=True)
    record = handbook.looks()
    assert (record.shares, record.phase, list(record.rejected)) == ({old: WHOLE}, Phase.STEADY, [new])
    assert [made.action for made in handbook.decided][-1] is Action.GO_BACK
    assert handbook.looks() == record

    handbook.tell(abort=False)  # as `kubectl argo rollouts retry` does
    handbook.until(phase="Paused", currentStepIndex=1)
    assert handbook.looks().rejected == {}
    assert handbook.deploy(sources[0], HOLDS) == old
    handbook.until(phase="Healthy")
    assert handbook.looks().shares == {old: WHOLE}
    assert handbook.decided[-1].action is Action.DROP


def test_a_person_promotes_to_the_end(handbook: Agent, sources: list[str]) -> None:
    old = handbook.begun(sources[0], HOLDS)
    new = handbook.deploy(sources[1], HOLDS)
    handbook.until(phase="Paused", currentStepIndex=1)
    handbook.tell(promoteFull=True)
    handbook.until(phase="Healthy")
    record = handbook.looks()
    assert (record.stable, record.previous, record.candidate) == (new, old, None)
    assert handbook.decided[-1].action is Action.PROMOTE


class Prometheus:
    """Answers each query with these values, and remembers what was asked."""

    def __init__(self, *values: str) -> None:
        self.values, self.asked = values, ""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.asked = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)).decode()
        result = [{"metric": {}, "value": [1_800_000_000, value]} for value in self.values]
        body = json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}})
        start_response("200 OK", [("content-type", "application/json")])
        return [body.encode()]


def at_once(spec: Object) -> None:
    """Measured each second: our own interval is minutes."""
    for metric in spec["metrics"]:
        metric["interval"] = "1s"
        del metric["initialDelay"]


@pytest.mark.parametrize(
    ("values", "wanted", "points", "rejected"),
    [
        (["0.5"], {"phase": "Degraded", "abort": True}, 0, True),
        (["0.99"], {"phase": "Paused", "currentStepIndex": 1}, 500, False),
        ([], {"phase": "Paused", "currentStepIndex": 1}, 500, False),
    ],
    ids=["a bad value goes back by itself", "a good one goes on", "none is no pass"],
)
def test_argo_judges_by_our_analysis(
    handbook: Agent, sources: list[str], values: list[str], wanted: Any, points: int, rejected: bool
) -> None:
    stub = Prometheus(*values)
    with serving(make_server("127.0.0.1", 0, stub, handler_class=Quiet)) as url:
        queries = {"task_success": 'success{bundle="{{args.bundle}}"}'}
        analysis = {"provider": "prometheus", "address": url, "queries": queries}
        old = handbook.begun(sources[0], HOLDS, change=at_once, analysis=analysis)
        new = handbook.deploy(sources[1], HOLDS, change=at_once, analysis=analysis)
        handbook.until(**wanted)
        judged = {"0.5": "Failed", "0.99": "Running"}.get(values[0] if values else "", "Inconclusive")
        seen = handbook.world.until(*ROLLOUT, NAME, lambda found: _verdict(found) == judged)
        assert f"{new}" in stub.asked
    record = handbook.looks()
    assert record.shares == {held: n for held, n in ((old, WHOLE - points), (new, points)) if n}
    assert (new in record.rejected) is rejected
    reasons = {one["reason"] for one in seen["status"].get("pauseConditions") or []}
    assert ("InconclusiveAnalysisRun" in reasons) is (not values)


def _verdict(found: Object) -> str | None:
    canary = found.get("status", {}).get("canary", {})
    return canary.get("currentBackgroundAnalysisRunStatus", {}).get("status")


def test_the_controller_may_see_how_far_argo_is_and_nothing_else(handbook: Agent, sources: list[str]) -> None:
    handbook.begun(sources[0], SHORT)
    handbook.looks()
    inside = f"/apis/argoproj.io/v1alpha1/namespaces/{handbook.world.namespace}"
    for path in (
        f"{inside}/rollouts",
        f"{inside}/rollouts/another",
        f"{inside}/analysistemplates/{NAME}",
        f"/api/v1/namespaces/{handbook.world.namespace}/pods",
        f"/apis/apps/v1/namespaces/{handbook.world.namespace}/replicasets",
        "/api/v1/namespaces",
    ):
        with pytest.raises(ClusterUnavailable, match="403"):
            handbook.api.get(path)
    with pytest.raises(ClusterUnavailable, match="403"):
        handbook.api.merge(f"{inside}/rollouts/{NAME}", {"spec": {"paused": True}})
