"""Judges a Pulumi program in a unit test: no engine, no account, no plugin.

`findings` runs the program under mocks, as Pulumi's own unit tests do, and judges what it asked for by all
rules. It needs the package `pulumi` and those that the program imports, nothing else.
"""

import json
import runpy
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from pulumi.runtime import rpc
from pulumi.runtime.mocks import MockCallArgs, MockResourceArgs, Mocks

from .framework.judge import Judge
from .framework.outcomes import Finding, Level, Outcome
from .framework.recording import Failed, Program, Recorder, State, run
from .framework.resource import Resource
from .framework.settings import Settings
from .framework.values import plain
from .rules import all_rules

__all__ = ["AwsMocks", "Finding", "Outcome", "findings", "judged", "program_resources", "recorded"]

ACCOUNT, REGION = "123456789012", "eu-west-1"
_MADE_UP = "-0a1b2c3"
"""What auto-naming adds."""


def findings(
    program: Callable[[], Any] | str | Path,
    *,
    environment: str = "",
    waivers: Iterable[Mapping[str, Any]] = (),
    levels: Mapping[str, Level | str] | None = None,
    mocks: Mocks | None = None,
    preview: bool = False,
    project: str = "project",
    stack: str = "test",
    config: Mapping[str, str] | None = None,
) -> list[Finding]:
    """What the pack says of a program: a function that makes resources, or the path of a program.

    `environment`, `waivers` and `levels` are those of the pack's config; the environment defaults to what
    the stack's name tells. `mocks` are those of `pulumi.runtime.set_mocks` and default to `AwsMocks`. With
    `preview` nothing is known that only a deployment tells, as in `pulumi preview` of a new stack.
    """
    made = recorded(program, mocks=mocks, preview=preview, project=project, stack=stack, config=config)
    said = {"environment": environment, "waivers": list(waivers), "levels": dict(levels or {})}
    return judged(program_resources(made), Settings.of(said, {}, stack))


def judged(resources: Iterable[Resource], settings: Settings | None = None) -> list[Finding]:
    """What all rules say of the resources."""
    return Judge(all_rules(), settings).everything(resources)


def recorded(
    program: Callable[[], Any] | str | Path,
    *,
    mocks: Mocks | None = None,
    preview: bool = False,
    project: str = "project",
    stack: str = "test",
    config: Mapping[str, str] | None = None,
) -> Program:
    """What the program asked for."""
    start = program if callable(program) else lambda: runpy.run_path(str(program), run_name="__main__")
    cloud = _Mocked(mocks or AwsMocks(), preview)
    return run(
        start,
        lambda made: Recorder(made, cloud),
        preview=preview,
        project=project,
        stack=stack,
        config=config,
    )


def program_resources(program: Program) -> list[Resource]:
    """What the program asked for and what the cloud made of it, as the engine hands both to the pack."""
    return [
        Resource(
            one.type,
            plain({**program.states.get(one.urn, {}), **one.inputs}, (rpc.UNKNOWN,)),
            one.urn,
            one.name,
            one.parent,
            one.made_from,
            one.protect,
        )
        for one in program.resources
        if not one.read
    ]


class _Mocked:
    """Answers a program as its mocks do."""

    def __init__(self, mocks: Mocks, preview: bool) -> None:
        self._mocks, self._preview = mocks, preview

    def answered(self, token: str, given: dict[str, Any]) -> State:
        answer: Any = self._mocks.call(MockCallArgs(token, given, ""))
        return answer[0] if isinstance(answer, tuple) else answer or {}

    def made(self, request: Any, inputs: dict[str, Any]) -> tuple[str, State]:
        if self._preview:
            return "", {}
        made, state = self._mocks.new_resource(
            MockResourceArgs(request.type, request.name, inputs, request.provider, "", request.custom)
        )
        return made or "", {key: value for key, value in state.items() if key not in inputs}

    def found(self, request: Any) -> State | None:
        if self._preview:
            return None
        asked = MockResourceArgs(request.type, request.name, {}, request.provider, request.id, True)
        return self._mocks.new_resource(asked)[1]


