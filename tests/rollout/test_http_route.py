"""The weights of an HTTP route follow the traffic record, in one patch that others' changes are safe from."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.errors import RecordChanged, TrafficUnknown
from agent_runtime.kubernetes_api import KubernetesApi
from agent_runtime.rollout.http_route import HttpRouteTraffic
from agent_runtime.rollout.plan import WHOLE, Place
from agent_runtime.rollout.record import Record
from tests.rollout.samples import A, B, C
from tests.runtime.cluster_api import ClusterApi, cluster_api

PATH = "/apis/gateway.networking.k8s.io/v1/namespaces/agents/httproutes/handbook"
SERVICES = {A: "handbook-a-http", B: "handbook-b-http"}
OTHER_RULE = {"matches": [{"path": {"value": "/theirs"}}], "backendRefs": [{"name": "theirs", "weight": 3}]}


def backend(bundle: str, weight: int) -> dict[str, Any]:
    return {"name": SERVICES[bundle], "port": 8080, "weight": weight}


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[ClusterApi]:
    """A route whose calls all go to A, beside a rule of somebody else's."""
    with cluster_api(tmp_path) as found:
        rules = [
            {"timeouts": {"request": "30s"}, "backendRefs": [backend(A, WHOLE), backend(B, 0)]},
            OTHER_RULE,
        ]
        found.objects[PATH] = {
            "metadata": {"name": "handbook", "resourceVersion": "7"},
            "spec": {"hostnames": ["agents.example.com"], "rules": rules},
        }
        yield found


def traffic(cluster: ClusterApi, services: dict[str, str] | None = None) -> HttpRouteTraffic:
    route = Place(
        cluster_name="pods",
        endpoint=cluster.endpoint,
        certificate_authority=cluster.authority,
        namespace="agents",
        name="handbook",
    )
    api = KubernetesApi(route.endpoint, route.certificate_authority, lambda: "token")
    return HttpRouteTraffic(api, route, SERVICES if services is None else services)


def weights(cluster: ClusterApi) -> dict[str, int]:
    rules = cluster.objects[PATH]["spec"]["rules"]
    return {one["name"]: one["weight"] for one in rules[0]["backendRefs"]}


def patches(cluster: ClusterApi) -> list[Any]:
    return [body for method, _, _, body in cluster.asked if method == "PATCH"]


def test_a_share_is_written_in_one_patch_and_all_else_stays(cluster: ClusterApi) -> None:
    assert traffic(cluster).apply(lambda: Record(A, B, 2_000)) is True
    assert weights(cluster) == {SERVICES[A]: 8_000, SERVICES[B]: 2_000}
    (patch,) = patches(cluster)
    assert patch["metadata"] == {"resourceVersion": "7"}
    spec = cluster.objects[PATH]["spec"]
    assert spec["hostnames"] == ["agents.example.com"]
    assert spec["rules"][0]["timeouts"] == {"request": "30s"}
    assert spec["rules"][1] == OTHER_RULE


def test_weights_that_are_right_are_not_written(cluster: ClusterApi) -> None:
    assert traffic(cluster).apply(lambda: Record(A)) is False
    assert patches(cluster) == []


def test_a_release_that_goes_back_gets_nothing_in_one_patch(cluster: ClusterApi) -> None:
    traffic(cluster).apply(lambda: Record(A, B, 5_000))
    traffic(cluster).apply(lambda: Record(A, None, 0, previous=B))
    assert weights(cluster) == {SERVICES[A]: WHOLE, SERVICES[B]: 0}
    assert len(patches(cluster)) == 2


def test_a_route_that_changed_meanwhile_is_read_anew_and_the_record_too(cluster: ClusterApi) -> None:
    records = [Record(A, B, 500), Record(A, B, 2_000)]
    more = {**cluster.objects[PATH]["spec"], "hostnames": ["other.example.com"]}
    cluster.before_patch = [lambda: cluster.put(PATH, spec=more)]
    assert traffic(cluster).apply(lambda: records.pop(0)) is True
    assert weights(cluster)[SERVICES[B]] == 2_000, "of the newest record"
    assert cluster.objects[PATH]["spec"]["hostnames"] == ["other.example.com"], "what the other wrote stays"
    assert [patch["metadata"]["resourceVersion"] for patch in patches(cluster)] == ["7", "8"]


