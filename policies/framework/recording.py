"""Runs Pulumi programs without an engine and records all that they ask for.

The monitor below stands where the engine stands: it sees each resource as it is registered, with its options,
its parent, what it was made from and what is marked secret in it. Each program has its own context and event
loop, so that any number of them run in one process, in any order. What a cloud would answer is told by who
uses it: `policies.testing` by mocks.
"""

import asyncio
import contextvars
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import grpc
import pulumi
from google.protobuf import struct_pb2
from pulumi.runtime import rpc
from pulumi.runtime.config import set_all_config
from pulumi.runtime.mocks import MockMonitor, Mocks
from pulumi.runtime.proto import engine_pb2, resource_pb2
from pulumi.runtime.settings import SETTINGS, Settings, get_project, get_stack
from pulumi.runtime.stack import run_in_stack

_STACK = "pulumi:pulumi:Stack"
State = Mapping[str, Any]


class Failed(grpc.RpcError):
    """How the engine reports that a provider function failed."""

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNKNOWN

    def details(self) -> str:
        return str(self)


@dataclass(frozen=True)
class Recorded:
    """One resource as the engine saw it. Inputs bear Pulumi's own names (camelCase)."""

    type: str
    name: str
    urn: str
    parent: str
    inputs: dict[str, Any]
    secrets: frozenset[str]
    """Inputs, by their path, that are marked secret."""
    custom: bool
    read: bool
    provider: str
    ignore_changes: tuple[str, ...]
    retain_on_delete: bool
    depends_on: frozenset[str]
    aliases: tuple[str, ...]
    """Former names."""
    before_delete: tuple[str, ...]
    """Names of hooks."""
    protect: bool = False
    made_from: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """URNs of the resources that each input was made from."""

    @property
    def parent_name(self) -> str:
        return self.parent.rpartition("::")[2]

    def document(self, given: str = "policy") -> Any:
        """An input that is JSON text."""
        return json.loads(self.inputs[given])

    def statements(self, given: str = "policy") -> dict[str, dict[str, Any]]:
        """Statements of an IAM policy by their Sid."""
        found = self.document(given)["Statement"]
        by_sid = {s.get("Sid", str(index)): s for index, s in enumerate(found)}
        assert len(by_sid) == len(found), "two statements share a Sid"
        return by_sid


