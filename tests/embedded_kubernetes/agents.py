"""The documents of our own components, as the cluster gets them, and their way to the real API server."""

import secrets
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

with warnings.catch_warnings():
    # pulumi_aws deprecates names of its own while it is imported.
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    from agent_hosting import AgentCluster, _manifests, _packaging

from agent_hosting._eks_namespaces import namespace
from embedded_kubernetes.cluster import Cluster
from tests.components.eks_agents import eks_agent, objects
from tests.components.recorder import Program, run
from tests.components.recorder import World as Monitor
from tests.components.samples import CLUSTER, agent_folder, making
from tests.embedded_kubernetes.world import Object, World

NODES_HAVE = {"architecture": "x86_64"}
"""What the fake nodes have."""


@contextmanager
def component_programs(folder: Path) -> Iterator[None]:
    """Components may run: their zips lie in `folder` and hold no locked package."""
    packages = folder / "site"
    (packages / "locked_package").mkdir(parents=True)
    (packages / "locked_package" / "__init__.py").write_text("")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        patch.setattr(_packaging, "_packages", lambda requirements, target: packages)
        patch.setattr(_manifests, "time", lambda: 1_800_000_000.0)
        yield


def source_of(folder: Path, **manifest: Any) -> str:
    """Folder of a new agent; what its manifest has beside the defaults makes another bundle of it."""
    return str(agent_folder(folder / f"agent-{secrets.token_hex(3)}", **manifest))


def agent(source: str | Path, where: str, world: Monitor | None = None, **changes: Any) -> dict[str, Object]:
    """Documents of the agent `handbook` in the namespace `where`, by kind and name."""
    shared = {"namespace": where, "cluster": {**CLUSTER, "namespaces": [where]}}
    return documents(eks_agent(str(source), world, **{**shared, **NODES_HAVE, **changes}))


def agent_cluster(where: str, **changes: Any) -> dict[str, Object]:
    """Documents of a cluster for agents in the namespace `where`, by kind and name."""
    given = {"namespaces": [where], **changes}
    return documents(run(making(AgentCluster, "pods", **given)))


def documents(program: Program) -> dict[str, Object]:
    return {key: _whole(held) for key, held in objects(program).items()}


def _whole(value: Any) -> Any:
    """Pulumi's wire knows no whole numbers; JSON writes 8080.0, which Kubernetes does not take as a port."""
    if isinstance(value, dict):
        return {key: _whole(held) for key, held in value.items()}
    if isinstance(value, list):
        return [_whole(held) for held in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@contextmanager
def agents_namespace(cluster: Cluster, name: str) -> Iterator[World]:
    """A namespace that our own document makes."""
    world = World(cluster.kubeconfig, f"{name}-{secrets.token_hex(3)}")
    try:
        world.apply(namespace(world.namespace))
        yield world
    finally:
        world.close()
