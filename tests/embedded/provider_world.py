"""The embedded cloud as a process of its own, and stacks that the real Pulumi deploys to it."""

import json
import os
import subprocess
import sys
import textwrap
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import grpc
from google.protobuf import struct_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

REGION, ACCOUNT = "eu-west-1", "123456789012"
_SECONDS = 240

PREAMBLE = """
import json
import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions as Opts

def raw(token, name, props, *outputs, opts=None):
    return pulumi.CustomResource(token, name, {**props, **dict.fromkeys(outputs)}, opts)

def trust(service="lambda.amazonaws.com"):
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]})
"""


@dataclass(frozen=True)
class RunningCloud:
    gateway_port: int
    provider_port: int

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self.gateway_port}"

    def client(self, service: str) -> Any:
        keys = {"aws_access_key_id": "embedded", "aws_secret_access_key": "embedded"}
        return boto3.client(service, endpoint_url=self.endpoint_url, region_name=REGION, **keys)  # type: ignore[call-overload]

    def check(self, token: str, properties: dict[str, Any]) -> dict[str, str]:
        """Property -> what the provider says against it, asked as the engine asks at preview."""
        inputs = struct_pb2.Struct()
        inputs.update(properties)
        asked = provider_pb2.CheckRequest(
            urn=f"urn:pulumi:test::project::{token}::thing",
            type=token,
            name="thing",
            news=inputs,
            randomSeed=b"seven77",
        )
        with grpc.insecure_channel(f"127.0.0.1:{self.provider_port}") as channel:
            said = provider_pb2_grpc.ResourceProviderStub(channel).Check(asked, timeout=30)
        return {failure.property: failure.reason for failure in said.failures}

    def recorded(self) -> list[tuple[str, str]]:
        """(type, id) of what is "recorded, not emulated"."""
        with urllib.request.urlopen(f"{self.endpoint_url}/_embedded/recorded", timeout=30) as answer:
            return [(token, resource_id) for token, resource_id in json.load(answer)]


