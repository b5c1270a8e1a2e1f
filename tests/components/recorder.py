"""An AWS account for components under test, in which what their programs ask for is recorded.

Programs run in `policies.framework.recording`, as those of the pack's users do; the world below answers as
AWS would.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest
from pulumi.runtime import resource as registration
from pulumi.runtime import rpc
from pulumi.runtime import stack as running
from pulumi.runtime.proto import source_pb2

from policies.framework import recording
from policies.framework.recording import Failed, Program, Recorded

ACCOUNT, REGION = "123456789012", "eu-west-1"
DEPLOYER = f"arn:aws:iam::{ACCOUNT}:role/deployer"
SUFFIX = "-0a1b2c3"
"""What auto-naming adds: a physical name is never the logical one, so that a mix-up shows."""
NOT_FOUND = "invocation returned an error: ResourceNotFoundException: Requested resource not found"
VPC_BLOCK = "10.42.0.0/16"
PREFIX_LISTS = {"s3": "52.218.0.0/17", "dynamodb": "52.94.24.0/23"}
"""Addresses of the services whose endpoints are routes."""

__all__ = ["Program", "Recorded", "World", "fails", "refused", "run", "value"]


async def _until_all_are_done_or_one_failed(outputs: Any, **_: Any) -> Any:
    return await asyncio.wait(outputs, return_when=asyncio.FIRST_EXCEPTION)


# Two fifths of each run went there. Pulumi waits for its outputs one by one, each time for all that are left;
# and it reads the stack of calls of each resource, for an engine that would show it.
running.asyncio = SimpleNamespace(**{**vars(asyncio), "wait": _until_all_are_done_or_one_failed})  # type: ignore[attr-defined]
registration._get_stack_trace = source_pb2.StackTrace

Answer = Callable[[dict[str, Any]], dict[str, Any]]


def fails(message: str = NOT_FOUND) -> Answer:
    def answer(given: dict[str, Any]) -> dict[str, Any]:
        raise Failed(message)

    return answer


class Recorder(recording.Recorder):
    """The monitor of a program in the account of `world`."""

    def __init__(self, program: Program, world: "World", preview: bool) -> None:
        world.program = program
        super().__init__(program, _Account(world, preview))


class _Account:
    """What `recording` asks of a cloud, answered by a world."""

    def __init__(self, world: "World", preview: bool) -> None:
        self._world, self._nothing_is_there = world, preview and not world.deployed

    def answered(self, token: str, given: dict[str, Any]) -> Mapping[str, Any]:
        assert self._world.program is not None
        return self._world.answer(token.rpartition(":")[2], given, self._world.program)

    def found(self, request: Any) -> Mapping[str, Any] | None:
        if self._nothing_is_there:
            if request.id != rpc.UNKNOWN:
                raise Failed(f"reading {request.type} {request.id}: couldn't find resource")
            return None
        assert self._world.program is not None
        return self._world.held(request.type, request.id, self._world.program)

    def made(self, request: Any, inputs: dict[str, Any]) -> tuple[str, Mapping[str, Any]]:
        if self._nothing_is_there:  # the engine knows neither ids nor anything computed before it deploys
            return "", {}
        computed = self._world.computed(request, inputs)
        beside = {k: v for k, v in computed.items() if k not in inputs or k == "vpcConfig"}
        return f"{request.name}{SUFFIX}", beside


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
    """Runs `program` to its end in `world`."""
    world = world or World()
    return recording.run(
        program,
        lambda recorded: Recorder(recorded, world, preview),
        preview=preview,
        project="agent-hosting",
        stack=stack,
        config=config,
        secret_keys=secret_keys,
    )


def refused(program: Callable[[], Any], world: World | None = None, **given: Any) -> str:
    """The text that Pulumi prints for `program`: that of a RunError, which has no traceback."""
    with pytest.raises(pulumi.RunError) as caught:
        run(program, world, **given)
    return str(caught.value)


def value(make: Callable[[], Any]) -> Any:
    """What the outputs inside `make()` come to."""
    return run(lambda: pulumi.export("value", make())).exports["value"]
