"""Helm releases: no chart registry is reached, so they are recorded and reported; nothing is installed."""

from pulumi.provider.experimental import provider as protocol

from embedded_aws.provider.inputs import changed_names, diff_kind, fill_name, is_autonamed
from embedded_aws.provider.recorded import Records
from embedded_aws.provider.rows import AutoName, Recorded
from embedded_aws.provider.values import Properties, plain_map, secret_keys, wrap_map
from embedded_kubernetes.provider.tokens import HELM_RELEASE


def _status(inputs: Properties) -> Properties:
    told = {name: inputs.get(name) for name in ("name", "namespace", "chart", "version")}
    return {"status": {**told, "revision": 1, "status": "deployed"}, "resourceNames": {}}


ROW = Recorded(
    HELM_RELEASE,
    "{namespace}/{name}",
    AutoName(longest=53),
    outputs=_status,
    replaces=frozenset({"name", "namespace"}),
)


class Releases:
    def __init__(self, records: Records) -> None:
        self._records = records

    def check(self, request: protocol.CheckRequest) -> protocol.CheckResponse:
        inputs, old = plain_map(request.new_inputs), plain_map(request.old_inputs)
        fill_name(ROW.name, request, inputs, old)
        inputs["namespace"] = inputs.get("namespace") or "default"
        failures = (
            [] if inputs.get("chart") else [protocol.CheckFailure("chart", "is required: a chart's name")]
        )
        return protocol.CheckResponse(wrap_map(inputs, secret_keys(request.new_inputs)), failures)

    def diff(self, old: Properties, new: Properties) -> protocol.DiffResponse:
        changed = changed_names(old, new)
        replaces = sorted(changed & ROW.replaces)
        kinds = {name: diff_kind(name in old, name in new, name in replaces) for name in changed}
        return protocol.DiffResponse(
            changes=bool(changed),
            replaces=replaces,
            diffs=sorted(changed),
            detailed_diff={k: protocol.PropertyDiff(kind, input_diff=True) for k, kind in kinds.items()},
            delete_before_replace=bool(replaces) and not is_autonamed(new.get("name")),
        )

    def create(
        self, inputs: Properties, secrets: frozenset[str], *, preview: bool
    ) -> protocol.CreateResponse:
        if preview:
            return protocol.CreateResponse("", wrap_map(inputs, secrets))
        release_id, state = self._records.create(ROW, inputs)
        return protocol.CreateResponse(release_id, wrap_map(state, secrets))

    def read(self, request: protocol.ReadRequest, inputs: Properties) -> protocol.ReadResponse:
        state = self._records.read(request.resource_id)
        if state is None:
            return protocol.ReadResponse("")
        secrets = secret_keys(request.inputs)
        held = {name: value for name, value in state.items() if name not in ("status", "resourceNames")}
        return protocol.ReadResponse(
            request.resource_id, wrap_map(state, secrets), wrap_map(inputs or held, secrets)
        )

    def update(
        self, release_id: str, inputs: Properties, secrets: frozenset[str], *, preview: bool
    ) -> protocol.UpdateResponse:
        state = inputs if preview else self._records.update(ROW, release_id, {**inputs, **_status(inputs)})
        return protocol.UpdateResponse(wrap_map(state, secrets))

    def delete(self, release_id: str) -> None:
        self._records.delete(release_id)
