"""The objects of one cluster, as one provider resource of one running program treats them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from embedded_aws.provider.protocol import Refused
from embedded_aws.provider.values import Properties, has_unknown
from embedded_kubernetes.provider.api import FIELD_MANAGER, Api, Endpoint
from embedded_kubernetes.provider.connection import ApiError, Object
from embedded_kubernetes.provider.explain import explain, no_such_kind
from embedded_kubernetes.provider.manifests import (
    annotation,
    identity,
    manifest_of,
    metadata_of,
    split_identity,
)
from embedded_kubernetes.provider.preview import Trial
from embedded_kubernetes.provider.progress import Progress
from embedded_kubernetes.provider.sessions import Run
from embedded_kubernetes.provider.settings import Settings
from embedded_kubernetes.provider.tokens import Kind
from embedded_kubernetes.provider.waiting import Waiter

_SECONDS = 300.0
_DEFINITION = ("apiextensions.k8s.io", "CustomResourceDefinition")
_PROPAGATION = {"orphan": "Orphan", "background": "Background"}
_T = TypeVar("_T")


@dataclass(frozen=True)
class Objects:
    api: Api
    settings: Settings
    run: Run

    async def endpoint(self, kind: Kind) -> Endpoint | None:
        """None for a kind that the cluster does not have now."""
        return await _called(self.api.endpoint, kind, where=str(kind))

    async def foretold(self, kind: Kind, inputs: Properties, *, creating: bool) -> Object | None:
        """The object as a dry run makes it; None where the server cannot tell yet."""
        if kind.key == _DEFINITION and not has_unknown(spec := inputs.get("spec") or {}):
            self.run.coming.add((spec.get("group", ""), (spec.get("names") or {}).get("kind", "")))
        endpoint = await self.endpoint(kind)
        if endpoint is None:
            if kind.key in self.run.coming:
                return None
            raise Refused(no_such_kind(kind, self.api.server))
        trial = Trial(self.api, endpoint, _where(kind, inputs), self._options(inputs))
        return await _called(trial.run, inputs, creating, where=trial.where, updating=not creating)

    async def apply(
        self, kind: Kind, inputs: Properties, urn: str, seconds: float, *, updating: bool
    ) -> Object:
        """The object once it is ready. Raises NotReady for one that is there and does not become so."""
        endpoint = await self.endpoint(kind)
        if endpoint is None:
            raise Refused(no_such_kind(kind, self.api.server))

        def applied() -> Object:
            return self.api.apply(endpoint, manifest_of(inputs), **self._options(inputs))

        live = await _called(applied, where=_where(kind, inputs), updating=updating)
        if annotation(inputs, "pulumi.com/skipAwait") == "true":
            return live
        waiter = self._waiter(urn, seconds, inputs)
        live = await waiter.until_ready(endpoint, live)
        if kind.key == _DEFINITION:
            await waiter.until_known(_defined(live), live)
        return live

    async def read(self, kind: Kind, resource_id: str) -> Object | None:
        """None for an object that is not there."""
        endpoint = await self.endpoint(kind)
        if endpoint is None:
            return None
        return await _called(self.api.read, endpoint, *self._place(endpoint, resource_id), where=resource_id)

    async def delete(self, kind: Kind, resource_id: str, state: Properties, urn: str, seconds: float) -> None:
        """Returns once the object is gone, or at once where its annotation says so. Raises NotReady."""
        endpoint, live = await self.endpoint(kind), await self.read(kind, resource_id)
        if endpoint is None or live is None:
            return
        said = annotation(state, "pulumi.com/deletionPropagationPolicy").lower()
        place, propagation = self._place(endpoint, resource_id), _PROPAGATION.get(said, "Foreground")
        await _called(self.api.delete, endpoint, *place, propagation, where=f"{kind.name} {resource_id}")
        if annotation(state, "pulumi.com/skipAwait") != "true":
            await self._waiter(urn, seconds, state).until_gone(endpoint, live)
        if kind.key == _DEFINITION:
            self.api.forget((live["spec"]["group"], live["spec"]["names"]["kind"]))

    def _place(self, endpoint: Endpoint, resource_id: str) -> tuple[str, str]:
        return split_identity(resource_id, namespaced=endpoint.namespaced, default=self.settings.namespace)

    def _options(self, inputs: Properties) -> dict[str, Any]:
        force = annotation(inputs, "pulumi.com/patchForce") == "true" or self.settings.force
        return {
            "manager": annotation(inputs, "pulumi.com/patchFieldManager") or FIELD_MANAGER,
            "force": force,
        }

    def _waiter(self, urn: str, seconds: float, values: Properties) -> Waiter:
        said = annotation(values, "pulumi.com/timeoutSeconds")
        limit = seconds or (float(said) if said.isdigit() else _SECONDS)
        return Waiter(self.api, Progress(urn), self.run.cancelled, limit)


def _defined(live: Object) -> list[Kind]:
    """The kinds that a definition brings, one for each version that is served."""
    spec = live["spec"]
    versions = [str(v["name"]) for v in spec["versions"] if v["served"]]
    return [Kind(f"{spec['group']}/{version}", spec["names"]["kind"]) for version in versions]


def _where(kind: Kind, inputs: Properties) -> str:
    known = {k: v for k, v in metadata_of(inputs).items() if isinstance(v, str)}
    return f"{kind.name} {identity(known.get('namespace', ''), known.get('name', '(name not known yet)'))}"


async def _called(call: Callable[..., _T], *arguments: Any, where: str, updating: bool = False) -> _T:
    """Runs a blocking call beside the event loop; a refusal becomes the text that a user reads."""
    try:
        return await asyncio.to_thread(call, *arguments)
    except ApiError as error:
        raise Refused(explain(error, where, updating=updating)) from error
