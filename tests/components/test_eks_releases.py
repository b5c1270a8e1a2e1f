"""Releases beside each other on a cluster: what one leaves alone of another, and of its former version."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from agent_hosting._traffic import Traffic
from tests.components.eks_agents import eks_agent, objects, only
from tests.components.recorder import Program, World
from tests.components.samples import IMAGE, agent_folder, bundle_id, packed

OLD = "aaaaaaaaaaaa"
OLD_IMAGE = IMAGE.replace("a" * 64, "b" * 64)
LABELS = json.dumps({"prompts": "1" * 12, "model": "2" * 12})
SNAPSHOT = Path(__file__).parent / "eks_workloads.snapshot.json"
RENEW = "UPDATE_SNAPSHOT=1 pytest tests/components/test_eks_releases.py"
WORKLOADS = {"stateful_set": "StatefulSet", "sandbox": "Sandbox"}


def world(traffic: Traffic | None = None) -> World:
    """A control table that knows the release OLD."""
    release = {"image": {"S": OLD_IMAGE}, "labels": {"S": LABELS}, "schema_version": {"N": "1"}}
    items: dict[str, Any] = {f"release#{OLD}#eks": release}
    held = traffic or Traffic(OLD)
    return World(items={**items, "traffic": json.loads(held.as_item("handbook"))})


def both(source: str, traffic: Traffic | None = None, **changes: Any) -> Program:
    """The release OLD, and a newer one beside it."""
    listed = [{"bundle_id": OLD}, {**packed(Path(source)), "image": IMAGE}]
    return eks_agent(source, world(traffic), **{"releases": listed, **changes})


def documents(program: Program, bundle: str) -> dict[str, Any]:
    """What the cluster gets for one release."""
    return {key: held for key, held in objects(program).items() if bundle in key}


def test_each_release_has_a_workload_services_a_budget_and_scaling_of_its_own(source: str) -> None:
    program, newest = both(source), bundle_id(source)
    for bundle in (OLD, newest):
        name = f"handbook-{bundle}"
        assert set(documents(program, bundle)) == {
            f"StatefulSet/{name}",
            f"Service/{name}",
            f"Service/{name}-http",
            f"PodDisruptionBudget/{name}",
            f"ScaledObject/{name}",
        }
    outputs = program.outputs_of("EksAgent")
    assert set(outputs["queue_urls"]) == set(outputs["service_names"]) == {OLD, newest}


def test_an_older_release_runs_its_image_with_its_labels_from_its_own_queue(source: str) -> None:
    template = documents(both(source), OLD)[f"StatefulSet/handbook-{OLD}"]["spec"]["template"]
    (container,) = template["spec"]["containers"]
    assert container["image"] == OLD_IMAGE
    told = {entry["name"]: entry.get("value") for entry in container["env"]}
    assert told["AGENT_BUNDLE_ID"] == OLD
    assert f"handbook-{OLD}-" in told["AGENT_QUEUE_URL"]
    labels = template["metadata"]["labels"]
    assert (labels["agent-hosting/prompts"], labels["agent-hosting/model"]) == ("1" * 12, "2" * 12)


@pytest.mark.parametrize("workload", WORKLOADS)
def test_a_release_is_the_same_with_and_without_a_newer_one_beside_it(
    source: str, tmp_path: Path, workload: str
) -> None:
    newest = bundle_id(source)
    alone = eks_agent(source, workload=workload, releases=[{**packed(Path(source)), "image": IMAGE}])
    newer = agent_folder(tmp_path / "newer", prompt="Answer better.")
    remembered = alone.one("TableItem", f"handbook-release-{newest}").document("item")
    later = World(
        items={
            f"release#{newest}#eks": remembered,
            "traffic": json.loads(Traffic(newest).as_item("handbook")),
        }
    )
    listed = [{"bundle_id": newest}, {**packed(newer), "image": OLD_IMAGE}]
    beside = eks_agent(str(newer), later, workload=workload, releases=listed)
    before, after = documents(alone, newest), documents(beside, newest)
    assert before == after
    assert len(documents(beside, bundle_id(newer))) == len(before)


def test_no_selector_says_more_than_agent_and_bundle_so_that_it_never_changes(source: str) -> None:
    for key, held in documents(both(source), bundle_id(source)).items():
        spec = held["spec"]
        selected = spec.get("selector", {})
        labels = selected.get("matchLabels", selected)
        if labels:
            assert labels == {"agent-hosting/agent": "handbook", "agent-hosting/bundle": bundle_id(source)}, (
                key
            )


@pytest.mark.parametrize("points", [0, 1, 500, 3_333, 9_999, 10_000])
def test_the_route_divides_as_the_record_says_and_the_whole_is_ten_thousand(source: str, points: int) -> None:
    newest = bundle_id(source)
    program = both(source, Traffic(OLD, newest, points))
    (rule,) = only(program, "HTTPRoute")["spec"]["rules"]
    weights = {backend["name"]: backend["weight"] for backend in rule["backendRefs"]}
    assert weights == {f"handbook-{OLD}-http": 10_000 - points, f"handbook-{newest}-http": points}
    assert {backend["port"] for backend in rule["backendRefs"]} == {8080}


def test_a_new_release_gets_no_call_until_the_controller_gives_it_one(source: str) -> None:
    (rule,) = only(both(source), "HTTPRoute")["spec"]["rules"]
    assert [backend["weight"] for backend in rule["backendRefs"]] == [10_000, 0]


def test_declared_shares_are_the_routes_weights(source: str) -> None:
    program = both(source, shares={"newest": 0.2, "stable": 0.8})
    (rule,) = only(program, "HTTPRoute")["spec"]["rules"]
    assert [backend["weight"] for backend in rule["backendRefs"]] == [8_000, 2_000]


@pytest.mark.parametrize(("gateway", "fewest"), [(None, 0), ({"name": "inner"}, 2)])
def test_a_release_that_serves_nobody_has_no_pods_unless_calls_reach_it_without_a_queue(
    source: str, gateway: Any, fewest: int
) -> None:
    program, newest = both(source, gateway=gateway, min_pods=2), bundle_id(source)
    least = {
        b: documents(program, b)[f"ScaledObject/handbook-{b}"]["spec"]["minReplicaCount"]
        for b in (OLD, newest)
    }
    assert least == {OLD: 2, newest: fewest}


# What a former version made is kept in a file: where a field changes that Kubernetes does not let change, the
# workload would be replaced, and the volumes of its pods would hang on claims that nobody uses.
# https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/


def kept_fields(workload: str, held: dict[str, Any]) -> dict[str, Any]:
    """What must never change of a release that is deployed."""
    spec, pods = held["spec"], held["spec"].get("template") or held["spec"]["podTemplate"]
    mounts = pods["spec"]["containers"][0]["volumeMounts"]
    fixed = ("serviceName", "selector", "podManagementPolicy", "volumeClaimTemplates")
    return {
        "apiVersion": held["apiVersion"],
        "kind": held["kind"],
        "name": held["metadata"]["name"],
        "namespace": held["metadata"]["namespace"],
        **{name: spec[name] for name in fixed if name in spec},
        "persistentVolumeClaimRetentionPolicy": spec.get("persistentVolumeClaimRetentionPolicy"),
        "volumeMounts": mounts,
        "owner of files": pods["spec"]["securityContext"]["fsGroup"],
    }


def recorded(source: str) -> dict[str, Any]:
    """The previews of one older release, by workload, and the names by which Pulumi knows them."""
    found: dict[str, Any] = {}
    for workload, kind in WORKLOADS.items():
        program = both(source, workload=workload)
        held = objects(program)[f"{kind}/handbook-{OLD}"]
        made = next(r for r in program.all(kind) if OLD in r.name)
        found[workload] = {**kept_fields(workload, held), "urn": made.urn}
    return found


def test_an_upgrade_replaces_no_workload_and_no_volume(source: str) -> None:
    made = recorded(source)
    if os.environ.get("UPDATE_SNAPSHOT"):
        SNAPSHOT.write_text(json.dumps(made, indent=2, sort_keys=True) + "\n")
    assert made == json.loads(SNAPSHOT.read_text()), (
        f"deployed releases would lose their volumes; where that is meant, it is a major version: {RENEW}"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"cpu_millicores": 1_000, "memory_mb": 2_048},
        {"idle_seconds": 60, "max_pods": 3, "pod_concurrency": 1},
        {"longest_step_seconds": 600},
        {"destinations": [], "gateway": None},
        {"tenants": ["acme"]},
    ],
    ids=lambda changes: ",".join(changes),
)
def test_no_ordinary_change_of_an_agent_touches_what_its_volumes_hang_on(source: str, changes: Any) -> None:
    before, after = (
        kept_fields("stateful_set", documents(program, OLD)[f"StatefulSet/handbook-{OLD}"])
        for program in (both(source), both(source, **changes))
    )
    assert before == after
