"""Agents on EKS, as several tests make them."""

from typing import Any

from agent_hosting import AgentCluster, EksAgent
from agent_hosting.agent_cluster import reference_to_cluster
from tests.components.recorder import Program, World, run
from tests.components.samples import CLUSTER, PLATFORM, eks_args, making


def eks_agent(source: str, world: World | None = None, **changes: Any) -> Program:
    """The agent `handbook` on a shared platform and a shared cluster."""
    shared = {"platform": PLATFORM, "cluster": CLUSTER}
    return run(making(EksAgent, "handbook", source, **{**shared, **changes}), world)


def agent_on_a_cluster(source: str, workload: str, **of_cluster: Any) -> Program:
    """An agent with all that it can have, and what its namespace gets in a cluster that is there."""

    def program() -> None:
        there: Any = {"existing": {"name": "theirs", "kubeconfig": "{}"}, **of_cluster}
        cluster: Any = reference_to_cluster(AgentCluster("cluster", there))
        args: Any = eks_args(source, workload=workload, platform=PLATFORM, cluster=cluster)
        EksAgent("handbook", args)

    return run(program)


def objects(program: Program) -> dict[str, dict[str, Any]]:
    """What the cluster gets, by kind and name: each object's document."""
    found: dict[str, dict[str, Any]] = {}
    for made in program.resources:
        if made.type.startswith("kubernetes:") and "helm" not in made.type:
            key = f"{made.inputs['kind']}/{made.inputs['metadata']['name']}"
            assert key not in found, key
            found[key] = made.inputs
    return found


def only(program: Program, kind: str) -> dict[str, Any]:
    """The one object of a kind."""
    found = [held for key, held in objects(program).items() if key.startswith(f"{kind}/")]
    assert len(found) == 1, (kind, sorted(objects(program)))
    return found[0]


def template(program: Program) -> dict[str, Any]:
    """Pod template of the one release."""
    return only(program, "StatefulSet")["spec"]["template"]


def container(program: Program) -> dict[str, Any]:
    (found,) = template(program)["spec"]["containers"]
    return found


def environment(program: Program) -> dict[str, str]:
    """What a pod is told."""
    return {entry["name"]: entry.get("value", "") for entry in container(program)["env"]}


def longest_named(source: str) -> Program:
    name = "a" + "b" * 37 + "c"
    return run(making(EksAgent, name, source, platform=PLATFORM, cluster=CLUSTER))
