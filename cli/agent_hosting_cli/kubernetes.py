"""The Kubernetes cluster that a stack's agents on EKS run in: the embedded one, or the user's own."""

import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from agent_hosting_cli.project import Project, UserError
from embedded_aws.addresses import Addresses

_START_SECONDS = 240
_STACK = "local"


@dataclass(frozen=True)
class Access:
    """Where the cluster is, and the provider that deploys to it."""

    kubeconfig: str
    provider_port: int


def is_wanted(project: Project) -> bool:
    """Whether the stack `local` has an agent on EKS, or the user asks for one (`make up KUBERNETES=yes`)."""
    if os.environ.get("KUBERNETES") == "yes":
        return True
    try:
        config = yaml.safe_load(project.stack_file(_STACK).read_text())["config"]
        agents: dict[str, Any] = config["agent-hosting:agents"]
        return any(_is_on_eks(agent) for agent in agents.values())
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError):
        return False  # the stack's program says what is wrong with the file


def _is_on_eks(agent: dict[str, Any]) -> bool:
    """By its host, or by what only a pod gives. The stack's program decides; started in vain, a cluster does
    no harm."""
    profile = agent.get("run_profile") or {}
    needs_pod = profile.get("keeps_state_in_memory") or profile.get("needs_file_system")
    return agent.get("host") == "eks" or (agent.get("host") is None and bool(needs_pod))


def own_cluster(project: Project) -> str | None:
    """The kubeconfig of the user's own cluster. The embedded cluster's, which `agent-hosting env` exports, is
    none."""
    named = os.environ.get("KUBECONFIG")
    if not named or Path(named).resolve().is_relative_to(project.cloud.resolve()):
        return None
    if not Path(named).is_file():
        raise UserError(
            f"KUBECONFIG names {named}, which is no file: name one kubeconfig, or unset it to have the "
            f"embedded cluster"
        )
    return str(Path(named).resolve())


def start(project: Project, cloud: Addresses, say: Callable[[str], None]) -> Access:
    """The cluster, started if it does not run yet."""
    own = own_cluster(project)
    say(f"using the cluster of {own}" if own else "waiting for the API server and its controllers")
    asked = urllib.request.Request(
        f"{cloud.endpoint_url}/_embedded/kubernetes/start",
        data=json.dumps({"kubeconfig": own} if own else {}).encode(),
        method="POST",
    )
    try:
        with urllib.request.urlopen(asked, timeout=_START_SECONDS) as answer:
            said = json.loads(answer.read())
    except urllib.error.HTTPError as error:
        raise UserError(f"the cluster did not start: {_reason(error)}") from None
    except OSError as error:
        raise UserError(f"the embedded cloud did not answer: {error}; see {project.cloud}") from None
    return _access(said)


def attached(project: Project) -> Access | None:
    """The cluster that the running cloud serves already."""
    try:
        return _access(json.loads((project.cloud / "kubernetes.json").read_text()))
    except (OSError, ValueError, KeyError):
        return None


def _access(said: Any) -> Access:
    return Access(said["kubeconfig"], said["provider_port"])


def _reason(error: urllib.error.HTTPError) -> str:
    text = error.read().decode(errors="replace")
    try:
        return json.loads(text)["error"]
    except (ValueError, KeyError, TypeError):
        return text
