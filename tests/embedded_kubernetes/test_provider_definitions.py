"""A definition counts as made once the server tells of its kinds, which it does some time after."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from embedded_kubernetes.provider.api import Api
from embedded_kubernetes.provider.connection import ApiError, Object
from embedded_kubernetes.provider.objects import Objects
from embedded_kubernetes.provider.sessions import Run
from embedded_kubernetes.provider.settings import Settings
from embedded_kubernetes.provider.tokens import Kind
from embedded_kubernetes.provider.waiting import NotReady

DEFINITION = Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition")
WIDGET = Kind("tests.dev/v1", "Widget")
INPUTS = {
    "apiVersion": DEFINITION.api_version,
    "kind": DEFINITION.name,
    "metadata": {"name": "widgets.tests.dev"},
    "spec": {
        "group": "tests.dev",
        "names": {"kind": "Widget", "plural": "widgets"},
        "scope": "Namespaced",
        "versions": [
            {"name": "v1alpha1", "served": False, "storage": False},
            {"name": "v1", "served": True, "storage": True},
        ],
    },
}


class LateServer:
    """Establishes the definition at once, and answers for its kind from the question `tells_at` on."""

    server = "https://127.0.0.1:1"

    def __init__(self, tells_at: int) -> None:
        self.asked: Counter[str] = Counter()
        self._tells_at = tells_at

    def request(
        self,
        _method: str,
        path: str,
        _query: Mapping[str, str] | None = None,
        _body: Any = None,
        _kind: str = "",
    ) -> Object:
        self.asked[path] += 1
        if path == "/apis/tests.dev/v1" and self.asked[path] >= self._tells_at:
            return {"resources": [{"name": "widgets", "kind": "Widget", "namespaced": True}]}
        if path == "/apis/apiextensions.k8s.io/v1":
            kind = {"name": "customresourcedefinitions", "kind": DEFINITION.name, "namespaced": False}
            return {"resources": [kind]}
        if path.endswith("/customresourcedefinitions/widgets.tests.dev"):
            return {**INPUTS, "status": {"conditions": [{"type": "Established", "status": "True"}]}}
        raise ApiError(404, "NotFound", "404 page not found", ())


def applied(server: LateServer, seconds: float) -> Api:
    api = Api(server)  # type: ignore[arg-type]
    objects = Objects(api, Settings(), Run())
    asyncio.run(objects.apply(DEFINITION, INPUTS, "urn", seconds, updating=False))
    return api


def test_what_needs_a_definition_finds_its_kind_once_the_definition_is_made() -> None:
    server = LateServer(tells_at=3)
    found = applied(server, 60).endpoint(WIDGET)
    assert found is not None
    assert (found.plural, server.asked["/apis/tests.dev/v1"]) == ("widgets", 3)
    assert "/apis/tests.dev/v1alpha1" not in server.asked, "this version is not served"


def test_a_definition_whose_kind_is_never_told_of_says_so() -> None:
    with pytest.raises(NotReady, match="established, and not told of by the cluster after 1 s"):
        applied(LateServer(tells_at=1_000_000), 1)
