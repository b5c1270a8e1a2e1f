"""Short agent turns on Lambda: every part of an agent, and how the parts hang together."""

import json
from pathlib import Path
from typing import Any

import pytest

from agent_hosting import LambdaAgent
from agent_hosting.front_door import STATUS_ROUTES
from tests.components.audit_parts import AUDIT_PARTS
from tests.components.recorder import ACCOUNT, DEPLOYER, REGION, Program, run
from tests.components.samples import BEDROCK, JWT, MODEL, PLATFORM, agent_folder, bundle_id, making


def agent(source: str, **changes: Any) -> Program:
    return run(making(LambdaAgent, "handbook", source, **changes))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(agent_folder(tmp_path_factory.mktemp("agent")))


@pytest.fixture
def plain(source: str, made: dict[str, Program]) -> Program:
    """An agent from the least that must be given. Run once, and only read."""
    return made.setdefault("plain", made.get("plain") or agent(source))


@pytest.fixture(scope="module")
def made() -> dict[str, Program]:
    return {}


def access(program: Program) -> dict[str, dict[str, Any]]:
    return program.one("RolePolicy", "handbook-access").statements()


def variables(program: Program) -> dict[str, str]:
    return program.one("Function", "handbook").inputs["environment"]["variables"]


def test_an_agent_is_made_of_these_parts(source: str, plain: Program) -> None:
    program = plain
    assert {(t.rpartition(":")[2], n) for t, n, parent in program.tree() if parent == "handbook"} == {
        ("AgentPlatform", "handbook-platform"),
        ("AgentIdentity", "handbook-identity"),
        ("CheckpointTable", "handbook-checkpoints"),
        ("SecretScope", "handbook-secrets"),
        ("LogGroup", "handbook-log"),
        ("Queue", "handbook-failures"),
        ("QueuePolicy", "handbook-failures-policy"),
        ("RolePolicy", "handbook-access"),
        ("Function", "handbook"),
        ("AgentBudget", "handbook-budget"),
        ("TableItem", f"handbook-manifest-{bundle_id(source)}"),
        ("TableItem", f"handbook-release-{bundle_id(source)}"),
        ("CanaryTraffic", "handbook-traffic"),
        ("FunctionEventInvokeConfig", "handbook-async"),
        ("RolloutController", "handbook-rollout"),
        ("TableItem", "handbook-traffic-record"),
        ("FrontDoor", "handbook-door"),
        *AUDIT_PARTS,
    }


def test_the_function_runs_the_bundle_and_publishes_a_version_that_says_so(
    source: str, plain: Program
) -> None:
    function = plain.one("Function", "handbook").inputs
    assert function["description"] == f"bundle {bundle_id(source)}"
    assert function["publish"] is True
    assert bundle_id(source) in function["code"]["path"]
    assert function["handler"] == "agent_runtime.hosts.lambda_.handler"
    assert (function["runtime"], function["architectures"]) == ("python3.13", ["arm64"])
    assert function["tags"]["bundle"] == bundle_id(source)


def test_one_changed_byte_is_another_deployment(tmp_path: Path) -> None:
    one, other = (
        agent(str(agent_folder(tmp_path / name, prompt=name))).one("Function", "handbook").inputs
        for name in ("one", "two")
    )
    for differs in ("sourceCodeHash", "description", "tags", "environment"):
        assert one[differs] != other[differs]


def test_a_flood_a_long_turn_and_a_lost_trace_are_bounded(plain: Program) -> None:
    function = plain.one("Function", "handbook").inputs
    assert function["reservedConcurrentExecutions"] == 10
    assert function["timeout"] == 30
    assert function["memorySize"] == 512
    assert function["tracingConfig"] == {"mode": "Active"}
    assert function["loggingConfig"] == {"logFormat": "Text", "logGroup": "handbook-log-0a1b2c3"}


