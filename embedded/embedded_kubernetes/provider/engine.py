"""The provider: server-side apply of whatever kind the cluster has, judged at preview, waited for at `up`."""

from pathlib import Path
from typing import Any

from pulumi.provider.experimental import provider as protocol

from embedded_aws.provider.protocol import Change, PartlyCreated, Refused
from embedded_aws.provider.recorded import Records
from embedded_aws.provider.values import Properties, plain_map, same, secret_keys, wrap_map
from embedded_kubernetes.provider.api import Api
from embedded_kubernetes.provider.connection import Connection, Object, kubeconfig_of
from embedded_kubernetes.provider.differences import diff
from embedded_kubernetes.provider.drift import drifted, imported
from embedded_kubernetes.provider.explain import no_such_kind
from embedded_kubernetes.provider.manifests import (
    expected,
    expected_of_inputs,
    identity,
    name_it,
    secrets_of,
    state_of,
)
from embedded_kubernetes.provider.objects import Objects
from embedded_kubernetes.provider.releases import Releases
from embedded_kubernetes.provider.sessions import Session, Sessions
from embedded_kubernetes.provider.settings import connection_of, settings_of
from embedded_kubernetes.provider.tokens import HELM_RELEASE, kind_of, mismatch, own_type
from embedded_kubernetes.provider.waiting import NotReady


