"""Which backend a request gets by the rules of HTTPRoutes."""

import random
from collections import Counter
from typing import Any

import pytest

from embedded_kubernetes.gateway.names import Named, service_of
from embedded_kubernetes.gateway.routes import Asked, Backend, Unroutable, attached, chosen


def route(name: str, *rules: Any, hosts: Any = (), created: str = "2026-01-01T00:00:00Z") -> Any:
    metadata = {"name": name, "namespace": "agents", "creationTimestamp": created}
    spec = {"parentRefs": [{"name": "entry"}], "hostnames": list(hosts), "rules": list(rules)}
    return {"metadata": metadata, "spec": spec}


def rule(service: str, *matches: Any, **further: Any) -> Any:
    return {"matches": list(matches), "backendRefs": [{"name": service, "port": 80}], **further}


def asked(path: str = "/", host: str = "", method: str = "GET", **headers: str) -> Asked:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Asked(host, method, path, named, {"v": "2"})


def service(routes: Any, question: Asked) -> str:
    return chosen(routes, question, lambda: 0.0).service


def prefix(value: str, **further: Any) -> Any:
    return {"path": {"type": "PathPrefix", "value": value}, **further}


RULES = route(
    "rules",
    rule("all"),
    rule("runs", prefix("/runs")),
    rule("one", {"path": {"type": "Exact", "value": "/runs/1"}}),
    rule("posts", prefix("/runs", method="POST")),
    rule("pinned", prefix("/runs", headers=[{"name": "X-Agent-Bundle", "value": "abc"}])),
    rule("second", prefix("/runs", queryParams=[{"name": "v", "value": "3"}])),
    rule("pattern", prefix("/runs", headers=[{"name": "x-a", "type": "RegularExpression", "value": "b+"}])),
)


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        (asked("/"), "all"),
        (asked("/runs"), "runs"),
        (asked("/runs/2"), "runs"),
        (asked("/runsome"), "all"),
        (asked("/runs/1"), "one"),
        (asked("/runs", method="POST"), "posts"),
        (asked("/runs", x_agent_bundle="abc"), "pinned"),
        (asked("/runs", x_agent_bundle="abd"), "runs"),
        (asked("/runs", x_a="bb"), "pattern"),
    ],
)
def test_the_closest_match_wins(question: Asked, wanted: str) -> None:
    assert service([RULES], question) == wanted


@pytest.mark.parametrize(
    ("host", "wanted"),
    [
        ("helper.example.com", "named"),
        ("HELPER.example.com", "named"),
        ("other.example.com", "wildcard"),
        ("", "named"),
        ("elsewhere.org", "anything"),
    ],
)
def test_host_names_are_matched_and_the_first_one_stands_for_none(host: str, wanted: str) -> None:
    routes = [
        route("b", rule("wildcard"), hosts=["*.example.com"], created="2026-01-02T00:00:00Z"),
        route("a", rule("named"), hosts=["helper.example.com"]),
        route("c", rule("anything")),
    ]
    assert service(routes, asked(host=host)) == wanted


def test_the_oldest_of_equal_routes_wins() -> None:
    routes = [route("b", rule("new"), created="2026-02-01T00:00:00Z"), route("c", rule("old"))]
    assert service(routes, asked()) == "old"


def test_weights_divide_the_requests() -> None:
    refs = [
        {"name": "stable", "weight": 80},
        {"name": "candidate", "weight": 20},
        {"name": "no", "weight": 0},
    ]
    routes = [route("r", {"backendRefs": refs})]
    chance = random.Random(7)
    counted = Counter(chosen(routes, asked(), chance.random).service for _ in range(2000))
    assert counted["no"] == 0
    assert 340 <= counted["candidate"] <= 460


def test_a_backend_is_in_the_namespace_that_it_names() -> None:
    ref = {"name": "s", "namespace": "other", "port": 81}
    assert chosen([route("r", {"backendRefs": [ref]})], asked(), lambda: 0.5) == Backend("other", "s", 81)


@pytest.mark.parametrize(
    ("routes", "status"),
    [
        ([], 404),
        ([route("r", rule("s", prefix("/x")))], 404),
        ([route("r", rule("s", filters=[{"type": "RequestRedirect"}]))], 501),
        ([route("r", {"backendRefs": [{"name": "b", "kind": "Bucket"}]})], 501),
        ([route("r", {"backendRefs": [{"name": "b", "weight": 0}]})], 500),
    ],
)
def test_what_cannot_be_routed_says_so(routes: Any, status: int) -> None:
    with pytest.raises(Unroutable) as refused:
        chosen(routes, asked(), lambda: 0.5)
    assert refused.value.status == status


def test_a_route_belongs_to_the_gateways_that_it_names() -> None:
    routes = [route("r", rule("s"))]
    assert attached(routes, "agents", "entry") == routes
    assert attached(routes, "agents", "other") == []
    assert attached(routes, "other", "entry") == []


@pytest.mark.parametrize(
    ("host", "named"),
    [
        ("svc-a.agents.svc.cluster.local:8080", Named("svc-a", "agents", 8080, None)),
        ("svc-a.agents.svc", Named("svc-a", "agents", 80, None)),
        ("pod-0.svc-a.agents.svc.cluster.local:81", Named("svc-a", "agents", 81, "pod-0")),
        ("example.com", None),
        ("svc-a.agents", None),
    ],
)
def test_names_of_the_cluster_are_read(host: str, named: Named | None) -> None:
    assert service_of(host) == named