@pytest.mark.parametrize(
    ("given", "path", "expected"),
    [
        ({"reserved_concurrency": 50}, "reservedConcurrentExecutions", 50),
        ({"memory_mb": 10240}, "memorySize", 10240),
        ({"memory_mb": 128.0}, "memorySize", 128),
        ({"turn_timeout_seconds": 5}, "timeout", 6),
        ({"turn_timeout_seconds": 870, "jwt": None}, "timeout", 871),
        ({"architecture": "x86_64"}, "architectures", ["x86_64"]),
    ],
)
def test_the_bounds_can_be_moved(source: str, given: dict[str, Any], path: str, expected: object) -> None:
    assert agent(source, **given).one("Function", "handbook").inputs[path] == expected


def test_the_function_is_made_only_after_its_rights(plain: Program) -> None:
    program = plain
    assert program.one("RolePolicy", "handbook-access").urn in program.one("Function", "handbook").depends_on


def test_the_runtime_is_told_where_everything_is(source: str) -> None:
    program = agent(source, platform=PLATFORM, tenants=["acme", "zeta"], tools=["search"])
    told = variables(program)
    assert told["AGENT_NAME"] == "handbook"
    assert told["AGENT_ENVIRONMENT"] == "default"
    assert told["AGENT_BUNDLE_ID"] == bundle_id(source)
    assert told["AGENT_CHECKPOINT_TABLE"] == "handbook-checkpoints-0a1b2c3"
    assert told["AGENT_CONTROL_TABLE"] == "control"
    assert told["AGENT_CHECKPOINT_RETENTION_DAYS"] == "30"
    assert told["AGENT_TURN_TIMEOUT_SECONDS"] == "29"
    assert told["AGENT_MODEL_ENDPOINT"] == "https://models.example.com/v1"
    assert (told["AGENT_TENANTS"], told["AGENT_TOOLS"]) == ("acme,zeta", "search")
    assert program.one("Bucket", "handbook-checkpoints").name in told["AGENT_CHECKPOINT_BUCKET"]
    assert (told["AGENT_AUDIT_LOG_GROUP"], told["AGENT_AUDIT_RETENTION_DAYS"]) == (
        "handbook-audit-0a1b2c3",
        "365",
    )


def test_the_runtime_gets_arns_of_secrets_and_no_value(plain: Program) -> None:
    arn = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:Secret/handbook-secrets-api-key-0a1b2c3"
    assert json.loads(variables(plain)["AGENT_SECRETS"]) == {"api-key": arn}


def test_what_is_left_out_is_not_told(plain: Program) -> None:
    assert {"AGENT_TENANTS", "AGENT_TOOLS"}.isdisjoint(variables(plain))


AUDIT = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:LogGroup/handbook-audit-0a1b2c3"


def test_the_role_may_do_exactly_this(source: str) -> None:
    program = agent(source, platform=PLATFORM)
    checkpoints = program.outputs_of("CheckpointTable")
    secrets = program.outputs_of("SecretScope")
    budget = program.outputs_of("AgentBudget")
    found = access(program)
    assert {sid: statement["Resource"] for sid, statement in found.items()} == {
        "WriteOwnLogs": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:LogGroup/handbook-log-0a1b2c3:*",
        "SendTraces": "*",
        "WriteAudit": f"{AUDIT}:*",
        "NeverEraseAudit": [AUDIT, f"{AUDIT}:*"],
        "TellAuditHeads": PLATFORM["control_table_arn"],
        "UseOwnCheckpoints": checkpoints["table_arn"],
        "KeepOwnThreads": checkpoints["table_arn"],
        "FindDueSpend": f"{checkpoints['table_arn']}/index/due",
        "ShareBudgets": PLATFORM["control_table_arn"],
        "TellOfSpending": budget["topic_arn"],
        "UseKeyThroughSns": budget["key_arn"],
        "UseOwnLargeItems": f"{checkpoints['bucket_arn']}/handbook/*",
        "ReadOwnBrake": PLATFORM["control_table_arn"],
        "SendFailures": f"arn:aws:sqs:{REGION}:{ACCOUNT}:Queue/handbook-failures-0a1b2c3",
        "UseKeyThroughDynamodb": checkpoints["key_arn"],
        "UseKeyThroughS3": checkpoints["key_arn"],
        "UseKeyThroughSqs": checkpoints["key_arn"],
        "ReadOwnSecrets": [secrets["secret_arns"]["api-key"]],
        "UseKeyThroughSecretsmanager": secrets["key_arn"],
    }
    keys = {
        "UseOwnCheckpoints": "handbook#*",
        "ReadOwnBrake": "handbook",
        "FindDueSpend": "handbook#spend",
        "TellAuditHeads": "handbook#audit",
        "ShareBudgets": "handbook#tree",
    }
    for sid, table_key in keys.items():
        (operator,) = found[sid]["Condition"].values()
        assert operator == {"dynamodb:LeadingKeys": [table_key]}
    for service in ("dynamodb", "s3", "sqs", "sns", "secretsmanager"):
        condition = found[f"UseKeyThrough{service.capitalize()}"]["Condition"]
        assert condition == {"StringEquals": {"kms:ViaService": f"{service}.{REGION}.amazonaws.com"}}


