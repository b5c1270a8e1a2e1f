"""The workers of a release on ECS: their container, their service, and the proof that they run."""

import hashlib
import json
import platform
from pathlib import Path
from typing import Any

import pytest

from agent_hosting import EcsAgent
from tests.components.ecs_agents import container, ecs_agent, environment
from tests.components.recorder import ACCOUNT, REGION, Program, World, refused
from tests.components.samples import BEDROCK, IMAGE, ON_ECS, PLATFORM, agent_folder, bundle_id, making


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(agent_folder(tmp_path_factory.mktemp("agent")))


@pytest.fixture(scope="module")
def made() -> dict[str, Program]:
    return {}


@pytest.fixture
def plain(source: str, made: dict[str, Program]) -> Program:
    """An agent on a shared platform. Run once, and only read."""
    return made.setdefault("plain", made.get("plain") or ecs_agent(source))


def test_the_worker_runs_the_pinned_image_as_nobody_with_nothing_to_write_but_tmp(
    source: str, plain: Program
) -> None:
    task, worker = plain.one("TaskDefinition").inputs, container(plain)
    assert (worker["name"], worker["image"]) == ("agent", IMAGE)
    assert worker["command"] == ["python", "-m", "agent_runtime", "work"]
    assert worker["user"] == "65532:65532"
    assert worker["readonlyRootFilesystem"] is True
    assert worker["linuxParameters"] == {"initProcessEnabled": True, "capabilities": {"drop": ["ALL"]}}
    assert worker["mountPoints"] == [{"sourceVolume": "scratch", "containerPath": "/tmp", "readOnly": False}]
    assert task["volumes"] == [{"name": "scratch"}]
    assert worker["stopTimeout"] == 110
    assert "dockerLabels" not in worker
    assert task["family"] == f"handbook-{bundle_id(source)}"


def test_the_task_is_fargates_on_arm_with_two_roles(plain: Program) -> None:
    task = plain.one("TaskDefinition").inputs
    assert (task["networkMode"], task["requiresCompatibilities"]) == ("awsvpc", ["FARGATE"])
    assert task["runtimePlatform"] == {"operatingSystemFamily": "LINUX", "cpuArchitecture": "ARM64"}
    assert (task["cpu"], task["memory"]) == ("256", "512")
    assert task["taskRoleArn"].endswith("Role/handbook-identity-0a1b2c3")
    assert task["executionRoleArn"].endswith("Role/handbook-execution-0a1b2c3")


def test_size_processor_and_time_to_stop_can_be_chosen(source: str) -> None:
    given = {"cpu_units": 2048, "memory_mb": 8192, "architecture": "x86_64", "stop_seconds": 60}
    program = ecs_agent(source, **given)
    task = program.one("TaskDefinition").inputs
    assert (task["cpu"], task["memory"]) == ("2048", "8192")
    assert task["runtimePlatform"]["cpuArchitecture"] == "X86_64"
    assert container(program)["stopTimeout"] == 60
    assert environment(program)["AGENT_STOP_SECONDS"] == "60"


def test_the_worker_logs_below_its_bundle_and_never_waits_for_it(source: str, plain: Program) -> None:
    assert container(plain)["logConfiguration"] == {
        "logDriver": "awslogs",
        "options": {
            "awslogs-group": "handbook-log-0a1b2c3",
            "awslogs-region": REGION,
            "awslogs-stream-prefix": bundle_id(source),
            "mode": "non-blocking",
            "max-buffer-size": "25m",
        },
    }


def test_the_worker_is_told_where_everything_is(source: str) -> None:
    program = ecs_agent(
        source, tools=["search"], tenants=["acme"], environment="staging", worker_concurrency=8
    )
    spend = {"agent": {"day_usd": 25.0, "hour_usd": 5.0, "month_usd": 100.0}}
    assert environment(program) == {
        "AGENT_SPEND": json.dumps(spend),
        "AGENT_ALERT_TOPIC": program.outputs_of("AgentBudget")["topic_arn"],
        "AGENT_NAME": "handbook",
        "AGENT_ENVIRONMENT": "staging",
        "AGENT_BUNDLE_ID": bundle_id(source),
        "AGENT_CHECKPOINT_TABLE": "handbook-checkpoints-0a1b2c3",
        "AGENT_CHECKPOINT_BUCKET": program.outputs_of("CheckpointTable")["bucket_name"],
        "AGENT_CHECKPOINT_RETENTION_DAYS": "30",
        "AGENT_CONTROL_TABLE": "control",
        "AGENT_AUDIT_LOG_GROUP": "handbook-audit-0a1b2c3",
        "AGENT_AUDIT_RETENTION_DAYS": "365",
        "AGENT_SECRETS": json.dumps({"api-key": SECRET}),
        "AGENT_MODEL_ENDPOINT": "https://models.example.com/v1",
        "AGENT_TOOLS": "search",
        "AGENT_SAMPLE_BASIS_POINTS": "100",
        "AGENT_QUEUE_URL": program.outputs_of("RunQueue")["queue_url"],
        "AGENT_WORKER_CONCURRENCY": "8",
        "AGENT_VISIBILITY_SECONDS": "90",
        "AGENT_MAX_RECEIVES": "5",
        "AGENT_STOP_SECONDS": "110",
        "AGENT_TENANT_SHARE": "0.5",
    }


SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:Secret/handbook-secrets-api-key-0a1b2c3"


