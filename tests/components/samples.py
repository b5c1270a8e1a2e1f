"""Valid inputs, one for each component: a test breaks one of them at a time."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import yaml

from agent_hosting import (
    Agent,
    AgentBudget,
    AgentBundle,
    AgentCluster,
    AgentIdentity,
    AgentNetwork,
    AgentPlatform,
    CanaryTraffic,
    CheckpointTable,
    EcsAgent,
    EksAgent,
    FrontDoor,
    LambdaAgent,
    RolloutGroup,
    RunQueue,
    SecretScope,
    ToolGateway,
)
from agent_hosting._packaging import Target, agent_archive, runtime_fingerprint
from agent_runtime.bundle import bundle_files, bundle_from_folder
from tests.components.recorder import ACCOUNT, REGION, Recorded

SECRET_TEXT = "sk-do-not-show-7f3a"
PLATFORM = {
    "control_table_name": "control",
    "control_table_arn": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/control",
    "boundary_arn": f"arn:aws:iam::{ACCOUNT}:policy/boundary",
    "rollout_boundary_arn": f"arn:aws:iam::{ACCOUNT}:policy/rollout-boundary",
    "cluster_name": "workers",
    "cluster_arn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/workers",
    "subnet_ids": ["subnet-a", "subnet-b"],
    "security_group_ids": ["sg-workers"],
}
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/agents/handbook@sha256:{'a' * 64}"
CLUSTER = {
    "cluster_name": "pods",
    "endpoint": f"https://pods.gr7.{REGION}.eks.amazonaws.com",
    "certificate_authority": "Q0E=",
    "kubeconfig": "{}",
    "namespaces": ["agents"],
    "subnet_ids": ["subnet-a", "subnet-b"],
    "security_group_ids": ["sg-cluster"],
    "aws_cidr_blocks": ["10.42.0.0/16", "52.94.24.0/23"],
}
KEY_ARN = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/queues"
TOPIC_ARN = f"arn:aws:sns:{REGION}:{ACCOUNT}:alerts"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/agent"
JWT = {"issuer": "https://login.example.com/", "audiences": ["agents"]}
MODEL = {
    "provider": "openai",
    "name": "model-2026-01-01",
    "input_usd_per_million_tokens": 1,
    "output_usd_per_million_tokens": 2,
    "api_key_secret": "api-key",
}
BEDROCK = {
    "provider": "bedrock",
    "name": "eu.maker.model-2026-01-01-v1:0",
    "input_usd_per_million_tokens": 1,
    "output_usd_per_million_tokens": 2,
}
TAGS = {"team": "search"}
ORDER_SCHEMA = {"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]}
READ_ORDERS = {
    "Sid": "ReadOrders",
    "Effect": "Allow",
    "Action": "dynamodb:GetItem",
    "Resource": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/orders",
}
DOOR_FUNCTION = {
    "label": "agent",
    "routes": ["POST /runs", "GET /runs/{id}"],
    "function_name": "function",
    "alias_name": "live",
    "alias_invoke_arn": "arn:invoke",
}


def agent_folder(root: Path, *, prompt: str = "Answer.", **manifest: Any) -> Path:
    """An agent's folder; `manifest` replaces fields of agent.yaml."""
    (root / "prompts").mkdir(parents=True, exist_ok=True)
    (root / "prompts" / "system.md").write_text(prompt)
    (root / "agent.py").write_text("def answer(run):\n    return {}\n")
    written = {
        "entrypoint": "agent:answer",
        "model": MODEL,
        "secrets": ["api-key"],
        "tools": ["search"],
        **manifest,
    }
    (root / "agent.yaml").write_text(yaml.safe_dump(written))
    return root


def packed(folder: Path) -> dict[str, str]:
    """A release by bundle id with its zip, as `agent-hosting release new` leaves it."""
    bundle = bundle_from_folder(folder, runtime_fingerprint=runtime_fingerprint())
    path, _ = agent_archive(
        bundle.bundle_id, bundle.canonical_json(), folder, bundle_files(folder), None, Target.of("arm64")
    )
    return {"bundle_id": bundle.bundle_id, "archive": str(path)}