def test_the_role_reads_its_secrets_by_exact_arn(tmp_path: Path) -> None:
    source = str(agent_folder(tmp_path / "agent", secrets=["api-key", "crm-token"]))
    found = access(agent(source))["ReadOwnSecrets"]
    prefix = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:Secret/handbook-secrets"
    assert found["Resource"] == [f"{prefix}-api-key-0a1b2c3", f"{prefix}-crm-token-0a1b2c3"]


def test_an_agent_without_secrets_has_no_scope_and_no_right_to_one(tmp_path: Path) -> None:
    source = str(agent_folder(tmp_path / "agent", model=BEDROCK, secrets=[]))
    program = agent(source, secrets=None, model_endpoint=None)
    assert program.all("SecretScope") == []
    assert not [sid for sid in access(program) if "ecret" in sid]
    assert variables(program)["AGENT_SECRETS"] == "{}"


def test_an_agent_on_bedrock_may_call_its_own_model_alone(tmp_path: Path) -> None:
    source = str(agent_folder(tmp_path / "agent", model=BEDROCK, secrets=[]))
    found = access(agent(source, secrets=None, model_endpoint=None))["CallOwnModel"]
    assert found["Resource"] == [
        f"arn:aws:bedrock:{REGION}:{ACCOUNT}:inference-profile/{BEDROCK['name']}",
        "arn:aws:bedrock:*::foundation-model/maker.model-2026-01-01-v1:0",
    ]


def test_an_agent_with_tiers_may_call_each_of_their_models_and_no_other(tmp_path: Path) -> None:
    small = {**BEDROCK, "name": "maker.small-2026-01-01-v1:0"}
    models = {"small": {**small, "fallback": ["large"]}, "large": BEDROCK, "own": MODEL}
    routing = [{"tier": "small", "task": "sort"}, {"tier": "own", "task": "draft"}, {"tier": "large"}]
    source = str(agent_folder(tmp_path / "agent", model=None, models=models, routing=routing))
    found = access(agent(source))["CallOwnModel"]
    assert sorted(found["Resource"]) == [
        "arn:aws:bedrock:*::foundation-model/maker.model-2026-01-01-v1:0",
        f"arn:aws:bedrock:{REGION}:{ACCOUNT}:inference-profile/{BEDROCK['name']}",
        f"arn:aws:bedrock:{REGION}::foundation-model/{small['name']}",
    ]


def test_an_agent_with_another_model_has_no_right_to_bedrock(plain: Program) -> None:
    assert "CallOwnModel" not in access(plain)


def test_a_secret_of_the_manifest_without_a_value_is_made_and_left_empty(source: str) -> None:
    program = agent(source, secrets=None)
    assert [secret.name for secret in program.all("Secret")] == ["handbook-secrets-api-key"]
    assert program.all("SecretVersion") == []


