"""The provider: server-side apply of whatever kind the cluster has, judged at preview, waited for at `up`."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pulumi.provider.experimental import provider as protocol

from embedded_aws.provider.protocol import Change, PartlyCreated, Refused
from embedded_aws.provider.recorded import Records
from embedded_aws.provider.values import Properties, has_unknown, plain_map, same, secret_keys, wrap_map
from embedded_kubernetes.provider import manifests, releases
from embedded_kubernetes.provider.api import FIELD_MANAGER, Api
from embedded_kubernetes.provider.connection import ApiError, Connection, Object, kubeconfig_of
from embedded_kubernetes.provider.differences import diff
from embedded_kubernetes.provider.drift import drifted, imported
from embedded_kubernetes.provider.explain import explain, no_such_kind
from embedded_kubernetes.provider.preview import dry_run
from embedded_kubernetes.provider.progress import Progress
from embedded_kubernetes.provider.sessions import Session, Sessions
from embedded_kubernetes.provider.settings import Settings, connection_of, settings_of
from embedded_kubernetes.provider.tokens import HELM_RELEASE, Kind, kind_of, mismatch
from embedded_kubernetes.provider.waiting import NotReady, Waiter

_SECONDS = 300.0
_DEFINITION = ("apiextensions.k8s.io", "CustomResourceDefinition")
_PROPAGATION = {"orphan": "Orphan", "background": "Background"}
_T = TypeVar("_T")


class EmbeddedKubernetes(protocol.Provider):
    def __init__(self, kubeconfig: Path, records: Records) -> None:
        self._kubeconfig = kubeconfig
        self._served = Connection(kubeconfig_of(kubeconfig))
        self._releases = releases.Releases(records)
        self._sessions = Sessions(Session(Api(self._served), settings_of({}, kubeconfig_of(kubeconfig))))

    async def check_config(self, request: protocol.CheckRequest) -> protocol.CheckResponse:
        inputs = plain_map(request.new_inputs)
        settings_of(inputs, {})
        connection_of(inputs, self._served, self._kubeconfig)
        return protocol.CheckResponse(inputs=request.new_inputs)

    async def configure(self, request: protocol.ConfigureRequest) -> protocol.ConfigureResponse:
        inputs = plain_map(request.args)
        connection = connection_of(inputs, self._served, self._kubeconfig)
        given = inputs.get("kubeconfig")
        said = kubeconfig_of(given if isinstance(given, str) else self._kubeconfig)
        self._sessions.configured(Session(Api(connection), settings_of(inputs, said)))
        return protocol.ConfigureResponse(accept_secrets=True, supports_preview=True)

    async def cancel(self) -> None:
        self._sessions.cancel()

    async def check(self, request: protocol.CheckRequest) -> protocol.CheckResponse:
        if request.type == HELM_RELEASE:
            return self._releases.check(request)
        inputs, old = plain_map(request.new_inputs), plain_map(request.old_inputs)
        kind = kind_of(request.type)
        found = mismatch(kind, inputs)
        inputs = {"apiVersion": kind.api_version, "kind": kind.name, **inputs}
        manifests.name_it(inputs, old, request.name, request.random_seed)
        failures = [protocol.CheckFailure(*found)] if found else []
        endpoint = await self._call(self._api.endpoint, kind)
        metadata = inputs["metadata"]
        if isinstance(metadata, dict) and endpoint is not None:
            if endpoint.namespaced:
                metadata["namespace"] = metadata.get("namespace") or self._settings.namespace
            elif metadata.get("namespace"):
                failures.append(
                    protocol.CheckFailure("metadata.namespace", f"a {kind.name} is in no namespace")
                )
        if isinstance(metadata, dict) and metadata.get("generateName"):
            reason = "is not applied: give a name, or neither, and Pulumi makes one"
            failures.append(protocol.CheckFailure("metadata.generateName", reason))
        return protocol.CheckResponse(wrap_map(inputs, _secrets(request.new_inputs, inputs)), failures)

    async def diff(self, request: protocol.DiffRequest) -> protocol.DiffResponse:
        old, new = plain_map(request.old_state), plain_map(request.new_inputs)
        if request.type == HELM_RELEASE:
            return self._releases.diff(old, new)
        return diff(kind_of(request.type), old, new, self._settings.mutable)

    async def create(self, request: protocol.CreateRequest) -> protocol.CreateResponse:
        inputs = plain_map(request.properties)
        secrets = _secrets(request.properties, inputs)
        if request.type == HELM_RELEASE:
            return self._releases.create(inputs, secrets, preview=request.preview)
        if request.preview:
            applied = await self._foretold(request.type, inputs)
            state = manifests.expected(applied, inputs) if applied else manifests.expected_of_inputs(inputs)
            return protocol.CreateResponse("", wrap_map(state, secrets))
        live = await self._applied(
            request.urn, request.type, inputs, request.timeout, secrets, updating=False
        )
        return protocol.CreateResponse(_id(live), wrap_map(manifests.state_of(live), secrets))

    async def update(self, request: protocol.UpdateRequest) -> protocol.UpdateResponse:
        assert isinstance(request, Change)
        inputs, secrets = plain_map(request.news), _secrets(request.news, plain_map(request.news))
        if request.type == HELM_RELEASE:
            return self._releases.update(request.resource_id, inputs, secrets, preview=request.preview)
        if request.preview:
            applied = await self._foretold(request.type, inputs)
            told = manifests.state_of(applied) if applied else {**plain_map(request.olds), **inputs}
            return protocol.UpdateResponse(wrap_map(told, secrets))
        live = await self._applied(request.urn, request.type, inputs, request.timeout, secrets, updating=True)
        return protocol.UpdateResponse(wrap_map(manifests.state_of(live), secrets))

    async def read(self, request: protocol.ReadRequest) -> protocol.ReadResponse:
        inputs, state = plain_map(request.inputs), plain_map(request.properties)
        if request.type == HELM_RELEASE:
            return self._releases.read(request, inputs)
        kind = kind_of(request.type)
        endpoint = await self._call(self._api.endpoint, kind)
        if endpoint is None:
            if inputs:  # its definition is gone, and all its objects with it
                return protocol.ReadResponse("")
            raise Refused(no_such_kind(kind, self._api.server))
        namespace, name = manifests.split_identity(
            request.resource_id, namespaced=endpoint.namespaced, default=self._settings.namespace
        )
        live = await self._call(self._api.read, endpoint, namespace, name)
        if live is None:
            return protocol.ReadResponse("")
        now = drifted(inputs, live) if inputs else imported(live)
        secrets = _secrets({**request.properties, **request.inputs}, now)
        # What controllers write is no news to who refreshes: the state is as the last change left it.
        unchanged = bool(state and inputs) and same(inputs, now)
        found = state if unchanged else manifests.state_of(live)
        return protocol.ReadResponse(_id(live), wrap_map(found, secrets), wrap_map(now, secrets))

    async def delete(self, request: protocol.DeleteRequest) -> None:
        if request.type == HELM_RELEASE:
            return self._releases.delete(request.resource_id)
        kind, state = kind_of(request.type), plain_map(request.properties)
        endpoint = await self._call(self._api.endpoint, kind)
        if endpoint is None:
            return None
        namespace, name = manifests.split_identity(
            request.resource_id, namespaced=endpoint.namespaced, default=self._settings.namespace
        )
        live = await self._call(self._api.read, endpoint, namespace, name)
        if live is None:
            return None
        said = manifests.annotation(state, "pulumi.com/deletionPropagationPolicy").lower()
        where = f"{kind.name} {request.resource_id}"
        try:
            await self._call(
                self._api.delete, endpoint, namespace, name, _PROPAGATION.get(said, "Foreground"), where=where
            )
            if not _skips_waiting(state):
                await self._waiter(request.urn, request.timeout, state).until_gone(endpoint, live)
        except NotReady as error:
            raise Refused(f"{where}: {error.reason}") from error
        return None

    async def invoke(self, request: protocol.InvokeRequest) -> protocol.InvokeResponse:
        raise Refused(
            f"the embedded Kubernetes does not answer {request.tok}: YAML files, charts and kustomizations are "
            f"not rendered here. Declare each object as a resource of its own."
        )

    async def construct(self, request: protocol.ConstructRequest) -> protocol.ConstructResponse:
        kind_of(request.resource_type)
        raise Refused(f"the embedded Kubernetes has no component {request.resource_type}.")

    @property
    def _api(self) -> Api:
        return self._sessions.session().api

    @property
    def _settings(self) -> Settings:
        return self._sessions.session().settings

    async def _foretold(self, token: str, inputs: Properties) -> Object | None:
        """The object as the server would make it; None where the server cannot tell yet."""
        kind, coming = kind_of(token), self._sessions.run().coming
        if kind.key == _DEFINITION and not has_unknown(spec := inputs.get("spec") or {}):
            coming.add((spec.get("group", ""), (spec.get("names") or {}).get("kind", "")))
        endpoint = await self._call(self._api.endpoint, kind)
        if endpoint is None:
            if kind.key in coming:
                return None
            raise Refused(no_such_kind(kind, self._api.server))
        where = _where(kind, inputs)
        options = self._options(inputs)
        return await self._call(dry_run, self._api, endpoint, inputs, where, options, where=where)

    async def _applied(
        self,
        urn: str,
        token: str,
        inputs: Properties,
        seconds: float,
        secrets: frozenset[str],
        *,
        updating: bool,
    ) -> Object:
        """The object once it is ready. Raises PartlyCreated for one that is there and is not."""
        kind = kind_of(token)
        endpoint = await self._call(self._api.endpoint, kind)
        if endpoint is None:
            raise Refused(no_such_kind(kind, self._api.server))
        where, manifest = _where(kind, inputs), manifests.manifest_of(inputs)
        live = await self._call(
            lambda: self._api.apply(endpoint, manifest, **self._options(inputs)),
            where=where,
            updating=updating,
        )
        if manifests.annotation(inputs, "pulumi.com/skipAwait") == "true":
            return live
        try:
            return await self._waiter(urn, seconds, inputs).until_ready(endpoint, live)
        except NotReady as error:
            partly = PartlyCreated(
                _id(error.live), manifests.state_of(error.live), f"{where}: {error.reason}"
            )
            partly.secrets = secrets
            raise partly from error

    def _options(self, inputs: Properties) -> dict[str, Any]:
        force = manifests.annotation(inputs, "pulumi.com/patchForce") == "true" or self._settings.force
        manager = manifests.annotation(inputs, "pulumi.com/patchFieldManager") or FIELD_MANAGER
        return {"manager": manager, "force": force}

    def _waiter(self, urn: str, seconds: float, values: Properties) -> Waiter:
        said = manifests.annotation(values, "pulumi.com/timeoutSeconds")
        limit = seconds or (float(said) if said.isdigit() else _SECONDS)
        return Waiter(self._api, Progress(urn), self._sessions.run().cancelled, limit)

    async def _call(
        self, call: Callable[..., _T], *arguments: Any, where: str = "", updating: bool = False
    ) -> _T:
        """Runs a blocking call beside the event loop; a refusal becomes the text that a user reads."""
        try:
            return await asyncio.to_thread(call, *arguments)
        except ApiError as error:
            raise Refused(explain(error, where or self._api.server, updating=updating)) from error


def _id(live: Object) -> str:
    return manifests.identity(live["metadata"].get("namespace", ""), live["metadata"]["name"])


def _where(kind: Kind, inputs: Properties) -> str:
    metadata = manifests.metadata_of(inputs)
    known = {k: v for k, v in metadata.items() if isinstance(v, str)}
    return (
        f"{kind.name} {manifests.identity(known.get('namespace', ''), known.get('name', '(name unknown)'))}"
    )


def _secrets(given: Any, inputs: Properties) -> frozenset[str]:
    return secret_keys(given) | manifests.secrets_of(inputs)


def _skips_waiting(state: Properties) -> bool:
    return manifests.annotation(state, "pulumi.com/skipAwait") == "true"
