"""A project of one's own, deployed through the real command line."""

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import yaml

from agent_hosting_cli import cloud_process
from agent_hosting_cli.project import Project

ROOT = Path(__file__).parents[2]
COMMAND = Path(sys.executable).parent / "agent-hosting"
_SECONDS = 420


@dataclass(frozen=True)
class Deployment:
    """A copy of the project in a folder of its own, with its own embedded cloud."""

    root: Path
    saves_each_step: bool = False
    """Whether Pulumi writes its state after each resource, as it does for users: where nobody kills it, that
    is most of its time."""

    def run(self, *arguments: str, ok: bool = True) -> str:
        """What the command printed; fails the test when it ends otherwise than `ok` says."""
        done = subprocess.run(
            [str(COMMAND), *arguments],
            cwd=self.root,
            env=self.env(),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )
        said = done.stdout + done.stderr
        assert (done.returncode == 0) is ok, said
        assert "Traceback" not in said, said
        return done.stdout if ok else said

    def stop(self) -> None:
        """Ends the cloud with all that it holds. What `down` destroys before, its own tests look at."""
        cloud_process.stop(Project(self.root))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(COMMAND), *arguments],
            cwd=self.root,
            env=self.env(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def env(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PULUMI_"))}
        fast = {"PULUMI_EXPERIMENTAL": "true", "PULUMI_SKIP_CHECKPOINTS": "true"}
        fast = {} if self.saves_each_step else fast
        return {**kept, **fast, "AGENT_SECRET_SECOND_MODEL_API_KEY": "local-key"}

    def pulumi(self, *arguments: str, ok: bool = True) -> str:
        """Pulumi itself, in the environment that `agent-hosting env` prints, as a user would call it."""
        exports = self.run("env")
        script = f'{exports}\nexec pulumi --non-interactive --color never "$@"'
        done = subprocess.run(
            ["sh", "-c", script, "sh", *arguments],
            cwd=self.root,
            env=self.env(),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )
        said = done.stdout + done.stderr
        assert (done.returncode == 0) is ok, said
        return said

    def status(self) -> dict[str, Any]:
        return json.loads(self.run("status", "--json"))

    def cloud(self) -> dict[str, Any]:
        return json.loads((self.root / ".agent-hosting" / "cloud" / "cloud.json").read_text())

    def client(self, service: str, *, role_arn: str | None = None) -> Any:
        """A client of the embedded AWS, as its administrator or as a role."""
        keys = {"aws_access_key_id": "embedded", "aws_secret_access_key": "embedded"}
        if role_arn is not None:
            made = self.client("sts").assume_role(RoleArn=role_arn, RoleSessionName="reviewer")["Credentials"]
            keys = {
                "aws_access_key_id": made["AccessKeyId"],
                "aws_secret_access_key": made["SecretAccessKey"],
                "aws_session_token": made["SessionToken"],
            }
        url = f"http://127.0.0.1:{self.cloud()['gateway_port']}"
        return boto3.client(service, endpoint_url=url, region_name="eu-west-1", **keys)

    def embedded(self, path: str) -> Any:
        """Has the embedded cloud do what it would do by itself in time, such as `schedules/run?rule=NAME`."""
        url = f"http://127.0.0.1:{self.cloud()['gateway_port']}/_embedded/{path}"
        with urllib.request.urlopen(urllib.request.Request(url, b"", method="POST"), timeout=90) as reply:
            return json.loads(reply.read())

    def call_rule(self, prefix: str) -> None:
        """As the schedule does whose name begins like this."""
        rules = self.client("events").list_rules(NamePrefix=prefix)["Rules"]
        assert self.embedded(f"schedules/run?rule={rules[0]['Name']}") == {"called": 1}

    def edit(self, stack: str = "local") -> "StackFile":
        return StackFile(self.root / "stacks" / f"Pulumi.{stack}.yaml")


class StackFile:
    """Edits a stack's YAML as a user would: `with deployment.edit() as config: …`"""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> dict[str, Any]:
        self._held: dict[str, Any] = yaml.safe_load(self._path.read_text())
        return self._held["config"]

    def __exit__(self, *_: object) -> None:
        self._path.write_text(yaml.safe_dump(self._held, sort_keys=False))


def checkout(root: Path) -> Path:
    """A copy of what is deployed, in the empty folder `root`."""
    root.mkdir(parents=True, exist_ok=True)
    for name in ("Pulumi.yaml", "stacks", "examples"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, root / name)
    return root
