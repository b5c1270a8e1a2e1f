"""One server for the fault tests of a process, and a world of its own for each test."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.pods import ClusterNames, Pods, issuer_at
from tests.faults.world import World, made, server
from tests.servers import serve_fixture  # noqa: F401


@pytest.fixture(scope="package")
def cloud() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Mends moto in this process, which is none of the other folders' business."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    with server() as running:
        yield running


@pytest.fixture
def world(cloud: tuple[str, list[dict[str, Any]]], tmp_path: Path) -> Iterator[World]:
    with made(cloud[0], tmp_path, cloud[1]) as world:
        yield world


@pytest.fixture
def pods(world: World, serve: Callable[[Any], str], tmp_path: Path) -> Pods:
    names = ClusterNames()
    return Pods(world, issuer_at(tmp_path, serve), names, serve(names).removesuffix("/v1"))