class AwsMocks(Mocks):
    """An account of AWS: names, ids and ARNs in AWS's form, so that policies that name them can be judged.

    A program that asks AWS for more than `answers` holds is told which answer is missing. Give it by the
    function's token: `AwsMocks({"aws:ec2/getVpc:getVpc": {"id": "vpc-1", "cidrBlock": "10.0.0.0/16"}})`.
    """

    def __init__(self, answers: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self.answers = {**_ANSWERS, **(answers or {})}

    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        return f"{args.name}{_MADE_UP}", {**made_by_aws(args.typ, args.name, args.inputs), **args.inputs}

    def call(self, args: MockCallArgs) -> Any:
        if args.token == "aws:iam/getPolicyDocument:getPolicyDocument":  # noqa: S105 - a function's token
            text = _document(args.args)
            return {"json": text, "minifiedJson": text, "id": "document"}
        if args.token not in self.answers:
            raise Failed(f"These mocks have no answer to {args.token}: give it, as `AwsMocks` tells.")
        return dict(self.answers[args.token])


_ANSWERS: Mapping[str, Mapping[str, Any]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": {
        "accountId": ACCOUNT,
        "arn": f"arn:aws:iam::{ACCOUNT}:role/deployer",
        "userId": "AROAEXAMPLE",
        "id": ACCOUNT,
    },
    "aws:index/getRegion:getRegion": {"name": REGION, "region": REGION, "id": REGION},
    "aws:index/getPartition:getPartition": {
        "partition": "aws",
        "dnsSuffix": "amazonaws.com",
        "reverseDnsPrefix": "com.amazonaws",
        "id": "aws",
    },
    "aws:index/getAvailabilityZones:getAvailabilityZones": {
        "names": [f"{REGION}{zone}" for zone in "abc"],
        "zoneIds": ["euw1-az1", "euw1-az2", "euw1-az3"],
        "id": REGION,
    },
}
_ARNS = {
    "s3": "arn:aws:s3:::{name}",
    "iam": "arn:aws:iam::{account}:{kind}/{name}",
    "sqs": "arn:aws:sqs:{region}:{account}:{name}",
    "sns": "arn:aws:sns:{region}:{account}:{name}",
    "lambda": "arn:aws:lambda:{region}:{account}:{kind}:{name}",
    "secretsmanager": "arn:aws:secretsmanager:{region}:{account}:secret:{name}-AbCdEf",
    "cloudwatch": "arn:aws:logs:{region}:{account}:log-group:{name}",
}
"""By service, where an ARN is not `arn:aws:SERVICE:REGION:ACCOUNT:KIND/NAME`."""


def made_by_aws(token: str, name: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What AWS tells of a resource once it is there; nothing where the type is another cloud's."""
    if not token.startswith("aws:"):
        return {}
    service, kind = token.split(":")[1].split("/")
    physical = next(
        (inputs[k] for k in ("name", "bucket") if isinstance(inputs.get(k), str)), name + _MADE_UP
    )
    arn = _ARNS.get(service, "arn:aws:{service}:{region}:{account}:{kind}/{name}").format(
        service=service, region=REGION, account=ACCOUNT, kind=kind, name=physical
    )
    found = {"arn": arn, "name": physical}
    if service == "lambda":
        found |= {"invokeArn": f"{arn}/invocations", "version": "1", "qualifiedArn": f"{arn}:1"}
    if service == "s3":
        found["bucket"] = physical
    if service == "sqs":
        found["url"] = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{physical}"
    if service == "kms":
        found["keyId"] = f"{name}{_MADE_UP}"
    return found


def _document(given: Mapping[str, Any]) -> str:
    """The JSON that `aws.iam.get_policy_document` makes of its arguments."""
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [_statement(one) for one in given.get("statements") or ()]}
    )


def _statement(given: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"Effect": given.get("effect", "Allow")}
    for key in ("Sid", "Actions", "NotActions", "Resources", "NotResources"):
        if found := given.get(key[0].lower() + key[1:]):
            made[key.removesuffix("s") if key != "Sid" else key] = found
    for key in ("Principals", "NotPrincipals"):
        held: dict[str, list[str]] = {}
        for principal in given.get(key[0].lower() + key[1:]) or ():
            held.setdefault(principal["type"], []).extend(principal["identifiers"])
        if held:
            made[key.removesuffix("s")] = "*" if held.get("*") == ["*"] else held
    conditions: dict[str, dict[str, list[str]]] = {}
    for tested in given.get("conditions") or ():
        conditions.setdefault(tested["test"], {})[tested["variable"]] = tested["values"]
    return {**made, **({"Condition": conditions} if conditions else {})}
