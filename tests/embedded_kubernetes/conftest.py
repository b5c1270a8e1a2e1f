"""One cluster for the tests of this folder in a worker: each test has a namespace of its own."""

import itertools
import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from wsgiref.simple_server import make_server

import pytest

from embedded_aws.provider.recorded import Records
from embedded_aws.toolchain.pulumi_cli import pulumi_folder
from embedded_kubernetes.cluster import Cluster
from tests.embedded.provider_world import RunningCloud
from tests.embedded_kubernetes.live_world import LiveWorld, live_world
from tests.embedded_kubernetes.provider_world import Asked, KubernetesStack, serving_provider
from tests.embedded_kubernetes.world import World
from tests.servers import Quiet, serving

NewStack = Callable[[str], KubernetesStack]
Review = Callable[[Mapping[str, Any]], dict[str, Any]]


class Reviewers:
    """Answers the API server's questions about tokens as the test at hand says."""

    def __init__(self) -> None:
        self.review: Review = lambda _: {"status": {"authenticated": False}}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        asked = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        body = json.dumps(self.review(asked)).encode()
        start_response("200 OK", [("content-type", "application/json")])
        return [body]


@pytest.fixture(scope="package")
def reviewers() -> Reviewers:
    return Reviewers()


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory, reviewers: Reviewers) -> Iterator[Cluster]:
    with serving(make_server("127.0.0.1", 0, reviewers, handler_class=Quiet)) as url:
        made = Cluster(tmp_path_factory.mktemp("kubernetes"), token_review_url=f"{url}/review")
        made.start(print)
        yield made
        made.stop()


@pytest.fixture
def world(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[World]:
    readable = re.sub(r"[^a-z0-9]+", "-", request.node.originalname.lower()).removeprefix("test-")
    world = World(cluster.kubeconfig, f"{readable[:50].strip('-')}-{secrets.token_hex(3)}")
    yield world
    world.close()


@pytest.fixture(scope="package")
def records() -> Records:
    """What the provider records and does not do."""
    return Records()


@pytest.fixture(scope="package")
def provider_port(cluster: Cluster, records: Records) -> Iterator[int]:
    with serving_provider(cluster.kubeconfig, records) as port:
        yield port


@pytest.fixture
def asked(provider_port: int, world: World) -> Iterator[Asked]:
    """A connection to the provider, which uses this namespace."""
    connection = Asked(provider_port, world.namespace)
    yield connection
    connection.close()


@pytest.fixture(scope="package")
def new_stack(provider_port: int, tmp_path_factory: pytest.TempPathFactory) -> NewStack:
    """Makes an empty stack with this program."""
    root, tools, numbers = tmp_path_factory.mktemp("stacks"), pulumi_folder(print), itertools.count()

    def make(program: str) -> KubernetesStack:
        stack = KubernetesStack(root / f"stack-{next(numbers)}", tools, RunningCloud(0, provider_port))
        stack.create()
        return stack.program(program)

    return make


@pytest.fixture(scope="package")
def live(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveWorld]:
    """The pods of images of this machine are processes while any test of a worker asks for that."""
    with live_world(cluster, tmp_path_factory.mktemp("live")) as made:
        yield made