@dataclass
class Program:
    """What one run of a program left behind."""

    resources: list[Recorded] = field(default_factory=list[Recorded])
    invokes: list[tuple[str, dict[str, Any]]] = field(default_factory=list[tuple[str, dict[str, Any]]])
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    """Registered outputs by URN."""
    secret_outputs: dict[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    states: dict[str, State] = field(default_factory=dict[str, State])
    """What the cloud made of each resource beside its inputs, by URN."""
    said: list[str] = field(default_factory=list[str])
    """Warnings and errors."""
    hooks: dict[str, pulumi.ResourceHook] = field(default_factory=dict[str, pulumi.ResourceHook])
    """Hooks by name."""

    @property
    def exports(self) -> dict[str, Any]:
        return next(out for urn, out in self.outputs.items() if f"::{_STACK}::" in urn)

    def all(self, type_: str) -> list[Recorded]:
        """Resources of a type, given in full or by its last word; reads are left out."""
        return [r for r in self.resources if type_ in (r.type, r.type.split(":")[-1]) and not r.read]

    def one(self, type_: str, name: str | None = None) -> Recorded:
        found = [r for r in self.all(type_) if name in (None, r.name)]
        assert len(found) == 1, f"{type_} {name}: {[r.name for r in self.all(type_)]}"
        return found[0]

    def tree(self) -> set[tuple[str, str, str]]:
        """(type, name, name of the parent) of all that is made, the stack's own resource left out."""
        return {(r.type, r.name, r.parent_name) for r in self.resources if not r.read}

    def outputs_of(self, type_: str, name: str | None = None) -> dict[str, Any]:
        return self.outputs[self.one(type_, name).urn]


class Cloud(Protocol):
    """What answers a program in place of the cloud."""

    def answered(self, token: str, given: dict[str, Any]) -> State:
        """What a provider function answers."""
        ...

    def made(self, request: Any, inputs: dict[str, Any]) -> tuple[str, State]:
        """Id and state, beside its inputs, of a resource that was registered."""
        ...

    def found(self, request: Any) -> State | None:
        """The state of a resource that the program reads, None where nothing is known of it."""
        ...


class Recorder(MockMonitor):
    """Pulumi's mock monitor, seeing whole requests: options, parents and secret marks."""

    def __init__(self, program: Program, cloud: Cloud) -> None:
        super().__init__(_NoMocks())
        self._program, self._cloud = program, cloud
        self._stack = ""
        self._urns: set[str] = set()

    def Invoke(self, request: Any) -> Any:  # noqa: N802 - named by Pulumi's protocol
        given, _ = _plain(request.args)
        self._program.invokes.append((request.tok, given))
        answer: Any = {"return": _struct(self._cloud.answered(request.tok, given))}
        return resource_pb2.ResourceInvokeResponse(**answer)

    def ReadResource(self, request: Any) -> Any:  # noqa: N802
        urn = self._urn(request)
        given, secrets = _plain(request.properties)
        self._record(request, urn, {"id": request.id, **given}, secrets, read=True)
        state = self._cloud.found(request)
        if state is None:
            return resource_pb2.ReadResourceResponse(urn=urn)
        return resource_pb2.ReadResourceResponse(urn=urn, properties=_struct(state))

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802
        urn = self._urn(request)
        if request.type == _STACK:
            self._stack = urn
            return resource_pb2.RegisterResourceResponse(urn=urn)
        inputs, secrets = _plain(request.object)
        self._record(request, urn, inputs, secrets, read=False)
        state = struct_pb2.Struct()
        state.CopyFrom(request.object)
        if not request.custom:
            return resource_pb2.RegisterResourceResponse(urn=urn, object=state)
        made, beside = self._cloud.made(request, inputs)
        self._program.states[urn] = {**({"id": made} if made else {}), **beside}
        state.MergeFrom(_struct(beside))
        return resource_pb2.RegisterResourceResponse(urn=urn, id=made, object=state)

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802
        found, secrets = _plain(request.outputs)
        self._program.outputs[request.urn] = found
        self._program.secret_outputs[request.urn] = secrets
        return super().RegisterResourceOutputs(request)

    def _urn(self, request: Any) -> str:
        chain = request.type
        if request.parent and request.parent != self._stack:
            chain = f"{request.parent.split('::')[2]}${chain}"
        urn = f"urn:pulumi:{get_stack()}::{get_project()}::{chain}::{request.name}"
        if urn in self._urns:
            raise Failed(f"Duplicate resource URN '{urn}'; try giving it a unique name")
        self._urns.add(urn)
        return urn

    def _record(
        self, request: Any, urn: str, inputs: dict[str, Any], secrets: frozenset[str], *, read: bool
    ) -> None:
        recorded = Recorded(
            type=request.type,
            name=request.name,
            urn=urn,
            parent=request.parent,
            inputs=inputs,
            secrets=secrets,
            custom=read or request.custom,
            read=read,
            provider=request.provider,
            ignore_changes=() if read else tuple(request.ignoreChanges),
            retain_on_delete=False if read else request.retainOnDelete,
            depends_on=frozenset(request.dependencies),
            aliases=() if read else tuple(alias.spec.name for alias in request.aliases),
            before_delete=() if read else tuple(request.hooks.before_delete),
            protect=False if read else request.protect,
            made_from={}
            if read
            else {key: tuple(held.urns) for key, held in request.propertyDependencies.items() if held.urns},
        )
        self._program.resources.append(recorded)


class _Engine:
    def __init__(self, program: Program) -> None:
        self._program = program

    def Log(self, request: Any) -> None:  # noqa: N802
        if request.severity in (engine_pb2.WARNING, engine_pb2.ERROR):
            self._program.said.append(request.message)


class _Callbacks:
    """Stands for the server by which the engine calls hooks: a server for each program would be too many."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def register_resource_hook(self, hook: pulumi.ResourceHook) -> None:
        if hook.name in self._program.hooks:
            raise Failed(f'resource hook already registered for name "{hook.name}"')
        self._program.hooks[hook.name] = hook


class _NoMocks(Mocks):
    def call(self, args: Any) -> Any:
        raise NotImplementedError

    def new_resource(self, args: Any) -> Any:
        raise NotImplementedError


def run(
    program: Callable[[], Any],
    monitor: Callable[[Program], MockMonitor],
    *,
    preview: bool = False,
    project: str = "project",
    stack: str = "test",
    config: Mapping[str, str] | None = None,
    secret_keys: tuple[str, ...] = (),
) -> Program:
    """Runs `program` to its end: every resource registered, every output and URN awaited."""
    recorded = Program()

    async def main() -> None:
        Settings(
            project=project,
            stack=stack,
            monitor=monitor(recorded),
            engine=_Engine(recorded),
            dry_run=preview,
            root_directory="/",
        )
        SETTINGS.callbacks = _Callbacks(recorded)  # pyright: ignore
        set_all_config(dict(config or {}), list(secret_keys))
        await run_in_stack(lambda: _finished(program))

    context = contextvars.copy_context()
    with asyncio.Runner() as runner:
        runner.get_loop().set_exception_handler(_said_already)
        runner.run(main(), context=context)
    return recorded


def _said_already(*_: Any) -> None:
    """The first failure is raised; that is enough."""


def _finished(program: Callable[[], Any]) -> None:
    found = program()
    if inspect.iscoroutine(found):
        found.close()
        raise TypeError("The program is a coroutine: give a function that makes resources and returns.")


def _struct(held: Mapping[str, Any]) -> struct_pb2.Struct:
    made = struct_pb2.Struct()
    made.update(held)
    return made


def _plain(held: struct_pb2.Struct) -> tuple[dict[str, Any], frozenset[str]]:
    """(values, paths of the secret ones)."""
    secrets: set[str] = set()

    def read(found: Any, path: str) -> Any:
        if isinstance(found, struct_pb2.Struct):
            signature = dict(found).get(rpc._special_sig_key)
            if signature == rpc._special_secret_sig:
                secrets.add(path)
                return read(found["value"], path)
            return {
                key: read(found[key], f"{path}.{key}".lstrip("."))
                for key in found
                if key != rpc._special_sig_key
            }
        if isinstance(found, struct_pb2.ListValue):
            return [read(item, f"{path}[{index}]") for index, item in enumerate(found)]
        if isinstance(found, float) and found.is_integer():
            return int(found)
        return found

    return read(held, ""), frozenset(secrets)