def test_a_route_that_never_rests_is_given_up_after_five_tries(cluster: ClusterApi) -> None:
    cluster.before_patch = [lambda: cluster.put(PATH)] * 9
    with pytest.raises(RecordChanged, match="the route handbook changes too fast"):
        traffic(cluster).apply(lambda: Record(A, B, 2_000))
    assert len(patches(cluster)) == 5
    assert weights(cluster)[SERVICES[B]] == 0


@pytest.mark.parametrize(("status", "said"), [(403, "forbidden"), (401, "Unauthorized"), (500, "broken")])
def test_a_refusal_of_the_cluster_leaves_the_traffic_unknown(
    cluster: ClusterApi, status: int, said: str
) -> None:
    cluster.answers = [(status, {"message": said})]
    with pytest.raises(TrafficUnknown, match=rf"the route handbook cannot be moved: GET .*: {status} {said}"):
        traffic(cluster).apply(lambda: Record(A))


def test_a_route_that_is_gone_leaves_the_traffic_unknown(cluster: ClusterApi) -> None:
    del cluster.objects[PATH]
    with pytest.raises(TrafficUnknown, match="404"):
        traffic(cluster).apply(lambda: Record(A))


@pytest.mark.parametrize("rules", [[], [{"matches": []}], None], ids=["no rule", "no backend", "nothing"])
def test_a_route_that_somebody_emptied_is_told_and_not_filled(cluster: ClusterApi, rules: Any) -> None:
    cluster.objects[PATH]["spec"] = {} if rules is None else {"rules": rules}
    with pytest.raises(TrafficUnknown, match=r"the route handbook does not know .*: deploy again"):
        traffic(cluster).apply(lambda: Record(A))
    assert patches(cluster) == []


def test_a_release_that_the_route_does_not_know_is_refused_and_nothing_is_written(
    cluster: ClusterApi,
) -> None:
    known = {**SERVICES, C: "handbook-c-http"}
    with pytest.raises(TrafficUnknown, match="does not know handbook-c-http: deploy again"):
        traffic(cluster, known).apply(lambda: Record(A, C, 500))
    assert patches(cluster) == []


def test_a_release_that_was_never_deployed_here_is_refused_by_its_bundle(cluster: ClusterApi) -> None:
    with pytest.raises(TrafficUnknown, match=f"{C} was never deployed behind the route handbook"):
        traffic(cluster).apply(lambda: Record(A, C, 500))


BUNDLES = st.lists(st.sampled_from([f"{n:012x}" for n in range(6)]), min_size=1, max_size=6, unique=True)


@given(
    deployed=BUNDLES,
    points=st.integers(0, WHOLE),
    order=st.randoms(use_true_random=False),
    stale=st.lists(st.integers(0, 1_000_000), min_size=6, max_size=6),
)
def test_the_weights_add_up_to_the_whole_and_are_the_records(
    deployed: list[str], points: int, order: Any, stale: list[int]
) -> None:
    stable, candidate = deployed[0], deployed[1] if len(deployed) > 1 else None
    record = Record(stable, candidate, points if candidate else 0)
    services = {bundle: f"svc-{bundle}" for bundle in deployed}
    backends = [{"name": name, "weight": w} for name, w in zip(services.values(), stale, strict=False)]
    order.shuffle(backends)
    made = HttpRouteTraffic(None, None, services)._rules([{"backendRefs": backends}], record)  # type: ignore[arg-type]
    found = {one["name"]: one["weight"] for one in made[0]["backendRefs"]}
    assert sum(found.values()) == WHOLE
    assert {name: weight for name, weight in found.items() if weight} == {
        services[bundle]: share for bundle, share in record.shares.items()
    }
    assert [one["name"] for one in made[0]["backendRefs"]] == [one["name"] for one in backends]
