"""Long agent runs on SQS and ECS: every part of an agent, and how the parts hang together."""

import json

import pytest

from agent_hosting.front_door import STATUS_ROUTES
from tests.components.audit_parts import AUDIT_PARTS
from tests.components.ecs_agents import ecs_agent, environment
from tests.components.recorder import Program, Recorded
from tests.components.samples import agent_folder, bundle_id


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


FUNCTIONS = ("submit", "status", "reaper")


def function(program: Program, label: str) -> Recorded:
    return program.one("Function", f"handbook-{label}")


def test_an_agent_is_made_of_these_parts(source: str, plain: Program) -> None:
    release = f"handbook-{bundle_id(source)}"
    assert {(t.rpartition(":")[2], n) for t, n, parent in plain.tree() if parent == "handbook"} == {
        ("AgentIdentity", "handbook-identity"),
        ("AgentIdentity", "handbook-execution"),
        ("RolePolicy", "handbook-access"),
        ("RolePolicy", "handbook-execution-access"),
        ("CheckpointTable", "handbook-checkpoints"),
        ("SecretScope", "handbook-secrets"),
        ("AgentBudget", "handbook-budget"),
        ("AgentWatch", "handbook-watch"),
        ("RolloutController", "handbook-rollout"),
        ("LogGroup", "handbook-log"),
        ("Key", "handbook-queues-key"),
        ("RunQueue", release),
        ("TaskDefinition", release),
        ("Service", release),
        ("Target", release),
        ("Policy", f"{release}-backlog"),
        ("Policy", f"{release}-wake"),
        ("MetricAlarm", f"{release}-asleep"),
        ("TableItem", f"handbook-manifest-{bundle_id(source)}"),
        ("TableItem", f"handbook-release-{bundle_id(source)}"),
        ("TableItem", "handbook-traffic"),
        *((kind, f"handbook-{label}") for kind in ("AgentIdentity", "Function") for label in FUNCTIONS),
        *(("LogGroup", f"handbook-{label}-log") for label in FUNCTIONS),
        ("Alias", "handbook-submit-live"),
        ("Alias", "handbook-status-live"),
        ("FunctionEventInvokeConfig", "handbook-reaper-async"),
        ("EventRule", "handbook-reaper"),
        ("EventTarget", "handbook-reaper-target"),
        ("Permission", "handbook-reaper-permission"),
        ("MetricAlarm", "handbook-reaper-errors"),
        ("FrontDoor", "handbook-door"),
        *AUDIT_PARTS,
    }


def test_without_a_platform_the_agent_makes_one_for_containers(source: str) -> None:
    program = ecs_agent(source, platform=None)
    assert program.one("AgentPlatform").parent_name == "handbook"
    service, made = program.one("Service").inputs, program.outputs_of("AgentPlatform")
    assert service["cluster"] == made["cluster_arn"]
    assert service["networkConfiguration"]["subnets"] == made["subnet_ids"]


def test_the_queue_is_under_the_agents_key_and_held_to_the_agents_times(source: str) -> None:
    given = {
        "visibility_seconds": 60,
        "max_receives": 7,
        "queue_retention_days": 2,
        "dead_letter_retention_days": 3,
        "checkpoint_retention_days": 4,
        "longest_run_seconds": 100_000,
    }
    program, release = ecs_agent(source, **given), f"handbook-{bundle_id(source)}"
    queue = program.one("Queue", release).inputs
    assert queue["kmsMasterKeyId"].endswith("Key/handbook-queues-key-0a1b2c3")
    assert (queue["visibilityTimeoutSeconds"], queue["messageRetentionSeconds"]) == (60, 2 * 86_400)
    assert json.loads(queue["redrivePolicy"])["maxReceiveCount"] == 7
    assert program.one("Queue", f"{release}-dead").inputs["messageRetentionSeconds"] == 3 * 86_400
    alarm = program.one("MetricAlarm", f"{release}-oldest").inputs
    assert alarm["threshold"] == 43_200 + 900, "after 12 hours a run goes on under a new message"
    assert alarm["alarmActions"] == [program.outputs_of("EcsAgent")["topic_arn"]]
    assert environment(program)["AGENT_MAX_RECEIVES"] == "7"


def test_what_belongs_to_a_release_bears_its_bundle_as_a_tag(source: str, plain: Program) -> None:
    bundle = bundle_id(source)
    release = [r for r in plain.resources if bundle in r.name and "tags" in r.inputs]
    assert {r.inputs["tags"]["bundle"] for r in release} == {bundle}
    assert {r.type.rpartition(":")[2] for r in release} >= {
        "Queue",
        "TaskDefinition",
        "Service",
        "MetricAlarm",
    }


def test_submit_and_status_stand_behind_the_door_each_with_its_routes(plain: Program) -> None:
    answered: dict[str, set[str]] = {}
    for route in plain.all("Route"):
        label = route.inputs["target"].removeprefix("integrations/handbook-door-").removesuffix("-0a1b2c3")
        answered.setdefault(label, set()).add(route.inputs["routeKey"])
    assert answered == {"submit": {"POST /runs", "POST /uploads"}, "status": set(STATUS_ROUTES)}
    for label in ("submit", "status"):
        alias = plain.one("Alias", f"handbook-{label}-live").inputs
        assert (alias["name"], alias["functionName"]) == ("live", f"handbook-{label}-0a1b2c3")
        assert plain.one("Permission", f"handbook-door-{label}-permission").inputs["qualifier"] == "live"