@contextmanager
def running_cloud(state: Path) -> Iterator[RunningCloud]:
    """A cloud of one's own, ended by SIGTERM to its process."""
    state.mkdir(parents=True, exist_ok=True)
    with (state / "start.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "embedded_aws", "--state", str(state)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        process.stdout.close()
        assert line, (state / "start.log").read_text()
        ready = json.loads(line)
        yield RunningCloud(ready["gateway_port"], ready["provider_port"])
    finally:
        process.terminate()
        assert process.wait(_SECONDS) == 0, (state / "start.log").read_text()


@dataclass(frozen=True)
class Run:
    """What one run of Pulumi did."""

    said: str
    events: list[dict[str, Any]]

    def _steps(self) -> Iterator[dict[str, Any]]:
        for event in self.events:
            step = event.get("resourcePreEvent", {}).get("metadata")
            if step and not step["type"].startswith("pulumi:"):
                yield step

    def steps(self) -> list[tuple[str, str]]:
        """(logical name, operation) of each step that does something, in order."""
        return [
            (_name(s["urn"]), s["op"]) for s in self._steps() if s["op"] not in ("same", "read", "refresh")
        ]

    def changes(self) -> dict[str, str]:
        """Logical name -> operation; a replacement as a whole is `replace`."""
        shortest = {"create-replacement": "replace", "delete-replaced": "replace"}
        return {name: shortest.get(op, op) for name, op in self.steps()}

    def diff(self, name: str) -> dict[str, str]:
        """Property path -> kind of change, as Pulumi shows it."""
        found: dict[str, str] = {}
        for step in self._steps():
            if _name(step["urn"]) == name:
                found |= {k: v["diffKind"] for k, v in (step.get("detailedDiff") or {}).items()}
        return found

    def drift(self) -> dict[str, str]:
        """Logical name -> what a refresh found of it: update or delete."""
        found: dict[str, str] = {}
        for event in self.events:
            step = event.get("resOutputsEvent", {}).get("metadata")
            if step and step["op"] not in ("same", "read") and not step["type"].startswith("pulumi:"):
                found[_name(step["urn"])] = "delete" if step.get("new") is None else step["op"]
        return found

    def errors(self) -> dict[str, str]:
        """Logical name of the resource -> all that was said against it."""
        found: dict[str, str] = {}
        for event in self.events:
            said = event.get("diagnosticEvent", {})
            if said.get("severity") == "error":
                name = _name(said.get("urn", ""))
                found[name] = found.get(name, "") + said["message"]
        return found


def _name(urn: str) -> str:
    return urn.rsplit("::", 1)[-1]


@dataclass(frozen=True)
class Stack:
    """A project in a folder of its own, with its state beside it."""

    folder: Path
    tools: Path
    cloud: RunningCloud

    @property
    def id(self) -> str:
        """Unlike any other stack's on this cloud: the prefix of fixed names."""
        return self.folder.name

    def program(self, text: str) -> "Stack":
        given = f"stack_id = {self.id!r}\n"
        (self.folder / "__main__.py").write_text(PREAMBLE + given + textwrap.dedent(text))
        return self

    def up(self, *arguments: str, ok: bool = True) -> Run:
        return self.pulumi("up", "--yes", "--skip-preview", *arguments, ok=ok)

    def preview(self, *arguments: str, ok: bool = True) -> Run:
        return self.pulumi("preview", *arguments, ok=ok)

    def refresh_preview(self) -> Run:
        return self.pulumi("refresh", "--preview-only")

    def destroy(self, *arguments: str, ok: bool = True) -> Run:
        return self.pulumi("destroy", "--yes", "--skip-preview", *arguments, ok=ok)

    def pulumi(self, *arguments: str, ok: bool = True) -> Run:
        """Runs Pulumi and reads its events; a run that ends otherwise than `ok` says fails the test."""
        log = self.folder / "events.log"
        log.unlink(missing_ok=True)
        watched = arguments[0] in ("up", "preview", "refresh", "destroy")
        extra = ["--event-log", str(log)] if watched else []
        said = self._run(*arguments, *extra, ok=ok)
        events = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return Run(said, events)

    def outputs(self) -> dict[str, Any]:
        done = self._run("stack", "output", "--json", "--show-secrets")
        return json.loads(done)

    def state_text(self) -> str:
        """The file that Pulumi keeps, as it lies on disk."""
        return (self.folder / "state/.pulumi/stacks" / self.id / "test.json").read_text()

    def resources(self) -> dict[str, dict[str, Any]]:
        held = json.loads(self.state_text())["checkpoint"]["latest"].get("resources", [])
        return {_name(r["urn"]): r for r in held}

    def remote_id(self, name: str) -> str:
        return str(self.resources()[name]["id"])

    def create(self) -> "Stack":
        (self.folder / "state").mkdir(parents=True)
        (self.folder / "Pulumi.yaml").write_text(f"name: {self.id}\nruntime: python\n")
        self._run("stack", "init", "test", "--secrets-provider", "passphrase")
        return self

    def _run(self, *arguments: str, ok: bool = True) -> str:
        done = subprocess.run(
            [str(self.tools / "pulumi"), "--non-interactive", "--color", "never", *arguments],
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        said = done.stdout + done.stderr
        assert '/provider/engine.py"' not in said, f"a traceback of the provider:\n{said}"
        assert (done.returncode == 0) is ok, said
        return done.stdout if ok else said

    def _environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PULUMI_"))}
        path = [str(Path(sys.executable).parent), str(self.tools), os.environ.get("PATH", "")]
        return kept | {
            "PATH": os.pathsep.join(path),
            "PULUMI_HOME": str(self.folder.parent / "home"),
            "PULUMI_BACKEND_URL": f"file://{self.folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_DEBUG_PROVIDERS": f"aws:{self.cloud.provider_port}",
            "PULUMI_DEBUG_COMMANDS": "true",  # `--event-log`
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_EXPERIMENTAL": "true",
            "PULUMI_SKIP_CHECKPOINTS": "true",
            "AWS_ENDPOINT_URL": self.cloud.endpoint_url,
            "AWS_ACCESS_KEY_ID": "embedded",
            "AWS_SECRET_ACCESS_KEY": "embedded",
            "AWS_REGION": REGION,
            "PYTHONDONTWRITEBYTECODE": "1",
        }
