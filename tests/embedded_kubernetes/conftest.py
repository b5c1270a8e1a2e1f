"""Fixtures of the tests that need a cluster."""

from collections.abc import Iterator

import pytest

from tests.embedded_kubernetes.cluster_world import ClusterWorld, cluster_world


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterWorld]:
    """One cluster for all tests of a worker: each has a namespace of its own."""
    with cluster_world(tmp_path_factory.mktemp("cluster")) as made:
        yield made