def tools_folder(root: Path) -> Path:
    """A folder of tools that are functions."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "orders.py").write_text("def lookup(use):\n    return use.arguments\n\n\nrefund = lookup\n")
    return root


GATEWAY_TOOLS: dict[str, dict[str, Any]] = {
    "order_lookup": {
        "effect": "read",
        "version": "1.0.0",
        "input_schema": ORDER_SCHEMA,
        "entrypoint": "orders:lookup",
        "statements": [READ_ORDERS],
    },
    "refund": {
        "effect": "destructive",
        "version": "1.2.0",
        "entrypoint": "orders:refund",
        "roles": ["finance"],
        "secrets": ["bank-key"],
    },
    "crm": {
        "effect": "write",
        "version": "2.0.0",
        "url": "https://crm.example.com/notes",
        "authorization_secret": "crm-key",
    },
}


def gateway_args(source: str, **more: Any) -> dict[str, Any]:
    """Inputs of a ToolGateway that shows all that it can have."""
    tools = tools_folder(Path(source).with_name(f"{Path(source).name}-tools")) if source else Path()
    return {
        "source": str(tools),
        "tools": GATEWAY_TOOLS,
        "secrets": {
            "bank-key": pulumi.Output.secret(SECRET_TEXT),
            "crm-key": pulumi.Output.secret(SECRET_TEXT),
        },
        "destinations": ["crm.example.com"],
        "callers": {
            "handbook": {
                "client_id": "client-handbook",
                "client_secret": pulumi.Output.secret(SECRET_TEXT),
                "roles": ["finance"],
            },
            "desk": {"client_id": "client-desk", "is_agent": False},
        },
        "jwt": {**JWT, "audiences": ["tools"]},
        "token_url": "https://login.example.com/oauth2/token",
        "platform": PLATFORM,
        "tags": TAGS,
        **more,
    }


def empty_zip(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("agent.py", "")
    return path


def bundle_id(source: str | Path) -> str:
    return bundle_from_folder(source, runtime_fingerprint=runtime_fingerprint()).bundle_id


def lambda_args(source: str, **more: Any) -> dict[str, Any]:
    """Inputs of a LambdaAgent that shows all that it can have."""
    return {
        "releases": [{"source": source}],
        "monthly_budget_usd": 100,
        "jwt": JWT,
        "model_endpoint": "https://models.example.com/v1",
        "secrets": {"api-key": pulumi.Output.secret(SECRET_TEXT)},
        **more,
    }


ON_ECS: dict[str, Any] = {"architecture": "this-machine"}
"""What lets a working tree run on ECS without an image."""


def ecs_args(source: str) -> dict[str, Any]:
    """Inputs of an EcsAgent that shows all that it can have."""
    releases = [{"source": source, "image": IMAGE}]
    return lambda_args(source, releases=releases, secret_variables={"API_KEY": "api-key"})


def eks_args(source: str, **more: Any) -> dict[str, Any]:
    """Inputs of an EksAgent that shows all that it can have."""
    shown = {
        "releases": [{"source": source, "image": IMAGE}],
        "gateway": {"name": "inner", "namespace": "gateways", "hostnames": ["agents.example.com"]},
        "destinations": [{"cidr_block": "203.0.113.0/24", "port": 8443}],
    }
    return lambda_args(source, **{**shown, **more})


def given(component: type, name: str, source: str) -> dict[str, Any]:
    """Valid inputs of `component`. Called while a program runs: some are outputs."""
    return {
        AgentPlatform: lambda: {"containers": True, "tags": TAGS},
        AgentNetwork: lambda: {"boundary_arn": PLATFORM["boundary_arn"], "tags": TAGS},
        RunQueue: lambda: {"key_arn": KEY_ARN, "alarm_topic_arn": TOPIC_ARN, "tags": TAGS},
        EcsAgent: lambda: ecs_args(source),
        AgentCluster: lambda: {"boundary_arn": PLATFORM["boundary_arn"], "tags": TAGS},
        EksAgent: lambda: eks_args(source),
        AgentIdentity: lambda: {"boundary_arn": PLATFORM["boundary_arn"], "statements": [], "tags": TAGS},
        SecretScope: lambda: {
            "reader_role_arn": ROLE_ARN,
            "secrets": {"api-key": pulumi.Output.secret(SECRET_TEXT)},
            "tags": TAGS,
        },
        CheckpointTable: lambda: {"tags": TAGS},
        AgentBudget: lambda: {
            "agent_name": "handbook",
            "monthly_budget_usd": 100,
            "platform": PLATFORM,
            "tags": TAGS,
        },
        FrontDoor: lambda: {"functions": [DOOR_FUNCTION], "jwt": JWT, "tags": TAGS},
        CanaryTraffic: lambda: {
            "function_name": name,
            "versions": {"old": "1", "new": "2"},
            "shares": {"old": 0.95, "new": 0.05},
            "tags": TAGS,
        },
        AgentBundle: lambda: {"source": source},
        ToolGateway: lambda: gateway_args(source),
        LambdaAgent: lambda: lambda_args(source),
        Agent: lambda: lambda_args(source, run_profile={"longest_run_seconds": 20}),
        RolloutGroup: lambda: {
            "members": [
                {"name": f"{name[:30]}-{agent}", "agent": lambda_args(source, host="lambda")}
                for agent in ("search", "answers")
            ],
            "platform": PLATFORM,
        },
    }[component]()


COMPONENTS: list[type] = [
    AgentPlatform,
    AgentNetwork,
    AgentIdentity,
    SecretScope,
    CheckpointTable,
    RunQueue,
    AgentBudget,
    FrontDoor,
    CanaryTraffic,
    AgentBundle,
    LambdaAgent,
    EcsAgent,
    AgentCluster,
    EksAgent,
    Agent,
    RolloutGroup,
    ToolGateway,
]


def making(component: type, name: str, source: str = "", **changes: Any) -> Callable[[], Any]:
    """A program that makes one component from valid inputs, some of them changed; None takes one away."""

    def program() -> Any:
        args = given(component, name, source) | changes
        return component(name, {key: value for key, value in args.items() if value is not None})

    return program


def several(*programs: Callable[[], Any]) -> Callable[[], None]:
    def program() -> None:
        for each in programs:
            each()

    return program


def in_clear(resources: list[Recorded], text: str) -> list[str]:
    """Inputs that hold `text` without being marked secret, as `resource.path`."""
    found: list[str] = []

    def search(value: Any, path: str, resource: Recorded) -> None:
        if path in resource.secrets:
            return
        if isinstance(value, dict):
            for key, held in value.items():
                search(held, f"{path}.{key}".lstrip("."), resource)
        elif isinstance(value, list):
            for index, held in enumerate(value):
                search(held, f"{path}[{index}]", resource)
        elif text in str(value):
            found.append(f"{resource.name}: {path}")

    for resource in resources:
        search(resource.inputs, "", resource)
    return found
