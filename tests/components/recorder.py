"""Runs Pulumi programs without an engine and records all that they ask for.

The monitor below stands where the engine stands: it sees each resource as it is registered, with its options,
its parent and what is marked secret in it, and answers as AWS would. Each program has its own context and
event loop, so that any number of them run in one process, in any order.
"""

import asyncio
import contextvars
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
import pulumi
import pytest
from google.protobuf import struct_pb2
from pulumi.runtime import rpc
from pulumi.runtime.config import set_all_config
from pulumi.runtime.mocks import MockMonitor, Mocks
from pulumi.runtime.proto import engine_pb2, resource_pb2
from pulumi.runtime.settings import Settings
from pulumi.runtime.stack import run_in_stack

ACCOUNT, REGION = "123456789012", "eu-west-1"
DEPLOYER = f"arn:aws:iam::{ACCOUNT}:role/deployer"
SUFFIX = "-0a1b2c3"
"""What auto-naming adds: a physical name is never the logical one, so that a mix-up shows."""
NOT_FOUND = "invocation returned an error: ResourceNotFoundException: Requested resource not found"
VPC_BLOCK = "10.42.0.0/16"
PREFIX_LISTS = {"s3": "52.218.0.0/17", "dynamodb": "52.94.24.0/23"}
"""Addresses of the services whose endpoints are routes."""
_STACK = "pulumi:pulumi:Stack"

Answer = Callable[[dict[str, Any]], dict[str, Any]]


class Failed(grpc.RpcError):
    """How the engine reports that a provider function failed."""

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNKNOWN

    def details(self) -> str:
        return str(self)


def fails(message: str = NOT_FOUND) -> Answer:
    def answer(given: dict[str, Any]) -> dict[str, Any]:
        raise Failed(message)

    return answer


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

    resources: list[Recorded] = field(default_factory=list)
    invokes: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Registered outputs by URN."""
    secret_outputs: dict[str, frozenset[str]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    """Warnings and errors."""
    hooks: dict[str, pulumi.ResourceHook] = field(default_factory=dict)
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


class _Engine:
    def __init__(self, program: Program) -> None:
        self._program = program

    def Log(self, request: Any) -> None:
        if request.severity in (engine_pb2.WARNING, engine_pb2.ERROR):
            self._program.said.append(request.message)


class Recorder(MockMonitor):
    """Pulumi's mock monitor, seeing whole requests: options, parents and secret marks."""

    def __init__(self, program: Program, world: "World", preview: bool) -> None:
        super().__init__(_NoMocks())
        self._program, self._world, self._preview = program, world, preview
        world.program = program
        self._stack = ""
        self._urns: set[str] = set()

    def Invoke(self, request: Any) -> Any:
        given, _ = _plain(request.args)
        self._program.invokes.append((request.tok, given))
        found = self._world.answer(request.tok.rpartition(":")[2], given, self._program)
        return resource_pb2.ResourceInvokeResponse(**{"return": _struct(found)})

    def ReadResource(self, request: Any) -> Any:
        urn = self._urn(request)
        given, secrets = _plain(request.properties)
        self._record(request, urn, {"id": request.id, **given}, secrets, read=True)
        if self._preview and not self._world.deployed:
            if request.id != rpc.UNKNOWN:
                raise Failed(f"reading {request.type} {request.id}: couldn't find resource")
            return resource_pb2.ReadResourceResponse(urn=urn)
        state = self._world.held(request.type, request.id, self._program)
        return resource_pb2.ReadResourceResponse(urn=urn, properties=_struct(state))

    def RegisterResource(self, request: Any) -> Any:
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
        if (
            self._preview and not self._world.deployed
        ):  # the engine knows neither ids nor anything computed before it deploys
            return resource_pb2.RegisterResourceResponse(urn=urn, object=state)
        state.MergeFrom(
            _struct(
                {
                    k: v
                    for k, v in self._world.computed(request, inputs).items()
                    if k not in inputs or k == "vpcConfig"
                }
            )
        )
        return resource_pb2.RegisterResourceResponse(urn=urn, id=f"{request.name}{SUFFIX}", object=state)

    def RegisterResourceOutputs(self, request: Any) -> Any:
        found, secrets = _plain(request.outputs)
        self._program.outputs[request.urn] = found
        self._program.secret_outputs[request.urn] = secrets
        return super().RegisterResourceOutputs(request)

    def _urn(self, request: Any) -> str:
        chain = request.type
        if request.parent and request.parent != self._stack:
            chain = f"{request.parent.split('::')[2]}${chain}"
        settings = pulumi.runtime.settings.SETTINGS
        urn = f"urn:pulumi:{settings.stack}::{settings.project}::{chain}::{request.name}"
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
        )
        self._program.resources.append(recorded)


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


