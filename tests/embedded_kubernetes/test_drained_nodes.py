"""A drained node takes one pod of a release at a time: the next one when the first has been replaced."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException

from embedded_kubernetes.cluster import Cluster
from tests.embedded_kubernetes.agents import agent, agents_namespace, component_programs, source_of
from tests.embedded_kubernetes.world import Object, World, is_ready


@pytest.fixture
def release(cluster: Cluster, tmp_path: Path) -> Iterator[tuple[World, str]]:
    """Two ready pods of our own StatefulSet under our own disruption budget, and the StatefulSet's name."""
    with component_programs(tmp_path), agents_namespace(cluster, "drained") as world:
        made = agent(source_of(tmp_path), world.namespace, volume_gb=0)
        for document in made.values():
            world.apply(document)
        (key,) = (key for key in made if key.startswith("StatefulSet/"))
        name = key.removeprefix("StatefulSet/")
        world.patch(made[key], {"spec": {"replicas": 2}})
        for number in range(2):
            world.until("v1", "Pod", f"{name}-{number}", is_ready)
        yield world, name


def evict(world: World, pod: str) -> None:
    metadata = {"name": pod, "namespace": world.namespace}
    world.core.create_namespaced_pod_eviction(pod, world.namespace, {"metadata": metadata})


def cordon(world: World, *nodes: str) -> None:
    for node in nodes:
        world.core.patch_node(node, {"spec": {"unschedulable": True}})


def uncordon(world: World, *nodes: str) -> None:
    for node in nodes:
        world.core.patch_node(node, {"spec": {"unschedulable": None}})


def allowed(number: int) -> Any:
    """Whether the budget allows so many, of what it has seen last."""

    def done(budget: Object) -> bool:
        status = budget.get("status", {})
        return (status.get("disruptionsAllowed"), status.get("expectedPods")) == (number, 2)

    return done


def test_the_second_of_two_pods_is_not_evicted_until_the_first_is_replaced(
    release: tuple[World, str],
) -> None:
    world, name = release
    first, second = f"{name}-0", f"{name}-1"
    world.until("policy/v1", "PodDisruptionBudget", name, allowed(1))
    before = world.core.read_namespaced_pod(first, world.namespace)
    drained = before.spec.node_name
    others = [node.metadata.name for node in world.core.list_node().items if node.metadata.name != drained]
    try:
        # There is no room for a successor before the second one is tried.
        cordon(world, drained, *others)
        evict(world, first)
        for _ in range(3):
            with pytest.raises(ApiException, match="would violate the pod's disruption budget") as refused:
                evict(world, second)
            assert refused.value.status == 429
        uncordon(world, *others)
        replaced = world.until(
            "v1", "Pod", first, lambda pod: pod["metadata"]["uid"] != before.metadata.uid and is_ready(pod)
        )
        assert replaced["spec"]["nodeName"] in others
        world.until("policy/v1", "PodDisruptionBudget", name, allowed(1))
        evict(world, second)
    finally:
        uncordon(world, drained, *others)


def test_two_pods_of_a_release_are_on_nodes_of_two_zones(release: tuple[World, str]) -> None:
    world, _ = release
    nodes = {node.metadata.name: node.metadata.labels for node in world.core.list_node().items}
    pods = world.pods()
    zones = {nodes[pod["spec"]["nodeName"]]["topology.kubernetes.io/zone"] for pod in pods}
    assert (len(pods), len(zones)) == (2, 2)