def test_the_functions_hold_the_runtime_alone_and_are_bounded(plain: Program) -> None:
    archives = {function(plain, label).inputs["code"]["path"] for label in FUNCTIONS}
    assert len(archives) == 1
    assert "/functions-" in archives.pop()
    for label in FUNCTIONS:
        held = function(plain, label).inputs
        assert held["handler"] == f"agent_runtime.hosts.{label}.handler"
        assert (held["runtime"], held["architectures"]) == ("python3.13", ["arm64"])
        assert 1 <= held["reservedConcurrentExecutions"] <= 20
        assert held["timeout"] < 60
        assert held["publish"] is True
        assert held["tracingConfig"] == {"mode": "Active"}
        assert held["loggingConfig"]["logGroup"] == f"handbook-{label}-log-0a1b2c3"


def test_the_functions_are_told_every_queue_and_those_behind_the_door_who_is_let_in(source: str) -> None:
    program = ecs_agent(source, tenants=["acme", "zeta"])
    for label in FUNCTIONS:
        told = function(program, label).inputs["environment"]["variables"]
        queues = json.loads(told.pop("AGENT_QUEUES"))
        assert queues == {bundle_id(source): program.outputs_of("RunQueue")["queue_url"]}
        assert told.pop("AGENT_TENANTS", None) == (None if label == "reaper" else "acme,zeta")
        assert ("AGENT_SPEND" in told) is (label != "reaper")
        told.pop("AGENT_SPEND", None)
        assert set(told) == {
            "AGENT_AUDIT_LOG_GROUP",
            "AGENT_AUDIT_RETENTION_DAYS",
            "AGENT_NAME",
            "AGENT_ENVIRONMENT",
            "AGENT_CHECKPOINT_TABLE",
            "AGENT_CHECKPOINT_BUCKET",
            "AGENT_CHECKPOINT_RETENTION_DAYS",
            "AGENT_CONTROL_TABLE",
            "AGENT_MAX_RECEIVES",
            "AGENT_OBSERVE",
        }


def test_the_reaper_is_called_each_minute_by_its_own_rule_and_its_failures_are_heard(plain: Program) -> None:
    rule = plain.one("EventRule", "handbook-reaper")
    assert rule.inputs["scheduleExpression"] == "rate(1 minute)"
    target = plain.one("EventTarget", "handbook-reaper-target").inputs
    assert (target["rule"], target["arn"].rpartition("/")[2]) == (
        "handbook-reaper-0a1b2c3",
        "handbook-reaper-0a1b2c3",
    )
    allowed = plain.one("Permission", "handbook-reaper-permission").inputs
    assert allowed["principal"] == "events.amazonaws.com"
    assert allowed["sourceArn"].endswith("EventRule/handbook-reaper-0a1b2c3")
    repeated = plain.one("FunctionEventInvokeConfig", "handbook-reaper-async").inputs
    assert (repeated["maximumRetryAttempts"], repeated["maximumEventAgeInSeconds"]) == (0, 60)
    alarm = plain.one("MetricAlarm", "handbook-reaper-errors").inputs
    assert alarm["dimensions"] == {"FunctionName": "handbook-reaper-0a1b2c3"}
    assert alarm["alarmActions"] == [plain.outputs_of("EcsAgent")["topic_arn"]]


def test_without_an_issuer_there_is_no_door_at_all(source: str) -> None:
    program = ecs_agent(source, jwt=None)
    assert not [r for r in program.resources if "apigateway" in r.type]
    assert program.outputs_of("EcsAgent")["url"] == ""


def test_the_outputs_name_what_a_caller_and_an_operator_need(source: str, plain: Program) -> None:
    outputs, bundle = plain.outputs_of("EcsAgent"), bundle_id(source)
    queue = plain.outputs_of("RunQueue")
    assert outputs["bundle_id"] == bundle
    assert outputs["serving"] == {bundle: 1}
    assert outputs["function_name"] == "handbook-submit-0a1b2c3"
    assert outputs["service_names"] == {bundle: f"handbook-{bundle}-0a1b2c3"}
    assert outputs["queue_urls"] == {bundle: queue["queue_url"]}
    assert outputs["dead_letter_queue_urls"] == {bundle: queue["dead_letter_queue_url"]}
    assert outputs["cluster_name"] == "workers"
    assert outputs["control_table_name"] == "control"
    assert outputs["checkpoint_table_name"] == "handbook-checkpoints-0a1b2c3"
    assert outputs["log_group_name"] == "handbook-log-0a1b2c3"
    assert outputs["role_arn"].endswith("Role/handbook-identity-0a1b2c3")
    assert outputs["url"] == plain.outputs_of("FrontDoor")["url"]
