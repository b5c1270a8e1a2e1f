"""Objects of one namespace of a real API server, as a test makes and awaits them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kubernetes import client, config, watch
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic import DynamicClient

WAIT_SECONDS = 90
Object = dict[str, Any]
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


class World:
    def __init__(self, kubeconfig: Path, name: str) -> None:
        self._client = config.new_client_from_config(str(kubeconfig))
        self._others: list[client.ApiClient] = []
        self._dynamic = DynamicClient(self._client, cache_file=str(kubeconfig.with_suffix(".discovered")))
        self.core = client.CoreV1Api(self._client)
        self.namespace = name
        metadata = {"name": self.namespace}
        self.core.create_namespace({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        # Its controller makes it; until then pods are refused.
        self.until("v1", "ServiceAccount", "default", lambda _: True)

    def close(self) -> None:
        self.core.delete_namespace(self.namespace)
        self.disconnect()

    def disconnect(self) -> None:
        for one in (self._client, *self._others):
            one.close()

    def create(self, manifest: Object) -> Object:
        return self._resource(manifest).create(body=manifest, namespace=self.namespace).to_dict()

    def patch(self, manifest: Object, change: Object) -> Object:
        """Merges `change` into what lies there."""
        name, kind = manifest["metadata"]["name"], "application/merge-patch+json"
        resource = self._resource(manifest)
        return resource.patch(body=change, name=name, namespace=self.namespace, content_type=kind).to_dict()

    def apply(self, manifest: Object, *, dry_run: bool = False) -> tuple[Object, list[str]]:
        """Server-side apply as strict as the API server can be: a field that it does not know is refused.
        Gives the object and the server's warnings."""
        resource, metadata = self._resource(manifest), manifest["metadata"]
        where = metadata.get("namespace") if resource.namespaced else None
        query = [("fieldManager", "test"), ("fieldValidation", "Strict"), ("force", "true")]
        request = self._client.param_serialize(
            "PATCH",
            resource.path(name=metadata["name"], namespace=where),
            query_params=[*query, *([("dryRun", "All")] if dry_run else [])],
            header_params={"Content-Type": "application/apply-patch+yaml", "Accept": "application/json"},
            body=manifest,
            auth_settings=["BearerToken"],
        )
        answer = self._client.call_api(*request)
        body = answer.read()
        if answer.status >= 400:
            raise ApiException(status=answer.status, reason=answer.reason, body=body.decode())
        warned = answer.getheaders().get("warning")
        return json.loads(body), [] if warned is None else [warned]

    def until(self, api_version: str, kind: str, name: str, done: Callable[[Object], bool]) -> Object:
        """The object once it is `done`, told by the API server's watch."""
        resource = self.kind(api_version, kind)
        selected, seen, watcher = f"metadata.name={name}", {}, watch.Watch()
        for event in resource.watch(
            namespace=self.namespace, field_selector=selected, timeout=WAIT_SECONDS, watcher=watcher
        ):
            seen = event["raw_object"]
            if event["type"] != "DELETED" and done(seen):
                watcher.stop()
                return seen
        raise AssertionError(f"{kind} {name} did not become as wanted in {WAIT_SECONDS} s; it is {seen}")

    def until_gone(self, api_version: str, kind: str, name: str) -> None:
        listed = self.kind(api_version, kind).get(namespace=self.namespace)
        if all(one.metadata.name != name for one in listed.items):
            return
        selected, since = f"metadata.name={name}", listed.metadata.resourceVersion
        watcher = watch.Watch()
        for event in self.kind(api_version, kind).watch(
            namespace=self.namespace,
            field_selector=selected,
            resource_version=since,
            timeout=WAIT_SECONDS,
            watcher=watcher,
        ):
            if event["type"] == "DELETED":
                watcher.stop()
                return
        raise AssertionError(f"{kind} {name} is still there after {WAIT_SECONDS} s")

    def as_bearer(self, token: str | None) -> client.CoreV1Api:
        """The API as whoever bears `token` sees it; as nobody without one."""
        held, bare = self._client.configuration, client.Configuration()
        bare.host, bare.ssl_ca_cert = held.host, held.ssl_ca_cert
        if token is not None:
            bare.api_key = {"authorization": f"Bearer {token}"}
        self._others.append(client.ApiClient(bare))
        return client.CoreV1Api(self._others[-1])

    def pods(self) -> list[Object]:
        return self.kind("v1", "Pod").get(namespace=self.namespace).to_dict()["items"]

    def _resource(self, manifest: Object) -> Any:
        return self.kind(manifest["apiVersion"], manifest["kind"])

    def kind(self, api_version: str, kind: str) -> Any:
        return self._dynamic.resources.get(api_version=api_version, kind=kind)


def pod_template(labels: dict[str, str], image: str = "agent:1") -> Object:
    """A pod that Pod Security calls restricted."""
    container = {
        "name": "agent",
        "image": image,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    return {"metadata": {"labels": labels}, "spec": {"containers": [container]}}


def pod(name: str, labels: dict[str, str] | None = None) -> Object:
    template = pod_template(labels or {})
    metadata = {"name": name, **template["metadata"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def is_ready(found: Object) -> bool:
    conditions = found.get("status", {}).get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
