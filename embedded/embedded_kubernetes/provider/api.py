"""What the provider asks of a Kubernetes API: which kinds it has, and its objects one by one."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass

from embedded_kubernetes.provider.connection import ApiError, Connection, Object
from embedded_kubernetes.provider.tokens import Kind

FIELD_MANAGER = "pulumi"


@dataclass(frozen=True)
class Endpoint:
    """Where the objects of a kind are."""

    kind: Kind
    plural: str
    namespaced: bool

    def path(self, namespace: str, name: str = "") -> str:
        version = self.kind.api_version
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        inside = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{root}{inside}/{self.plural}" + (f"/{name}" if name else "")


class Api:
    def __init__(self, connection: Connection) -> None:
        self.server = connection.server
        self._request = connection.request
        self._endpoints: dict[Kind, Endpoint] = {}
        self._lock = threading.Lock()

    def endpoint(self, kind: Kind) -> Endpoint | None:
        """None for a kind that the server does not have now."""
        with self._lock:
            known = self._endpoints.get(kind)
        if known is None:
            found = self._discover(kind.api_version)
            with self._lock:
                self._endpoints |= found
            known = found.get(kind)
        return known

    def forget(self, group_and_kind: tuple[str, str]) -> None:
        """Its definition is gone: what was discovered of it holds no longer."""
        with self._lock:
            self._endpoints = {k: v for k, v in self._endpoints.items() if k.key != group_and_kind}

    def apply(
        self,
        endpoint: Endpoint,
        manifest: Object,
        *,
        manager: str = FIELD_MANAGER,
        force: bool = False,
        dry_run: bool = False,
    ) -> Object:
        """Server-side apply in strict validation; the object as the server then has it."""
        metadata = manifest["metadata"]
        query = {"fieldManager": manager, "fieldValidation": "Strict", "force": str(force).lower()}
        if dry_run:
            query["dryRun"] = "All"
        path = endpoint.path(metadata.get("namespace", ""), metadata["name"])
        return self._request("PATCH", path, query, manifest, "application/apply-patch+yaml")

    def read(self, endpoint: Endpoint, namespace: str, name: str) -> Object | None:
        """None for an object that does not exist."""
        try:
            return self._request("GET", endpoint.path(namespace, name))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def delete(self, endpoint: Endpoint, namespace: str, name: str, propagation: str) -> None:
        """Begins to delete; one that is gone already is no error."""
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        try:
            self._request("DELETE", endpoint.path(namespace, name), body=options)
        except ApiError as error:
            if error.status != 404:
                raise

    def listed(self, kind: Kind, namespace: str, selectors: Mapping[str, str]) -> list[Object]:
        """The objects that `labelSelector` and `fieldSelector` choose; none where the kind is unknown."""
        endpoint = self.endpoint(kind)
        if endpoint is None:
            return []
        return list(self._request("GET", endpoint.path(namespace), selectors).get("items") or [])

    def _discover(self, api_version: str) -> dict[Kind, Endpoint]:
        root = "apis" if "/" in api_version else "api"
        try:
            said = self._request("GET", f"/{root}/{api_version}")
        except ApiError as error:
            if error.status == 404:
                return {}
            raise
        kinds = [(Kind(api_version, r["kind"]), r) for r in said["resources"] if "/" not in r["name"]]
        return {kind: Endpoint(kind, r["name"], r["namespaced"]) for kind, r in kinds}
