"""What a stack has deployed, and clients of the cloud that it lies in."""

import getpass
import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from agent_hosting_cli import local
from agent_hosting_cli.clients import admin_client
from agent_hosting_cli.engine import LOCAL
from agent_hosting_cli.project import Project, UserError
from agent_runtime.audit.anchors import Anchors
from agent_runtime.audit.trail import NOT_KEPT, Trail
from agent_runtime.audit.writer import AuditTrail
from agent_runtime.blobs import BlobStore
from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.errors import AgentRuntimeError
from agent_runtime.spend.pots import Pots

_SECONDS: Final = 120


@dataclass(frozen=True)
class Deployed:
    """One agent of one stack. `client` makes a boto3 client of a service."""

    agent: str
    outputs: dict[str, Any]
    client: Callable[[str], Any]

    @property
    def control_table(self) -> str:
        return str(self.outputs["control_table_name"])

    @cached_property
    def trail(self) -> Trail:
        """The audit trail, for what a person does. One that was deployed before there was any has none."""
        group = str(self.outputs.get("audit_log_group_name") or "")
        if not group:
            return NOT_KEPT
        carried = {"agent": self.agent}
        return AuditTrail(self.client("logs"), group, self.anchors, kind="operator", carried=carried)

    @property
    def anchors(self) -> Anchors:
        """How far the trail goes."""
        days = int(self.outputs["audit_retention_days"])
        return Anchors(self.client("dynamodb"), self.control_table, self.agent, days, time.time)

    def checkpoints(self) -> CheckpointStore:
        """The agent's runs, without what lies in their bucket: no command reads or writes that."""
        table = str(self.outputs["checkpoint_table_name"])
        blobs = BlobStore(self.client("s3"), "")
        dynamodb = self.client("dynamodb")
        pots = Pots(CheckpointTable(dynamodb, self.control_table), self.agent)
        return CheckpointStore(dynamodb, table, blobs, agent=self.agent, pots=pots)


def deployed(project: Project, stack: str, agent: str) -> Deployed:
    """The agent as Pulumi's state has it: on the embedded cloud for the stack `local`, else with the
    credentials of the environment. Raises `UserError`."""
    if stack == LOCAL:
        cloud = local.require_cloud(project)
        return Deployed(agent, local.agent_of(project, agent), lambda service: admin_client(cloud, service))
    outputs, client = outputs_of(project, stack)
    if agent not in outputs:
        raise UserError(f"the stack {stack} has no agent {agent!r}; it has {', '.join(outputs) or 'none'}")
    return Deployed(agent, outputs[agent], client)


def audited(project: Project, stack: str, name: str) -> Deployed:
    """What has an audit trail under this name: the agent, or the stack's tool gateway. Raises `UserError`."""
    outputs, client = outputs_of(project, stack)
    gateway = outputs.get("tool_gateway")
    if isinstance(gateway, dict) and gateway.get("name") == name:
        return Deployed(name, gateway, client)
    return deployed(project, stack, name)


def outputs_of(project: Project, stack: str) -> tuple[dict[str, Any], Callable[[str], Any]]:
    """What the stack exports, by name, and what makes clients of the cloud that it lies in. Raises
    `UserError`."""
    if stack == LOCAL:
        cloud = local.require_cloud(project)
        return local.engine(project).outputs(), lambda service: admin_client(cloud, service)
    command = ["pulumi", "stack", "output", "--json", "--stack", stack, "--non-interactive"]
    try:
        done = subprocess.run(
            command, cwd=project.root, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(f"pulumi does not answer ({type(error).__name__}); is it on PATH?") from None
    if done.returncode != 0:
        raise UserError(f"pulumi cannot read the stack {stack}:\n{done.stderr.strip()}")
    outputs: dict[str, Any] = json.loads(done.stdout)
    session: Any = boto3.session.Session()
    return outputs, session.client


def who(client: Callable[[str], Any]) -> str:
    """Who moves traffic, for the history: the caller's ARN, and the user of this machine behind a role."""
    arn = str(client("sts").get_caller_identity()["Arn"])
    return f"{arn} ({os.environ.get('USER') or getpass.getuser()})"


def told(call: Callable[[], Any]) -> Any:
    """What the runtime and AWS refuse, as words for whoever called."""
    try:
        return call()
    except AgentRuntimeError as error:
        raise UserError(str(error)) from None
    except (ClientError, BotoCoreError) as error:
        raise UserError(f"AWS refused: {error}") from None