@dataclass
class World:
    """What AWS answers. By default: an account with nothing deployed in it yet."""

    answers: dict[str, Answer] = field(default_factory=dict)
    """Answers of provider functions, by the last word of their token."""
    versions: dict[str, str] = field(default_factory=dict)
    """Version that the next deployment publishes, by the function's logical name; 1 unless told otherwise."""
    alias: dict[str, Any] | None = None
    """What the alias `live` holds after the deployment. Defaults to what was asked for."""

    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What the control table holds before the deployment, by `item`."""
    rolled_back: dict[str, str] = field(default_factory=dict)
    """Task definition that ECS went back to, by the service's logical name."""
    events: list[str] = field(default_factory=list)
    """What ECS says of its services, the newest first."""

    program: Program | None = None
    """The last program that ran here, be it one that failed."""
    deployed: bool = False
    """Whether a preview finds all of this deployed by an earlier run. Defaults to a first preview."""

    def __post_init__(self) -> None:
        caller = f"arn:aws:sts::{ACCOUNT}:assumed-role/deployer/session"
        self.answers = {
            "getCallerIdentity": lambda _: {
                "accountId": ACCOUNT,
                "arn": caller,
                "userId": "u",
                "id": ACCOUNT,
            },
            "getSessionContext": lambda given: {"arn": given["arn"], "issuerArn": DEPLOYER, "id": "i"},
            "getRegion": lambda _: {"region": REGION, "name": REGION, "id": REGION},
            "getAvailabilityZones": lambda _: {"names": [f"{REGION}{z}" for z in "abc"], "id": REGION},
            "getAlias": fails(),
            "getFunction": fails(),
            "getVpc": lambda given: {"id": given["id"], "cidrBlock": VPC_BLOCK},
            "getManagedPrefixList": lambda given: {
                "id": given["name"],
                "entries": [{"cidr": PREFIX_LISTS[given["name"].rpartition(".")[2]], "description": ""}],
            },
            "getCluster": _existing_cluster,
            **self.answers,
        }

    def answer(self, function: str, given: dict[str, Any], program: Program) -> dict[str, Any]:
        if function in self.answers:
            return self.answers[function](given)
        if function == "getTableItem":
            return self._item(given, program)
        if function == "getService":
            return self._service(given, program)
        raise Failed(f"no answer to {function}")

    def _item(self, given: dict[str, Any], program: Program) -> dict[str, Any]:
        """What the control table holds at this moment of the deployment."""
        key = json.loads(given["key"])
        found = self.items.get(key["item"]["S"])
        for made in program.all("TableItem"):
            item = json.loads(made.inputs.get("item", "{}"))
            is_it = key == {part: item.get(part) for part in key}
            if is_it and (found is None or "item" not in made.ignore_changes):
                found = item
        if found is None:
            raise Failed(NOT_FOUND)
        return {"item": json.dumps(found), "id": given["key"]}

    def _service(self, given: dict[str, Any], program: Program) -> dict[str, Any]:
        """A service that runs what was declared, or what ECS rolled it back to."""
        (made,) = (s for s in program.all("Service") if f"{s.name}{SUFFIX}" == given["serviceName"])
        running = self.rolled_back.get(made.name, made.inputs["taskDefinition"])
        events = [{"message": text, "createdAt": "", "id": ""} for text in self.events]
        return {"taskDefinition": running, "events": events, "id": made.name}

    def computed(self, request: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        """Outputs beside the inputs, with ARNs that tell what they belong to."""
        _, module, kind = request.type.split(":")
        service, physical = module.split("/")[0], str(inputs.get("name", f"{request.name}{SUFFIX}"))
        arn = f"arn:aws:{service}:{REGION}:{ACCOUNT}:{kind}/{physical}"
        found: dict[str, Any] = {"arn": arn}
        if kind != "Key":
            found["name"] = physical
        if kind == "Function":
            found["version"] = self.versions.get(request.name, "1")
            found["invokeArn"] = f"{arn}/invocations"
        if kind == "Alias":
            found["arn"] = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{inputs['functionName']}:{physical}"
            found["invokeArn"] = f"{found['arn']}/invocations"
        if request.type == "aws:eks/cluster:Cluster":
            found |= _control_plane(physical, inputs["vpcConfig"])
        if kind == "LaunchTemplate":
            found["latestVersion"] = 1
        if kind == "VpcEndpoint":
            found["prefixListId"] = f"pl-{request.name}"
        if kind == "Bucket":
            found["bucket"] = physical
        if kind == "Queue":
            found["url"] = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{physical}"
        if kind == "Api":
            found["executionArn"] = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{physical}"
        if kind == "Stage":
            found["invokeUrl"] = f"https://{inputs['apiId']}.execute-api.{REGION}.amazonaws.com/"
        return found

    def held(self, type_: str, id_: str, program: Program) -> dict[str, Any]:
        assert type_ == "aws:lambda/alias:Alias", type_
        function, name = id_.split("/")
        if self.alias is not None:
            return {"name": name, "functionName": function, "routingConfig": None, **self.alias}
        made = [r.inputs for r in program.all(type_) if r.inputs["functionName"] == function]
        assert len(made) == 1, (function, made)
        return made[0]


def _control_plane(name: str, network: Mapping[str, Any]) -> dict[str, Any]:
    """What EKS says of a cluster that is there."""
    return {
        "endpoint": f"https://{name}.gr7.{REGION}.eks.amazonaws.com",
        "certificateAuthority": {"data": "Q0E="},
        "vpcConfig": {**network, "clusterSecurityGroupId": f"sg-{name}", "vpcId": f"vpc-{name}"},
    }


def _existing_cluster(given: dict[str, Any]) -> dict[str, Any]:
    held = _control_plane(given["name"], {"subnetIds": ["subnet-x", "subnet-y"]})
    authority = held.pop("certificateAuthority")
    return {"name": given["name"], "id": given["name"], **held, "certificateAuthorities": [authority]}


def run(
    program: Callable[[], Any],
    world: World | None = None,
    *,
    preview: bool = False,
    stack: str = "test",
    config: Mapping[str, str] | None = None,
    secret_keys: tuple[str, ...] = (),
) -> Program:
    """Runs `program` to its end: every resource registered, every output and URN awaited."""
    recorded = Program()
    monitor = Recorder(recorded, world or World(), preview)

    async def main() -> None:
        Settings(
            project="agent-hosting",
            stack=stack,
            monitor=monitor,
            engine=_Engine(recorded),
            dry_run=preview,
            root_directory="/",
        )
        pulumi.runtime.settings.SETTINGS.callbacks = _Callbacks(recorded)  # pyright: ignore
        set_all_config(dict(config or {}), list(secret_keys))
        await run_in_stack(lambda: _finished(program))

    context = contextvars.copy_context()
    with asyncio.Runner() as runner:
        runner.get_loop().set_exception_handler(
            lambda loop, told: None
        )  # the first failure is raised; that is enough
        runner.run(main(), context=context)
    return recorded


def _finished(program: Callable[[], Any]) -> None:
    found = program()
    assert not inspect.isawaitable(found)


def refused(program: Callable[[], Any], world: World | None = None, **given: Any) -> str:
    """The text that Pulumi prints for `program`: that of a RunError, which has no traceback."""
    with pytest.raises(pulumi.RunError) as caught:
        run(program, world, **given)
    return str(caught.value)


def value(make: Callable[[], Any]) -> Any:
    """What the outputs inside `make()` come to."""
    return run(lambda: pulumi.export("value", make())).exports["value"]


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