def test_a_variable_is_filled_from_a_secret_by_its_arn_and_only_where_one_asks_for_it(
    source: str, plain: Program
) -> None:
    assert container(plain)["secrets"] == [{"name": "API_KEY", "valueFrom": SECRET}]
    assert container(ecs_agent(source, secret_variables=None))["secrets"] == []


def test_the_execution_role_reads_secrets_only_where_a_variable_needs_one(
    source: str, plain: Program
) -> None:
    def readers(program: Program) -> set[str]:
        (denied,) = program.one("SecretPolicy").document()["Statement"]
        arns = denied["Condition"]["ArnNotEquals"]["aws:PrincipalArn"]
        return {arn.rpartition("/")[2] for arn in arns}

    worker, execution = "handbook-identity-0a1b2c3", "handbook-execution-0a1b2c3"
    assert readers(plain) == {"deployer", worker, execution}
    assert readers(ecs_agent(source, secret_variables=None)) == {"deployer", worker}


def test_the_service_is_private_rolls_back_by_itself_and_is_awaited(plain: Program) -> None:
    service = plain.one("Service")
    assert service.inputs["networkConfiguration"] == {
        "subnets": PLATFORM["subnet_ids"],
        "securityGroups": PLATFORM["security_group_ids"],
        "assignPublicIp": False,
    }
    assert service.inputs["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert service.inputs["deploymentMinimumHealthyPercent"] == 100
    assert service.inputs["deploymentMaximumPercent"] == 200
    assert service.inputs["waitForSteadyState"] is True
    assert service.inputs["enableExecuteCommand"] is False
    assert service.inputs["propagateTags"] == "SERVICE"
    assert service.inputs["cluster"] == PLATFORM["cluster_arn"]
    assert service.inputs["desiredCount"] == 1, "a release proves itself with a task, even a candidate"
    assert service.ignore_changes == ("desiredCount",), "the scaling owns it"


@pytest.mark.parametrize(
    ("share", "strategy"),
    [
        (None, [("FARGATE", 1, 100)]),
        (0.7, [("FARGATE", 1, 30), ("FARGATE_SPOT", None, 70)]),
        (1, [("FARGATE", 1, 0), ("FARGATE_SPOT", None, 100)]),
    ],
)
def test_the_first_worker_is_never_on_spot(source: str, share: float | None, strategy: list[Any]) -> None:
    found = ecs_agent(source, spot_share=share).one("Service").inputs["capacityProviderStrategies"]
    assert [(s["capacityProvider"], s.get("base"), s["weight"]) for s in found] == strategy


def test_a_worker_starts_only_after_its_rights(plain: Program) -> None:
    rights = {plain.one("RolePolicy", f"handbook-{name}").urn for name in ("access", "execution-access")}
    assert rights <= plain.one("Service").depends_on


def test_a_worker_is_placed_once_its_cluster_has_capacity_and_its_network_a_way_out(source: str) -> None:
    program = ecs_agent(source, platform=None)
    way_out = program.one("Route", "handbook-platform-private-internet")
    needed = {program.one("ClusterCapacityProviders").urn, way_out.urn}
    assert needed <= program.one("Service").depends_on


def test_on_this_machine_the_zip_stands_for_the_image(source: str) -> None:
    program = ecs_agent(source, releases=[{"source": source}], **ON_ECS)
    worker = container(program)
    archive = worker["dockerLabels"]["agent-hosting.archive"]
    assert bundle_id(source) in Path(archive).name
    repository, _, digest = worker["image"].partition("@sha256:")
    assert repository == "this-machine/handbook"
    assert digest == sha256_of(archive)
    processor = {"aarch64": "ARM64", "arm64": "ARM64"}.get(platform.machine(), "X86_64")
    assert program.one("TaskDefinition").inputs["runtimePlatform"]["cpuArchitecture"] == processor


def sha256_of(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def test_an_agent_without_secrets_has_no_scope(tmp_path: Path) -> None:
    source = str(agent_folder(tmp_path / "agent", model=BEDROCK, secrets=[]))
    program = ecs_agent(source, secrets=None, secret_variables=None, model_endpoint=None)
    assert program.all("SecretScope") == []
    assert environment(program)["AGENT_SECRETS"] == "{}"
    assert "AGENT_MODEL_ENDPOINT" not in environment(program)


def test_a_release_that_ecs_rolled_back_fails_the_deployment_and_tells_why(source: str) -> None:
    service, bundle = f"handbook-{bundle_id(source)}", bundle_id(source)
    world = World(
        rolled_back={service: f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{service}:1"},
        events=["(service x) rolling back to y.", "(service x) deployment failed: tasks failed to start."],
    )
    said = refused(making(EcsAgent, "handbook", source, platform=PLATFORM), world)
    assert said.startswith(
        f"EcsAgent 'handbook': release {bundle} does not run. ECS rolled its service {service}-0a1b2c3 back "
        f"to {service}:1 in place of {service}-0a1b2c3. ECS said: (service x) rolling back to y. | "
        f"(service x) deployment failed: tasks failed to start. "
    )
    assert f"in streams that begin with {bundle}" in said


def test_nothing_of_a_release_that_was_rolled_back_is_recorded_and_no_run_goes_to_it(source: str) -> None:
    service = f"handbook-{bundle_id(source)}"
    world = World(rolled_back={service: f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/old:1"})
    refused(making(EcsAgent, "handbook", source, platform=PLATFORM), world)
    assert world.program is not None
    assert world.program.all("Service")
    items = [item.name for item in world.program.all("TableItem")]
    assert items == [f"handbook-manifest-{bundle_id(source)}"], (
        "what was tried stays known, and nothing points to it"
    )
