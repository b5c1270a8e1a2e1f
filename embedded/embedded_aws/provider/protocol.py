"""Pulumi's provider protocol as every provider of the embedded cloud speaks it: one servicer for all."""

import json
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
from google.protobuf import empty_pb2, struct_pb2
from google.protobuf.any_pb2 import Any as AnyMessage
from pulumi.provider.experimental import provider as api
from pulumi.provider.experimental.property_value import PropertyValue
from pulumi.provider.experimental.server import ProviderServicer
from pulumi.runtime import rpc
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc, status_pb2

from embedded_aws.provider.values import Properties, plain_map, wrap_map

Method = Any
"""A method of the protocol: (servicer, request, context) to an awaitable answer."""

_MOST_ENGINES = 1000


class Refused(Exception):
    """What the other side or a rule said no to; its text is what the user reads."""


class PartlyCreated(Exception):
    """The resource exists, but is not as it should be: Pulumi must remember it, or make it twice."""

    def __init__(self, resource_id: str, state: Properties, reason: str) -> None:
        super().__init__(reason)
        self.resource_id, self.state, self.reason = resource_id, state, reason
        self.secrets: frozenset[str] = frozenset()


class Change(api.UpdateRequest):
    """An update together with the inputs before it, which the SDK's request leaves out."""

    old_inputs: Properties


@dataclass(frozen=True)
class Caller:
    """Who asks: the engine has a connection of its own for each provider resource of a program."""

    connection: str = ""
    engine_address: str = ""


CALLER: ContextVar[Caller] = ContextVar("CALLER", default=Caller())  # noqa: B039  # frozen
"""Of the call that is being answered."""


def _speaking_plainly(method: Method) -> Any:
    """A user's mistake reaches the terminal as one sentence, not as a traceback of the provider."""

    async def call(self: Any, request: Any, context: Any) -> Any:
        for _, value in request.ListFields():
            if isinstance(value, struct_pb2.Struct):
                _complete_archives(value)
        connection = context.peer()
        CALLER.set(Caller(connection, self._engines.get(connection, "")))
        try:
            return await method(self, request, context)
        except Exception as error:
            ours = isinstance(error, Refused | PartlyCreated)
            cause = error if ours else error.__context__ or error  # the SDK wraps it in its traceback
            if isinstance(cause, PartlyCreated):
                await context.abort_with_status(_init_failed(cause))
            if isinstance(cause, Refused):
                await context.abort(grpc.StatusCode.UNKNOWN, str(cause))
            raise

    return call


def _complete_archives(values: struct_pb2.Struct) -> None:
    """The engine hands out an archive of the state as its hash alone; the SDK reads none without a path."""
    for value in values.fields.values():
        inner = value.struct_value
        if value.WhichOneof("kind") != "struct_value":
            continue
        kind = inner.fields[rpc._special_sig_key].string_value if rpc._special_sig_key in inner.fields else ""
        if kind in (rpc._special_archive_sig, rpc._special_asset_sig):
            if not {"path", "assets", "text", "uri"} & inner.fields.keys():
                inner.fields["path"].string_value = ""
        else:
            _complete_archives(inner)


def _init_failed(error: PartlyCreated) -> grpc.Status:
    detail = AnyMessage()
    detail.Pack(
        provider_pb2.ErrorResourceInitFailed(
            id=error.resource_id,
            properties=PropertyValue.marshal_map(wrap_map(error.state, error.secrets)),
            reasons=[error.reason],
        )
    )
    message = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=error.reason, details=[detail])
    status = grpc.Status()
    status.code, status.details = grpc.StatusCode.UNKNOWN, error.reason
    status.trailing_metadata = (("grpc-status-details-bin", message.SerializeToString()),)
    return status


class Servicer(ProviderServicer):
    """The SDK's servicer, with the calls that it lacks and the old inputs that it leaves out."""

    def __init__(self, provider: api.Provider, package: str, version: str) -> None:
        super().__init__([], version, provider, "")
        self._package, self._engines = package, dict[str, str]()

    async def Attach(self, request: Any, context: Any) -> Any:
        while len(self._engines) >= _MOST_ENGINES:
            self._engines.pop(next(iter(self._engines)))
        self._engine_address = self._engines[context.peer()] = request.address
        return empty_pb2.Empty()

    async def GetSchema(self, request: Any, context: Any) -> Any:
        return provider_pb2.GetSchemaResponse(
            schema=json.dumps({"name": self._package, "version": self._version})
        )

    async def DiffConfig(self, request: Any, context: Any) -> Any:
        # The SDK answers with a number that means "nothing changed"; a new setting replaces no resource here.
        some, none = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=none if request.old_inputs == request.news else some)

    @_speaking_plainly
    async def Diff(self, request: Any, context: Any) -> Any:
        # What the cloud adds (the state) is no change of the program's: inputs are compared with inputs.
        request.olds.CopyFrom(request.old_inputs)
        return await super().Diff(request, context)

    @_speaking_plainly
    async def Update(self, request: Any, context: Any) -> Any:
        change = Change(
            request.urn,
            request.id,
            PropertyValue.unmarshal_map(request.olds),
            PropertyValue.unmarshal_map(request.news),
            request.timeout,
            list(request.ignoreChanges),
            request.preview,
        )
        change.old_inputs = plain_map(PropertyValue.unmarshal_map(request.old_inputs))
        done = await self._provider.update(change)
        return provider_pb2.UpdateResponse(properties=PropertyValue.marshal_map(done.properties))

    @_speaking_plainly
    async def Read(self, request: Any, context: Any) -> Any:
        found = await super().Read(request, context)
        # The engine takes properties, even none, for a resource that is there: an import would succeed.
        return found if found.id else provider_pb2.ReadResponse()

    Cancel: Any = _speaking_plainly(ProviderServicer.Cancel)
    Check: Any = _speaking_plainly(ProviderServicer.Check)
    CheckConfig: Any = _speaking_plainly(ProviderServicer.CheckConfig)
    Configure: Any = _speaking_plainly(ProviderServicer.Configure)
    Construct: Any = _speaking_plainly(ProviderServicer.Construct)
    Create: Any = _speaking_plainly(ProviderServicer.Create)
    Delete: Any = _speaking_plainly(ProviderServicer.Delete)
    Invoke: Any = _speaking_plainly(ProviderServicer.Invoke)


async def listen(servicer: Servicer, port: int) -> tuple[grpc.aio.Server, int]:
    """Starts to answer on 127.0.0.1; port 0 takes a free one. Returns the server and its port."""
    server = grpc.aio.server(options=_GRPC_CHANNEL_OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    return server, bound
