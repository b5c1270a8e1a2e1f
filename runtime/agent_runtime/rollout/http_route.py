"""The weights of an agent's HTTP route, brought to what the traffic record says: in one patch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from agent_runtime.errors import ClusterUnavailable, RecordChanged, TrafficUnknown
from agent_runtime.kubernetes_api import KubernetesApi, StaleObject, eks_token
from agent_runtime.rollout.plan import Place
from agent_runtime.rollout.record import Record

_TRIES: Final = 5
"""Against somebody who writes the route at the same moment."""


@dataclass(frozen=True)
class HttpRouteTraffic:
    """`services` is the Service of each release by bundle id. The route's first rule has them all."""

    api: KubernetesApi
    route: Place
    services: Mapping[str, str]

    def apply(self, record: Callable[[], Record]) -> bool:
        """Write the weights if they differ; whether it did.

        `record` is read anew before each try, as for an alias. Raises `TrafficUnknown` and `RecordChanged`.
        """
        path = (
            f"/apis/gateway.networking.k8s.io/v1/namespaces/{self.route.namespace}"
            f"/httproutes/{self.route.name}"
        )
        for _ in range(_TRIES):
            try:
                held = self.api.get(path)
                before = held.get("spec", {}).get("rules") or [{}]
                rules = self._rules(before, record())
                if rules == before:
                    return False
                version = held["metadata"]["resourceVersion"]
                self.api.merge(path, {"metadata": {"resourceVersion": version}, "spec": {"rules": rules}})
                return True
            except StaleObject:
                continue
            except ClusterUnavailable as error:
                raise TrafficUnknown(f"the route {self.route.name} cannot be moved: {error}") from error
        raise RecordChanged(f"the route {self.route.name} changes too fast")

    def _rules(self, held: list[dict[str, Any]], record: Record) -> list[dict[str, Any]]:
        """The rules with other weights. A release that the route does not know is refused: its share would
        go to the others in silence."""
        first, *others = held
        weights = {self._service(bundle): points for bundle, points in record.shares.items()}
        backends = [{**one, "weight": weights.pop(one["name"], 0)} for one in first.get("backendRefs", [])]
        if weights:
            raise TrafficUnknown(
                f"the route {self.route.name} does not know {', '.join(sorted(weights))}: deploy again"
            )
        return [{**first, "backendRefs": backends}, *others]

    def _service(self, bundle_id: str) -> str:
        if bundle_id not in self.services:
            raise TrafficUnknown(f"{bundle_id} was never deployed behind the route {self.route.name}")
        return self.services[bundle_id]


def cluster_of(route: Place, sts: Any) -> KubernetesApi:
    """The API of the route's cluster, in the name of whom the client `sts` speaks for."""
    return KubernetesApi(
        route.endpoint, route.certificate_authority, lambda: eks_token(sts, route.cluster_name)
    )
