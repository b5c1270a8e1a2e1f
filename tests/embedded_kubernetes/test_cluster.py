"""The real API server and its controllers, with nodes that kwok plays."""

import secrets
import stat
from typing import Any

import psutil
import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from embedded_kubernetes.cluster import Cluster
from tests.embedded_kubernetes.world import RESTRICTED, World, is_ready, pod, pod_template

OPERATORS = {
    ("argoproj.io/v1alpha1", "Rollout"),
    ("argoproj.io/v1alpha1", "AnalysisTemplate"),
    ("keda.sh/v1alpha1", "ScaledObject"),
    ("gateway.networking.k8s.io/v1", "HTTPRoute"),
    ("agents.x-k8s.io/v1alpha1", "Sandbox"),
    ("external-secrets.io/v1", "ExternalSecret"),
}


def test_the_api_server_says_its_version(world: World) -> None:
    found = client.VersionApi(world.core.api_client).get_code()
    assert (found.git_version, found.minor) == ("v1.34.1", "34")


@pytest.mark.parametrize(("api_version", "kind"), sorted(OPERATORS))
def test_the_definitions_of_the_operators_are_served(world: World, api_version: str, kind: str) -> None:
    assert world.kind(api_version, kind).namespaced


def test_three_nodes_in_three_zones_are_ready(world: World) -> None:
    nodes = [node.to_dict() for node in world.core.list_node().items]
    assert {node["metadata"]["labels"]["topology.kubernetes.io/zone"] for node in nodes} == {
        "eu-west-1a",
        "eu-west-1b",
        "eu-west-1c",
    }
    assert all(is_ready(node) for node in nodes)


def test_a_pod_on_a_fake_node_becomes_running_and_ready(world: World) -> None:
    world.create(pod("one"))
    found = world.until("v1", "Pod", "one", is_ready)
    assert found["status"]["phase"] == "Running"
    assert found["spec"]["nodeName"].startswith("node-")


def test_a_pod_goes_when_it_is_deleted(world: World) -> None:
    world.create(pod("one"))
    world.until("v1", "Pod", "one", is_ready)
    world.core.delete_namespaced_pod("one", world.namespace)
    world.until_gone("v1", "Pod", "one")


def test_a_namespace_under_restricted_refuses_a_privileged_pod(world: World) -> None:
    world.core.patch_namespace(world.namespace, {"metadata": {"labels": RESTRICTED}})
    privileged = pod("privileged")
    privileged["spec"]["containers"][0]["securityContext"] = {"privileged": True}
    with pytest.raises(ApiException, match=r"violates PodSecurity .*restricted:latest.*: privileged"):
        world.create(privileged)
    world.create(pod("restricted"))


def test_a_stateful_set_rolls_one_pod_after_the_other(world: World) -> None:
    labels = {"app": "agent"}
    spec: dict[str, Any] = {
        "serviceName": "agent",
        "replicas": 2,
        "selector": {"matchLabels": labels},
        "template": pod_template(labels),
    }
    made = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "agent"}, "spec": spec}

    def rolled(found: dict[str, Any]) -> bool:
        status = found["status"]
        current = status.get("observedGeneration") == found["metadata"]["generation"]
        return current and status.get("updatedReplicas") == status.get("readyReplicas") == 2

    world.create(made)
    world.until("apps/v1", "StatefulSet", "agent", rolled)
    world.patch(made, {"spec": {"template": pod_template(labels, "agent:2")}})
    world.until("apps/v1", "StatefulSet", "agent", rolled)
    pods = {one["metadata"]["name"]: one["spec"]["containers"][0]["image"] for one in world.pods()}
    assert pods == {"agent-0": "agent:2", "agent-1": "agent:2"}


def test_a_rollout_walks_its_steps(world: World) -> None:
    labels = {"app": "agent"}
    steps = [{"setWeight": 50}, {"pause": {"duration": "3s"}}, {"setWeight": 100}]
    spec = {
        "replicas": 2,
        "selector": {"matchLabels": labels},
        "template": pod_template(labels),
        "strategy": {"canary": {"steps": steps}},
    }
    made = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "agent"},
        "spec": spec,
    }

    def until(phase: str, step: int) -> dict[str, Any]:
        def reached(found: dict[str, Any]) -> bool:
            status = found.get("status", {})
            current = str(found["metadata"]["generation"]) == status.get("observedGeneration")
            return current and (status.get("phase"), status.get("currentStepIndex")) == (phase, step)

        return world.until("argoproj.io/v1alpha1", "Rollout", "agent", reached)

    world.create(made)
    until("Healthy", len(steps))
    world.patch(made, {"spec": {"template": pod_template(labels, "agent:2")}})
    paused = until("Paused", 1)
    images = sorted(one["spec"]["containers"][0]["image"] for one in world.pods())
    assert (images, paused["status"]["updatedReplicas"]) == (["agent:1", "agent:2"], 1)
    until("Healthy", len(steps))


def test_a_disruption_budget_refuses_an_eviction(world: World) -> None:
    labels = {"app": "agent"}
    world.create(pod("one", labels))
    world.until("v1", "Pod", "one", is_ready)
    world.create(
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": "agent"},
            "spec": {"minAvailable": 1, "selector": {"matchLabels": labels}},
        }
    )
    world.until(
        "policy/v1", "PodDisruptionBudget", "agent", lambda b: b.get("status", {}).get("currentHealthy") == 1
    )
    with pytest.raises(ApiException, match="would violate the pod's disruption budget"):
        world.core.create_namespaced_pod_eviction(
            "one", world.namespace, {"metadata": {"name": "one", "namespace": world.namespace}}
        )


def test_a_secret_lies_encrypted_on_the_disk(world: World, cluster: Cluster) -> None:
    value = secrets.token_hex(16)
    metadata = {"name": "key"}
    world.create({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"key": value}})
    plain = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"key": f"map-{value}"}}
    world.create(plain)
    files = [file.read_bytes() for file in (cluster.kubeconfig.parent / "etcd").rglob("*") if file.is_file()]
    assert any(f"map-{value}".encode() in held for held in files)
    assert not any(value.encode() in held.replace(f"map-{value}".encode(), b"") for held in files)


def test_keys_are_for_their_owner_alone(cluster: Cluster) -> None:
    state = cluster.kubeconfig.parent
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    secret = [*state.glob("*.kubeconfig"), *state.glob("keys/*.key"), state / "encryption.json"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in secret} == {0o600}


def test_nothing_listens_beyond_the_loopback_interface(cluster: Cluster) -> None:
    listening = {
        connection.laddr.ip
        for pid in cluster.pids.values()
        for connection in psutil.Process(pid).net_connections()
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


def test_a_request_of_nobody_is_refused(world: World) -> None:
    with pytest.raises(ApiException) as refused:
        world.as_bearer(None).list_namespace()
    assert refused.value.status == 401