class EmbeddedKubernetes(protocol.Provider):
    def __init__(self, kubeconfig: Path, records: Records) -> None:
        self._kubeconfig, held = kubeconfig, kubeconfig_of(kubeconfig)
        self._served = Connection(held)
        self._releases = Releases(records)
        self._sessions = Sessions(Session(Api(self._served), settings_of({}, held)))

    async def check_config(self, request: protocol.CheckRequest) -> protocol.CheckResponse:
        inputs = plain_map(request.new_inputs)
        settings_of(inputs, {})
        connection_of(inputs, self._served, self._kubeconfig)
        return protocol.CheckResponse(inputs=request.new_inputs)

    async def configure(self, request: protocol.ConfigureRequest) -> protocol.ConfigureResponse:
        inputs = plain_map(request.args)
        connection = connection_of(inputs, self._served, self._kubeconfig)
        given = inputs.get("kubeconfig")
        held = kubeconfig_of(given if isinstance(given, str) else self._kubeconfig)
        self._sessions.configured(Session(Api(connection), settings_of(inputs, held)))
        return protocol.ConfigureResponse(accept_secrets=True, supports_preview=True)

    async def cancel(self) -> None:
        self._sessions.run().cancelled.set()

    async def check(self, request: protocol.CheckRequest) -> protocol.CheckResponse:
        if own_type(request.type) == HELM_RELEASE:
            return self._releases.check(request)
        inputs, kind, objects = plain_map(request.new_inputs), kind_of(request.type), self._objects
        failures = mismatch(kind, inputs)
        inputs = {"apiVersion": kind.api_version, "kind": kind.name, **inputs}
        name_it(inputs, plain_map(request.old_inputs), request.name, request.random_seed)
        endpoint, metadata = await objects.endpoint(kind), inputs["metadata"]
        if isinstance(metadata, dict):
            if metadata.get("generateName"):
                reason = "is not applied: give a name, or neither, and Pulumi makes one"
                failures.append(("metadata.generateName", reason))
            if endpoint is not None and endpoint.namespaced:
                metadata["namespace"] = metadata.get("namespace") or objects.settings.namespace
            elif endpoint is not None and metadata.get("namespace"):
                failures.append(("metadata.namespace", f"a {kind.name} lies in no namespace"))
        return protocol.CheckResponse(
            wrap_map(inputs, _secrets(request.new_inputs, inputs)),
            [protocol.CheckFailure(*failure) for failure in failures],
        )

    async def diff(self, request: protocol.DiffRequest) -> protocol.DiffResponse:
        old, new = plain_map(request.old_state), plain_map(request.new_inputs)
        if own_type(request.type) == HELM_RELEASE:
            return self._releases.diff(old, new)
        return diff(kind_of(request.type), old, new, self._objects.settings.mutable)

    async def create(self, request: protocol.CreateRequest) -> protocol.CreateResponse:
        inputs = plain_map(request.properties)
        secrets = _secrets(request.properties, inputs)
        if own_type(request.type) == HELM_RELEASE:
            return self._releases.create(inputs, secrets, preview=request.preview)
        if request.preview:
            told = await self._objects.foretold(kind_of(request.type), inputs)
            state = expected_of_inputs(inputs) if told is None else expected(told, inputs)
            return protocol.CreateResponse("", wrap_map(state, secrets))
        live = await self._applied(request, inputs, secrets)
        return protocol.CreateResponse(_id(live), wrap_map(state_of(live), secrets))

    async def update(self, request: protocol.UpdateRequest) -> protocol.UpdateResponse:
        assert isinstance(request, Change)
        inputs = plain_map(request.news)
        secrets = _secrets(request.news, inputs)
        if own_type(request.type) == HELM_RELEASE:
            return self._releases.update(request.resource_id, inputs, secrets, preview=request.preview)
        if request.preview:
            told = await self._objects.foretold(kind_of(request.type), inputs)
            state = {**plain_map(request.olds), **inputs} if told is None else state_of(told)
            return protocol.UpdateResponse(wrap_map(state, secrets))
        live = await self._applied(request, inputs, secrets)
        return protocol.UpdateResponse(wrap_map(state_of(live), secrets))

    async def read(self, request: protocol.ReadRequest) -> protocol.ReadResponse:
        inputs, state = plain_map(request.inputs), plain_map(request.properties)
        if own_type(request.type) == HELM_RELEASE:
            return self._releases.read(request, inputs)
        kind, objects = kind_of(request.type), self._objects
        live = await objects.read(kind, request.resource_id)
        if live is None:
            if not inputs and await objects.endpoint(kind) is None:
                raise Refused(no_such_kind(kind, objects.api.server))
            return protocol.ReadResponse("")
        now = drifted(inputs, live) if inputs else imported(live)
        # What controllers write is no news to who refreshes: the state is as the last change left it.
        unchanged = bool(state and inputs) and same(inputs, now)
        secrets = _secrets({**request.properties, **request.inputs}, now)
        found = state if unchanged else state_of(live)
        return protocol.ReadResponse(_id(live), wrap_map(found, secrets), wrap_map(now, secrets))

    async def delete(self, request: protocol.DeleteRequest) -> None:
        if own_type(request.type) == HELM_RELEASE:
            return self._releases.delete(request.resource_id)
        kind, state = kind_of(request.type), plain_map(request.properties)
        try:
            await self._objects.delete(kind, request.resource_id, state, request.urn, request.timeout)
        except NotReady as error:
            raise Refused(f"{kind.name} {request.resource_id}: {error.reason}") from error
        return None

    async def invoke(self, request: protocol.InvokeRequest) -> protocol.InvokeResponse:
        raise Refused(
            f"the embedded Kubernetes does not answer {request.tok}: YAML files, charts and kustomizations "
            f"are not rendered here. Declare each object as a resource of its own."
        )

    async def construct(self, request: protocol.ConstructRequest) -> protocol.ConstructResponse:
        kind_of(request.resource_type)
        raise Refused(f"the embedded Kubernetes has no component {request.resource_type}.")

    @property
    def _objects(self) -> Objects:
        """As the program sees them whose call is being answered."""
        session = self._sessions.session()
        return Objects(session.api, session.settings, self._sessions.run())

    async def _applied(
        self,
        request: protocol.CreateRequest | protocol.UpdateRequest,
        inputs: Properties,
        secrets: frozenset[str],
    ) -> Object:
        kind, updating = kind_of(request.type), isinstance(request, protocol.UpdateRequest)
        try:
            return await self._objects.apply(kind, inputs, request.urn, request.timeout, updating=updating)
        except NotReady as error:
            place = _id(error.live)
            partly = PartlyCreated(place, state_of(error.live), f"{kind.name} {place}: {error.reason}")
            partly.secrets = secrets
            raise partly from error


def _id(live: Object) -> str:
    return identity(live["metadata"].get("namespace", ""), live["metadata"]["name"])


def _secrets(given: Any, inputs: Properties) -> frozenset[str]:
    return secret_keys(given) | secrets_of(inputs)