def test_only_the_agents_role_and_the_deployers_read_its_secrets(source: str) -> None:
    role = f"arn:aws:iam:{REGION}:{ACCOUNT}:Role/handbook-identity-0a1b2c3"
    for given, deployers in ((None, [DEPLOYER]), (["arn:ci"], ["arn:ci"])):
        (denied,) = agent(source, deployer_arns=given).one("SecretPolicy").document()["Statement"]
        assert set(denied["Condition"]["ArnNotEquals"]["aws:PrincipalArn"]) == {role, *deployers}


def test_failed_calls_are_kept_for_two_weeks_in_an_encrypted_queue(plain: Program) -> None:
    program = plain
    queue = program.one("Queue", "handbook-failures").inputs
    assert queue["messageRetentionSeconds"] == 14 * 24 * 3600
    assert queue["kmsMasterKeyId"] == program.outputs_of("CheckpointTable")["key_arn"]
    assert set(program.one("QueuePolicy", "handbook-failures-policy").statements()) == {"TlsOnly"}
    retries = program.one("FunctionEventInvokeConfig", "handbook-async").inputs
    assert retries["destinationConfig"]["onFailure"]["destination"].endswith(
        "Queue/handbook-failures-0a1b2c3"
    )
    assert (retries["qualifier"], retries["maximumRetryAttempts"]) == ("live", 2)
    assert retries["maximumEventAgeInSeconds"] == 3600


@pytest.mark.parametrize(("given", "days"), [({}, 90), ({"log_retention_days": 365}, 365)])
def test_the_agents_and_the_doors_logs_are_kept_alike(source: str, given: dict[str, int], days: int) -> None:
    program = agent(source, **given)
    for name in ("handbook-log", "handbook-door-access"):
        assert program.one("LogGroup", name).inputs["retentionInDays"] == days


def test_data_outlives_the_stack_unless_told_otherwise(source: str, plain: Program) -> None:
    kept, lost = plain, agent(source, retain_data=False)
    for type_, name in (("Table", "handbook-checkpoints"), ("Table", "handbook-platform")):
        assert kept.one(type_, name).inputs["deletionProtectionEnabled"] is True
        assert kept.one(type_, name).retain_on_delete
        assert lost.one(type_, name).inputs["deletionProtectionEnabled"] is False
        assert not lost.one(type_, name).retain_on_delete
    assert kept.one("Secret").inputs["recoveryWindowInDays"] == 30
    assert lost.one("Secret").inputs["recoveryWindowInDays"] == 0


def test_a_large_item_is_kept_twice_as_long_as_the_run_that_it_belongs_to(source: str) -> None:
    program = agent(source, checkpoint_retention_days=7)
    assert variables(program)["AGENT_CHECKPOINT_RETENTION_DAYS"] == "7"
    expiry = program.one("BucketLifecycleConfiguration", "handbook-checkpoints-large-expiry")
    assert expiry.inputs["rules"][0]["expiration"] == {"days": 14}


def test_data_that_need_not_last_is_encrypted_by_awss_own_keys_and_the_role_needs_no_key(source: str) -> None:
    found = access(agent(source, retain_data=False))
    assert {"UseKeyThroughDynamodb", "UseKeyThroughS3"}.isdisjoint(found)


def test_a_shared_platform_is_used_and_none_is_made(source: str) -> None:
    program = agent(source, platform=PLATFORM)
    assert program.all("AgentPlatform") == []
    assert {item.inputs["tableName"] for item in program.all("TableItem")} == {"control"}
    boundaries = {role.inputs["permissionsBoundary"] for role in program.all("Role")}
    assert boundaries == {PLATFORM["boundary_arn"], PLATFORM["rollout_boundary_arn"]}


