"""Runs Pulumi's command line for a project."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from agent_hosting_cli.kubernetes import Access
from agent_hosting_cli.project import Project, UserError
from embedded_aws.addresses import Addresses

LOCAL = "local"
_SIGNED = "4dabf18193072939515e22adb298388d"
"""Key of an object that stands for a value which the engine knows more of:
a secret, whose text is encrypted in the file."""
PASSPHRASE = "embedded"  # noqa: S105 -- public on purpose: the stack `local` holds nothing but examples
LOCAL_SECRET = "local-key"  # noqa: S105  what the embedded model takes, as it takes any
_SECONDS = 1800


@dataclass(frozen=True)
class Engine:
    """Pulumi for the stack `local` of one project, attached to its embedded cloud."""

    project: Project
    tools: Path
    cloud: Addresses
    kubernetes: Access | None = None
    """The cluster of the agents on EKS, where the stack has one."""

    def up(self, *, refresh: bool, say: Callable[[str], None]) -> str:
        """Deploys the stack; returns what Pulumi printed."""
        (self.project.kept / "state").mkdir(parents=True, exist_ok=True)
        if not self.has_stack():
            self._run("stack", "select", LOCAL, "--create")
        arguments = ["up", "--yes", "--skip-preview", "--stack", LOCAL, *(["--refresh"] if refresh else [])]
        return self._run(*arguments, say=say)

    def destroy(self) -> str:
        """All of the stack goes, so that the hooks that guard single releases are taken off its state: with
        them Pulumi would have to run the program, which may be what is wrong."""
        if any("resourceHooks" in resource for resource in self.saved().get("resources") or []):
            held = self.export()
            self.replace_state({**held, "deployment": without_hooks(held["deployment"])})
        return self._run("destroy", "--yes", "--skip-preview", "--stack", LOCAL)

    def outputs(self) -> dict[str, Any]:
        """What the stack's program exports."""
        stack = [r for r in self.saved().get("resources") or [] if r["type"] == "pulumi:pulumi:Stack"]
        found: dict[str, Any] = (stack[0].get("outputs") or {}) if stack else {}
        if _SIGNED in json.dumps(found):
            return json.loads(self._run("stack", "output", "--json", "--stack", LOCAL))
        return found

    def saved(self) -> dict[str, Any]:
        """The deployment as the file of the local backend has it, its secrets encrypted. Pulumi's command
        takes a second and more to tell the same."""
        for path in self._state_files():
            return json.loads(path.read_text())["checkpoint"].get("latest") or {}
        return {}

    def has_stack(self) -> bool:
        return bool(self._state_files())

    def _state_files(self) -> list[Path]:
        return list((self.project.kept / "state" / ".pulumi" / "stacks").rglob(f"{LOCAL}.json"))

    def export(self) -> dict[str, Any]:
        return json.loads(self._run("stack", "export", "--stack", LOCAL))

    def replace_state(self, state: dict[str, Any]) -> None:
        """Makes `state`, in the form of `export`, that of the stack."""
        edited = self.project.kept / "edited-state.json"
        edited.write_text(json.dumps(state))
        self._run("stack", "import", "--stack", LOCAL, "--file", str(edited))
        edited.unlink()

    def run(self, *arguments: str) -> str:
        return self._run(*arguments, "--stack", LOCAL)

    def _run(self, *arguments: str, say: Callable[[str], None] | None = None) -> str:
        command = [str(self.tools / "pulumi"), "--non-interactive", "--color", "never", *arguments]
        process = subprocess.Popen(
            command,
            cwd=self.project.root,
            env={**os.environ, **self.environment()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if say else subprocess.PIPE,
            text=True,
        )
        watchdog = threading.Timer(_SECONDS, process.kill)
        watchdog.start()
        try:
            if say is None:
                out, err = process.communicate()
            else:
                out, err = _followed(process, say), ""
        finally:
            watchdog.cancel()
        if process.returncode != 0:
            raise UserError(f"pulumi {arguments[0]} failed:\n{_reason(out + err)}")
        return out

    def environment(self) -> Mapping[str, str]:
        """What Pulumi and the stack's program need to know of this machine."""
        path = (
            f"{Path(sys.executable).parent}{os.pathsep}{self.tools}{os.pathsep}{os.environ.get('PATH', '')}"
        )
        return {
            "PATH": path,
            "PULUMI_BACKEND_URL": self.project.backend_url,
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,  # the salt in Pulumi.local.yaml belongs to it
            "PULUMI_DEBUG_PROVIDERS": ",".join(self._providers()),
            # Without these two each call asks the network for plugins and for newer versions.
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "AWS_ENDPOINT_URL": self.cloud.endpoint_url,
            "AWS_ACCESS_KEY_ID": "embedded",
            "AWS_SECRET_ACCESS_KEY": "embedded",
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",  # boto3 reads this one alone
            "EMBEDDED_ISSUER": self.cloud.issuer_url,
            "EMBEDDED_MODEL_ENDPOINT": self.cloud.model_url,
            **({"KUBECONFIG": self.kubernetes.kubeconfig} if self.kubernetes else {}),
            **self._secrets(),
        }

    def _providers(self) -> list[str]:
        ours = [f"aws:{self.cloud.provider_port}"]
        return [*ours, f"kubernetes:{self.kubernetes.provider_port}"] if self.kubernetes else ours

    def _secrets(self) -> dict[str, str]:
        """Values of the stack's secrets: the embedded model takes any. The environment's own go first."""
        try:
            config = yaml.safe_load(self.project.stack_file(LOCAL).read_text())["config"]
            agents: dict[str, Any] = config["agent-hosting:agents"]
            names = [secret_variable(agent, name) for agent in agents for name in agents[agent]["secrets"]]
            gateway: dict[str, Any] = config.get("agent-hosting:tool_gateway") or {}
            names += [secret_variable(caller, "tool-gateway") for caller in gateway.get("callers", {})]
            names += [secret_variable("tool-gateway", name) for name in gateway.get("secrets", [])]
        except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError):
            return {}  # the stack's program says what is wrong with the file
        return {name: os.environ.get(name, LOCAL_SECRET) for name in names}


def without_hooks(deployment: dict[str, Any]) -> dict[str, Any]:
    """The deployment with no resource bound to a hook of a program."""
    bare = [
        {key: value for key, value in resource.items() if key != "resourceHooks"}
        for resource in deployment["resources"]
    ]
    return {**deployment, "resources": bare}


def secret_variable(agent: str, secret: str) -> str:
    """Where the stack's program looks for a secret's value."""
    return re.sub(r"\W", "_", f"AGENT_SECRET_{agent}_{secret}").upper()


def _followed(process: "subprocess.Popen[str]", say: Callable[[str], None]) -> str:
    """All that Pulumi prints; its lines about resources are said as they come."""
    assert process.stdout is not None
    said: list[str] = []
    for line in process.stdout:
        said.append(line)
        if any(kind in line for kind in (" aws:", " kubernetes:", "agent-hosting:")):
            say(" ".join(line.split()))
    process.wait()
    return "".join(said)


def _reason(said: str) -> str:
    """The part of Pulumi's output that says why."""
    if "the stack is currently locked" in said:
        return (
            "another deployment of this stack is under way (Pulumi holds its lock). Wait for it to "
            "end and run this again. "
            "If none runs any more, `agent-hosting up` clears the lock by itself once its process is gone; "
            "`pulumi cancel` does it by hand.\n" + said.strip()
        )
    _, _, diagnostics = said.partition("Diagnostics:")
    return (diagnostics or said).strip()[-6000:]
