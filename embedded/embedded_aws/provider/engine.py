"""The provider: checks, diffs, creates, reads, updates and deletes whatever the tables have a row for."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from pulumi.provider.experimental import provider as api

from embedded_aws.provider import invokes
from embedded_aws.provider.calls import Calls, explain
from embedded_aws.provider.inputs import (
    changed_names,
    diff_kind,
    fill_name,
    imported,
    is_autonamed,
    reconcile,
)
from embedded_aws.provider.protocol import Change, PartlyCreated, Refused
from embedded_aws.provider.recorded import Records
from embedded_aws.provider.rows import AnyRow, Client, Recorded, Row, Unsettled
from embedded_aws.provider.schema import mistakes, schema_of, unknown_properties
from embedded_aws.provider.values import (
    UNKNOWN,
    has_unknown,
    plain_map,
    secret_keys,
    wrap_map,
)


class EmbeddedAws(api.Provider):
    def __init__(
        self, rows: Mapping[str, AnyRow], client: Callable[[str], Client], region: str, records: Records
    ) -> None:
        self._rows, self._client, self._region, self._records = rows, client, region, records
        self._clients: dict[str, Client] = {}
        self._lock = threading.Lock()
        self._under_way = 0
        self._ended = threading.Condition(self._lock)

    async def configure(self, request: api.ConfigureRequest) -> api.ConfigureResponse:
        region = plain_map(request.args).get("region", self._region)
        if region != self._region:
            raise Refused(
                f"aws:region is {region}, but the embedded cloud that runs holds {self._region}. "
                f"Set aws:region to {self._region}."
            )
        return api.ConfigureResponse(accept_secrets=True, supports_preview=True)

    async def check(self, request: api.CheckRequest) -> api.CheckResponse:
        inputs, old = plain_map(request.new_inputs), plain_map(request.old_inputs)
        row = self._row(request.type)
        fill_name(row.name, request, inputs, old)
        if isinstance(row, Row) and row.derived is not None:
            try:
                inputs |= row.derived({k: v for k, v in inputs.items() if not has_unknown(v)})
            except (OSError, ValueError) as error:
                raise Refused(str(error)) from error
        known = schema_of(row.token).inputs
        found = [*unknown_properties(inputs, known, "")]
        for name, value in inputs.items():
            if name in known:
                found += mistakes(value, known[name], name)
        if not found and isinstance(row, Row):
            found = self._calls(row).mistakes({k: v for k, v in inputs.items() if v is not None})
        return api.CheckResponse(
            inputs=wrap_map(inputs, secret_keys(request.new_inputs)),
            failures=[api.CheckFailure(path, reason) for path, reason in found],
        )

    async def diff(self, request: api.DiffRequest) -> api.DiffResponse:
        row = self._row(request.type)
        old, new = plain_map(request.old_state), plain_map(request.new_inputs)
        changed = changed_names(old, new)
        forces = (
            row.replaces.__contains__ if isinstance(row, Recorded) else self._calls(row).forces_replacement
        )
        replaces = [name for name in changed if forces(name)]
        kinds = {
            name: api.PropertyDiff(diff_kind(name in old, name in new, name in replaces), input_diff=True)
            for name in changed
        }
        fixed_name = row.name is not None and not is_autonamed(new.get(row.name.property))
        return api.DiffResponse(
            changes=bool(changed),
            replaces=replaces,
            diffs=sorted(changed),
            detailed_diff=kinds,
            delete_before_replace=bool(replaces) and fixed_name,
        )

    async def create(self, request: api.CreateRequest) -> api.CreateResponse:
        row, inputs = self._row(request.type), plain_map(request.properties)
        secrets = secret_keys(request.properties) | (row.secrets if isinstance(row, Row) else frozenset())
        if request.preview:
            return api.CreateResponse("", wrap_map(inputs, secrets))
        if isinstance(row, Recorded):
            resource_id, state = self._records.create(row, inputs)
        else:
            try:
                resource_id, state = await self._aws(self._calls(row).create, inputs)
            except PartlyCreated as error:
                error.secrets = secrets
                raise
        return api.CreateResponse(resource_id, wrap_map(state, secrets))

    async def read(self, request: api.ReadRequest) -> api.ReadResponse:
        row = self._row(request.type)
        state, inputs = plain_map(request.properties), plain_map(request.inputs)
        resource_id = request.resource_id
        if isinstance(row, Recorded):
            found = self._records.read(resource_id)
        elif state:
            found = await self._aws(self._calls(row).read, resource_id, state)
        else:
            adopted = await self._aws(self._calls(row).adopt, resource_id)
            resource_id, found = adopted or ("", None)
        if found is None:
            return api.ReadResponse("")
        known = schema_of(row.token).inputs
        if inputs:
            inputs = {k: reconcile(v, found.get(k, v), known.get(k)) for k, v in inputs.items()}
            appeared = (row.owned | {"tags"}) & known.keys() - inputs.keys() if isinstance(row, Row) else ()
            inputs |= {k: found[k] for k in appeared if found.get(k)}
        else:
            inputs = imported(found, known, row)
        secrets = secret_keys(request.properties) | secret_keys(request.inputs)
        if isinstance(row, Row):
            secrets |= row.secrets
        return api.ReadResponse(resource_id, wrap_map(found, secrets), wrap_map(inputs, secrets))

    async def update(self, request: api.UpdateRequest) -> api.UpdateResponse:
        assert isinstance(request, Change)
        row, state, new = self._row(request.type), plain_map(request.olds), plain_map(request.news)
        secrets = secret_keys(request.news) | (row.secrets if isinstance(row, Row) else frozenset())
        if request.preview:
            unknown = dict.fromkeys(row.volatile, UNKNOWN) if isinstance(row, Row) else {}
            return api.UpdateResponse(wrap_map({**state, **new, **unknown}, secrets))
        if isinstance(row, Recorded):
            return api.UpdateResponse(wrap_map(self._records.update(row, request.resource_id, new), secrets))
        changed = changed_names(request.old_inputs, new)
        result = await self._aws(
            self._calls(row).update, request.resource_id, state, request.old_inputs, new, changed
        )
        return api.UpdateResponse(wrap_map(result, secrets))

    async def delete(self, request: api.DeleteRequest) -> None:
        row = self._row(request.type)
        if isinstance(row, Recorded):
            self._records.delete(request.resource_id)
        else:
            await self._aws(self._calls(row).delete, request.resource_id, plain_map(request.properties))

    async def invoke(self, request: api.InvokeRequest) -> api.InvokeResponse:
        answer = await self._aws(
            invokes.answer, request.tok, plain_map(request.args), self.client_for, self._region
        )
        return api.InvokeResponse(wrap_map(answer))

    def client_for(self, service: str) -> Client:
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._client(service)
            return self._clients[service]

    def _calls(self, row: Row) -> Calls:
        return Calls(row, self.client_for(row.service))

    def _row(self, token: str) -> AnyRow:
        token = token.rsplit("$", 1)[-1]  # a URN names the types of the parents too
        row = self._rows.get(token)
        if row is None:
            raise Refused(
                f"the embedded AWS has no row for the resource type {token}. It knows "
                f"{len(self._rows)} types; add one to embedded/embedded_aws/tables/, or deploy to an "
                f"AWS account."
            )
        return row

    def settled(self, seconds: float) -> bool:
        """Waits until no AWS call is under way: one outlives the Pulumi process that asked for it."""
        with self._ended:
            return self._ended.wait_for(lambda: self._under_way == 0, seconds)

    async def _aws(self, call: Callable[..., Any], *arguments: Any) -> Any:
        """Runs blocking calls beside the event loop; AWS's refusals become the text a user reads."""

        def counted() -> Any:
            try:
                return call(*arguments)
            finally:
                with self._ended:
                    self._under_way -= 1
                    self._ended.notify_all()

        with self._lock:
            self._under_way += 1
        try:
            return await asyncio.to_thread(counted)
        except ClientError as error:
            raise Refused(explain(error)) from error
        except (BotoCoreError, Unsettled, ValueError, OSError) as error:
            raise Refused(str(error)) from error
