"""The processes behind a Service: its EndpointSlices' ready pods, at their ports of this machine."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from embedded_kubernetes.gateway.routes import Unroutable
from embedded_kubernetes.objects.api import Object

PortOf = Callable[[str], int | None]
"""uid of a pod -> where its process answers; None where none runs."""
_SERVICE_LABEL = "kubernetes.io/service-name"


@dataclass(frozen=True)
class Place:
    pod: str
    port: int


def ready(slices: Iterable[Object], service: Object, port: int | None, port_of: PortOf) -> list[Place]:
    """In the order of their names. Raises Unroutable for a port that the Service has not."""
    metadata = service["metadata"]
    listed: list[Mapping[str, Any]] = service["spec"].get("ports") or []
    # The name of a headless Service stands for its pods, of which it does not tell the ports.
    headless = service["spec"].get("clusterIP") == "None"
    if port is not None and not headless and all(one["port"] != port for one in listed):
        known = ", ".join(str(one["port"]) for one in listed) or "none"
        name = f"{metadata['namespace']}/{metadata['name']}"
        raise Unroutable(502, f"Service {name} has no port {port}; it has {known}")
    found: dict[str, Place] = {}
    for one in slices:
        labels: Mapping[str, str] = one["metadata"].get("labels") or {}
        own = (one["metadata"]["namespace"], labels.get(_SERVICE_LABEL))
        if own == (metadata["namespace"], metadata["name"]):
            for endpoint in one.get("endpoints") or ():
                place = _place(endpoint, port_of)
                if place is not None:
                    found[place.pod] = place
    return [found[name] for name in sorted(found)]


def _place(endpoint: Mapping[str, Any], port_of: PortOf) -> Place | None:
    """Where readiness is unknown it is taken for ready, as EndpointSlices say it."""
    target: Mapping[str, Any] = endpoint.get("targetRef") or {}
    conditions: Mapping[str, Any] = endpoint.get("conditions") or {}
    if target.get("kind") != "Pod" or conditions.get("ready") is False:
        return None
    port = port_of(target["uid"])
    return None if port is None else Place(target["name"], port)