def test_the_budget_is_the_agents_and_its_topic_gets_the_candidates_alarms(source: str) -> None:
    program = agent(source, monthly_budget_usd=42, alert_emails=["owner@example.com"])
    budget = program.one("Budget").inputs
    assert budget["limitAmount"] == "42"
    assert budget["costFilters"][0]["values"] == ["user:agent$handbook"]
    assert budget["notifications"][0]["subscriberEmailAddresses"] == ["owner@example.com"]
    topic = program.outputs_of("LambdaAgent")["topic_arn"]
    assert program.one("MetricAlarm", "handbook-traffic-errors").inputs["alarmActions"] == [topic]


def test_the_door_calls_the_alias_and_passes_on_rate_and_issuer(source: str) -> None:
    program = agent(source, requests_per_second=3)
    alias = program.outputs_of("CanaryTraffic")
    assert program.one("Integration").inputs["integrationUri"] == alias["invoke_arn"]
    assert program.one("Permission", "handbook-door-agent-permission").inputs["qualifier"] == "live"
    assert program.one("Authorizer").inputs["jwtConfiguration"] == JWT
    assert program.one("Stage").inputs["defaultRouteSettings"]["throttlingRateLimit"] == 3
    assert program.outputs_of("LambdaAgent")["url"] == program.outputs_of("FrontDoor")["url"]


def test_the_one_function_answers_every_route_of_the_contract_but_uploads(plain: Program) -> None:
    assert {route.inputs["routeKey"] for route in plain.all("Route")} == {"POST /runs", *STATUS_ROUTES}


def test_an_agent_on_lambda_gets_no_network_and_no_cluster(plain: Program) -> None:
    assert not [r for r in plain.resources if r.type.startswith(("aws:ec2", "aws:ecs"))]


def test_without_an_issuer_there_is_no_door_at_all(source: str) -> None:
    program = agent(source, jwt=None)
    assert not [r for r in program.resources if "apigateway" in r.type]
    assert program.outputs_of("LambdaAgent")["url"] == ""


def test_the_environment_is_in_tags_and_in_the_runtimes_settings(source: str) -> None:
    program = agent(source, environment="staging")
    assert variables(program)["AGENT_ENVIRONMENT"] == "staging"
    assert program.one("Queue", "handbook-failures").inputs["tags"] == {
        "agent": "handbook",
        "environment": "staging",
    }


def test_an_agent_for_this_machine_runs_on_this_machines_python(source: str) -> None:
    import sys

    functions = agent(source, architecture="this-machine").all("Function")
    assert {f.inputs["runtime"] for f in functions} == {
        f"python{sys.version_info.major}.{sys.version_info.minor}"
    }


def test_the_outputs_name_what_a_caller_and_an_operator_need(source: str) -> None:
    outputs = agent(source, platform=PLATFORM).outputs_of("LambdaAgent")
    assert outputs["bundle_id"] == bundle_id(source)
    assert outputs["serving"] == {bundle_id(source): 1}
    assert outputs["function_name"] == "handbook-0a1b2c3"
    assert outputs["log_group_name"] == "handbook-log-0a1b2c3"
    assert outputs["checkpoint_table_name"] == "handbook-checkpoints-0a1b2c3"
    assert outputs["control_table_name"] == "control"
    assert outputs["alias_arn"].endswith(":function:handbook-0a1b2c3:live")
    assert outputs["failure_queue_url"].endswith("/handbook-failures-0a1b2c3")
    assert outputs["role_arn"].endswith("Role/handbook-identity-0a1b2c3")


def test_the_platforms_key_encrypts_what_the_agent_logs_and_is_told(source: str) -> None:
    program = agent(source)
    key = program.outputs_of("AgentPlatform")["key_arn"]
    for log in program.all("LogGroup"):
        assert log.inputs["kmsKeyId"] == key
    for function in program.all("Function"):
        assert function.inputs["kmsKeyArn"] == key
    assert "UseKeyThroughLambda" in program.one("RolePolicy", "handbook-access").statements()
    loose = agent(source, retain_data=False)
    assert all("kmsKeyId" not in log.inputs for log in loose.all("LogGroup"))
    assert all("kmsKeyArn" not in function.inputs for function in loose.all("Function"))
