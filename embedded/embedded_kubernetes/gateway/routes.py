"""Which rule of which HTTPRoute a request matches, and which backend it then gets: pure.

https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from embedded_kubernetes.objects.api import Object

Random = Callable[[], float]
"""In [0, 1)."""
_Rank = tuple[int, ...]


@dataclass(frozen=True)
class Asked:
    host: str
    """Without a port; empty where the caller has no name for what it calls."""
    method: str
    path: str
    headers: Mapping[str, str]
    """By names in lower case."""
    query: Mapping[str, str]


@dataclass(frozen=True)
class Backend:
    namespace: str
    service: str
    port: int | None


class Unroutable(Exception):
    """The request gets this status and reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def attached(routes: Iterable[Object], namespace: str, gateway: str) -> list[Object]:
    """The routes that name this Gateway as a parent."""
    return [route for route in routes if any(_names(p, route, namespace, gateway) for p in _parents(route))]


def chosen(routes: Iterable[Object], asked: Asked, random: Random) -> Backend:
    """Raises Unroutable."""
    routes = list(routes)
    host = asked.host or _first_hostname(routes)
    ranked = [
        (*best, route, rule)
        for route in routes
        if (of_host := _host_rank(route, host)) is not None
        for rule in route["spec"].get("rules") or ()
        if (best := _best(route, rule, asked, of_host)) is not None
    ]
    if not ranked:
        raise Unroutable(404, f"no HTTPRoute matches {asked.method} {host or '*'}{asked.path}")
    # Among equal ranks the oldest route wins, then the first by name; `min` keeps the first rule of a route.
    _, _, _, route, rule = min(ranked, key=lambda one: (tuple(-n for n in one[0]), one[1], one[2]))
    name = f"HTTPRoute {route['metadata']['namespace']}/{route['metadata']['name']}"
    if filters := [f["type"] for f in rule.get("filters") or ()]:
        raise Unroutable(501, f"{name} has filters that the embedded gateway lacks: {', '.join(filters)}")
    return _backend(name, route, rule, random)


def _backend(name: str, route: Object, rule: Mapping[str, Any], random: Random) -> Backend:
    given: Sequence[Mapping[str, Any]] = rule.get("backendRefs") or ()
    weighed = [(one, int(one.get("weight", 1))) for one in given]
    point = random() * sum(weight for _, weight in weighed)
    for one, weight in weighed:
        if point < weight:
            if one.get("kind", "Service") != "Service":
                raise Unroutable(501, f"{name} has a backend that is no Service: {one['kind']}")
            if filters := [f["type"] for f in one.get("filters") or ()]:
                raise Unroutable(501, f"{name} has filters that the embedded gateway lacks: {filters}")
            namespace = one.get("namespace") or route["metadata"]["namespace"]
            return Backend(namespace, one["name"], one.get("port"))
        point -= weight
    raise Unroutable(500, f"{name}: the rule has no backend with a weight")


def _best(route: Object, rule: Mapping[str, Any], asked: Asked, host: int) -> tuple[_Rank, str, str] | None:
    """The rank of the closest match of the rule; none where nothing matches. A rule without any takes all."""
    ranks = [rank for match in rule.get("matches") or ({},) if (rank := _match(match, asked)) is not None]
    if not ranks:
        return None
    metadata = route["metadata"]
    return (host, *max(ranks)), metadata.get("creationTimestamp", ""), metadata["name"]


def _match(match: Mapping[str, Any], asked: Asked) -> _Rank | None:
    """(path is exact, its length, method is named, number of headers, of query parameters)."""
    path: Mapping[str, Any] = match.get("path") or {"type": "PathPrefix", "value": "/"}
    kind, value = path.get("type", "PathPrefix"), path.get("value", "/")
    if not _path_matches(kind, value, asked.path):
        return None
    method = match.get("method")
    headers: Sequence[Mapping[str, Any]] = match.get("headers") or ()
    query: Sequence[Mapping[str, Any]] = match.get("queryParams") or ()
    named = ((headers, {one["name"]: asked.headers.get(one["name"].lower()) for one in headers}),)
    named += ((query, {one["name"]: asked.query.get(one["name"]) for one in query}),)
    if method not in (None, asked.method):
        return None
    if not all(_value_matches(one, values[one["name"]]) for listed, values in named for one in listed):
        return None
    return (kind == "Exact", len(value), method is not None, len(headers), len(query))


def _path_matches(kind: str, value: str, path: str) -> bool:
    if kind == "Exact":
        return path == value
    if kind == "PathPrefix":
        prefix = value.rstrip("/")
        return path == prefix or path.startswith(f"{prefix}/")
    return re.fullmatch(value, path) is not None


def _value_matches(match: Mapping[str, Any], given: str | None) -> bool:
    if given is None:
        return False
    if match.get("type", "Exact") == "Exact":
        return given == match["value"]
    return re.fullmatch(match["value"], given) is not None


def _host_rank(route: Object, host: str) -> int | None:
    """The longer the name that matches, the closer; a wildcard's is shorter than any name it stands for."""
    hostnames: Sequence[str] = route["spec"].get("hostnames") or ()
    if not hostnames:
        return 0
    return max((len(name) for name in hostnames if _host_matches(name.lower(), host.lower())), default=None)


def _host_matches(name: str, host: str) -> bool:
    return host.endswith(name[1:]) and len(host) >= len(name) if name.startswith("*.") else host == name


def _first_hostname(routes: Sequence[Object]) -> str:
    ordered = sorted(
        routes, key=lambda r: (r["metadata"].get("creationTimestamp", ""), r["metadata"]["name"])
    )
    names = (name for route in ordered for name in route["spec"].get("hostnames") or ())
    return next(names, "").replace("*.", "any.")


def _parents(route: Object) -> Sequence[Mapping[str, Any]]:
    return route["spec"].get("parentRefs") or ()


def _names(parent: Mapping[str, Any], route: Object, namespace: str, gateway: str) -> bool:
    own = parent.get("namespace") or route["metadata"]["namespace"]
    return parent.get("kind", "Gateway") == "Gateway" and (own, parent["name"]) == (namespace, gateway)
