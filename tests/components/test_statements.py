"""IAM statements: what each allows, on what, under which condition."""

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

import pytest

from agent_hosting import _run_statements as runs
from agent_hosting import statements
from agent_hosting._boundaries import boundary
from agent_hosting._keys import publish_through
from agent_hosting.secret_scope import deny_all_but
from agent_runtime.session_keys import session_pk
from tests.components.recorder import ACCOUNT, REGION, value

TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/runs"
CLUSTER = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/workers"


def run_statements() -> list[dict[str, Any]]:
    """Those of agents whose runs go through queues."""
    return [
        runs.send_runs(["arn:queue"]),
        runs.take_runs(["arn:queue"]),
        runs.protect_tasks(CLUSTER),
        runs.read_control(TABLE, "a"),
        runs.begin_runs(TABLE, "a"),
        runs.find_sessions(TABLE, "a"),
        runs.read_spend(TABLE, "a"),
        runs.share_budgets(TABLE, "a"),
        runs.spend_of_trees(TABLE, ["planner"]),
        runs.close_budgets(TABLE, "a"),
        runs.find_due_runs(TABLE, "due", "a"),
        runs.write_large_items("arn:bucket", "a"),
        runs.read_large_items("arn:bucket", "a"),
        runs.pull_images(["arn:repository"]),
        runs.log_in_to_registry(),
    ]


KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"


def test_a_role_is_trusted_by_one_service_alone() -> None:
    assert statements.trust("lambda.amazonaws.com") == {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }


def test_logs_go_to_the_streams_of_one_group_and_no_group_can_be_made() -> None:
    found = value(lambda: statements.write_logs("arn:aws:logs:eu-west-1:1:log-group:mine"))
    assert found["Resource"] == "arn:aws:logs:eu-west-1:1:log-group:mine:*"
    assert found["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]


def test_traces_may_only_be_sent() -> None:
    assert statements.trace()["Action"] == ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]


def test_checkpoints_are_the_partitions_of_one_agent_and_no_other_with_its_name_in_front() -> None:
    found = statements.use_checkpoints(TABLE, "search")
    assert found["Resource"] == TABLE
    assert found["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["search#*"]}}


def test_who_accepts_runs_finds_sessions_and_reads_no_run() -> None:
    (pattern,) = runs.find_sessions(TABLE, "search")["Condition"]["ForAllValues:StringLike"][
        "dynamodb:LeadingKeys"
    ]
    assert fnmatchcase(session_pk("search", "acme", "s-1"), pattern)
    assert not fnmatchcase(f"search#acme#{'0' * 32}", pattern)
    assert not fnmatchcase(session_pk("search-2", "acme", "s-1"), pattern)


def test_no_action_on_checkpoints_works_without_a_key() -> None:
    """ForAllValues is true for a request that names no key: Scan and the like must not be granted beside
    it."""
    keyed = {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"}
    assert set(statements.use_checkpoints(TABLE, "search")["Action"]) == keyed
    together = {"dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem"}
    assert set(statements.keep_threads(TABLE, "search")["Action"]) == together
    assert runs.begin_runs(TABLE, "search")["Action"] in keyed
    assert runs.find_sessions(TABLE, "search")["Action"] in keyed
    assert set(runs.read_control(TABLE, "search")["Action"]) <= keyed | together
    assert statements.read_brake(TABLE, "search")["Action"] in keyed
    assert statements.write_brake(TABLE, "search")["Action"] in keyed


@pytest.mark.parametrize(
    ("made", "action"),
    [(statements.read_brake, "dynamodb:GetItem"), (statements.write_brake, "dynamodb:UpdateItem")],
)
def test_a_brake_is_one_agents_own_and_only_the_brake_function_writes_it(
    made: Callable[[str, str], dict[str, Any]], action: str
) -> None:
    found = made(TABLE, "search")
    assert (found["Action"], found["Resource"]) == (action, TABLE)
    assert found["Condition"] == {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["search"]}}


def test_large_items_lie_under_the_agents_own_prefix_and_cannot_be_deleted() -> None:
    found = value(lambda: statements.use_large_items("arn:aws:s3:::large", "search"))
    assert found["Resource"] == "arn:aws:s3:::large/search/*"
    assert found["Action"] == ["s3:GetObject", "s3:PutObject"]


def test_secrets_are_read_by_exact_arn_and_nothing_else_is_done_to_them() -> None:
    found = statements.read_secrets(["arn:one", "arn:two"])
    assert found["Resource"] == ["arn:one", "arn:two"]
    assert found["Action"] == "secretsmanager:GetSecretValue"


def test_a_key_is_used_by_way_of_one_service_in_the_keys_own_region() -> None:
    found = value(lambda: statements.use_key_through("s3", KEY, ["kms:Decrypt"]))
    assert (found["Resource"], found["Action"]) == (KEY, ["kms:Decrypt"])
    assert found["Condition"] == {"StringEquals": {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}}


def test_failures_are_sent_to_one_queue_and_not_read_from_it() -> None:
    assert statements.send_failures("arn:queue") == {
        "Sid": "SendFailures",
        "Effect": "Allow",
        "Action": "sqs:SendMessage",
        "Resource": "arn:queue",
    }


@pytest.mark.parametrize(
    ("model", "resources"),
    [
        ("maker.model-1", [f"arn:aws:bedrock:{REGION}::foundation-model/maker.model-1"]),
        (
            "eu.maker.model-1",
            [
                f"arn:aws:bedrock:{REGION}:{ACCOUNT}:inference-profile/eu.maker.model-1",
                "arn:aws:bedrock:*::foundation-model/maker.model-1",
            ],
        ),
        (
            "us-gov.maker.model-1",
            [
                f"arn:aws:bedrock:{REGION}:{ACCOUNT}:inference-profile/us-gov.maker.model-1",
                "arn:aws:bedrock:*::foundation-model/maker.model-1",
            ],
        ),
        # A maker whose name is also a region's prefix: `us.model` has no maker behind it.
        ("us.model", [f"arn:aws:bedrock:{REGION}::foundation-model/us.model"]),
    ],
)
def test_one_model_is_called_and_through_a_profile_only_where_its_name_says_so(
    model: str, resources: list[str]
) -> None:
    found = value(lambda: statements.invoke_models([model], REGION, ACCOUNT))
    assert found["Resource"] == resources
    assert found["Action"] == "bedrock:InvokeModel"


@pytest.mark.parametrize("kind", ["provisioned-model", "application-inference-profile"])
def test_a_model_by_its_arn_is_granted_alone_and_those_behind_a_profile_through_it_alone(kind: str) -> None:
    arn = f"arn:aws:bedrock:{REGION}:{ACCOUNT}:{kind}/a1b2c3"
    assert value(lambda: statements.invoke_models([arn], REGION, ACCOUNT))["Resource"] == [arn]
    behind = statements.models_behind([arn])
    assert bool(behind) is (kind == "application-inference-profile")
    for statement in behind:
        assert statement["Condition"] == {"StringEquals": {"bedrock:InferenceProfileArn": [arn]}}


def test_several_models_are_one_statement_with_each_of_them_exactly() -> None:
    found = value(lambda: statements.invoke_models(["m.a-v1:0", "eu.m.b-v1:0"], REGION, ACCOUNT))
    assert [arn.rpartition("/")[2] for arn in found["Resource"]] == ["m.a-v1:0", "eu.m.b-v1:0", "m.b-v1:0"]
    profiles = [f"arn:aws:bedrock:{REGION}:{ACCOUNT}:inference-profile/{n}" for n in ("a", "b")]
    (behind,) = statements.models_behind(["m.a-v1:0", *profiles])
    assert behind["Condition"]["StringEquals"]["bedrock:InferenceProfileArn"] == profiles


def test_a_model_is_never_granted_by_a_wildcard_in_its_name() -> None:
    found = value(lambda: statements.invoke_models(["eu.maker.model-1"], REGION, ACCOUNT))
    assert not [arn for arn in found["Resource"] if "*" in arn.rpartition("/")[2]]


def test_the_boundary_grants_nothing_that_manages_or_deletes() -> None:
    (only,) = boundary()
    assert only["Effect"] == "Allow"
    services = {action.split(":")[0] for action in only["Action"]}
    assert services.isdisjoint({"iam", "sts", "organizations", "ec2", "lambda", "cloudformation"})
    assert not [action for action in only["Action"] if "*" in action]
    verbs = ("Create", "Delete", "Put", "Update", "Attach", "Detach", "Tag", "Schedule", "Disable")
    managing = {a for a in only["Action"] if a.split(":")[1].startswith(verbs)}
    assert managing == {
        "cloudwatch:PutMetricData",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "ecs:UpdateTaskProtection",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "s3:PutObject",
        "sqs:DeleteMessage",
        "xray:PutSpans",
        "xray:PutSpansForIndexing",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    }


def test_a_role_is_taken_on_behalf_of_the_own_account_where_the_service_says_for_whom() -> None:
    pattern = f"arn:aws:ecs:{REGION}:{ACCOUNT}:*"
    assert value(lambda: statements.trust("ecs-tasks.amazonaws.com", pattern))["Condition"] == {
        "ArnLike": {"aws:SourceArn": pattern},
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
    }


def test_a_resource_is_closed_to_calls_without_tls() -> None:
    found = statements.tls_only("sqs:*", "arn:queue")
    assert (found["Effect"], found["Principal"], found["Action"]) == ("Deny", "*", "sqs:*")
    assert found["Resource"] == "arn:queue"
    assert found["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_boundary_lets_through_all_that_the_statements_grant() -> None:
    made = value(
        lambda: [
            *run_statements(),
            statements.keep_threads(TABLE, "a"),
            statements.write_logs("arn:log"),
            statements.trace(),
            statements.use_checkpoints(TABLE, "a"),
            statements.use_large_items("arn:bucket", "a"),
            statements.read_brake(TABLE, "a"),
            statements.write_brake(TABLE, "a"),
            statements.read_secrets(["arn:secret"]),
            statements.use_key_through("dynamodb", KEY, ["kms:Decrypt", "kms:GenerateDataKey"]),
            statements.send_failures("arn:queue"),
            statements.invoke_models(["m.m"], REGION, ACCOUNT),
        ]
    )
    granted = {a for s in made for a in ([s["Action"]] if isinstance(s["Action"], str) else s["Action"])}
    assert granted <= set(boundary()[0]["Action"])


def test_only_tracing_and_the_log_in_to_a_registry_are_granted_on_every_resource() -> None:
    made = value(
        lambda: {
            "write_logs": statements.write_logs("arn:log"),
            "trace": statements.trace(),
            "use_checkpoints": statements.use_checkpoints(TABLE, "a"),
            "use_large_items": statements.use_large_items("arn:bucket", "a"),
            "read_brake": statements.read_brake(TABLE, "a"),
            "write_brake": statements.write_brake(TABLE, "a"),
            "read_secrets": statements.read_secrets(["arn:secret"]),
            "use_key_through": statements.use_key_through("s3", KEY, ["kms:Decrypt"]),
            "send_failures": statements.send_failures("arn:queue"),
            "invoke_models": statements.invoke_models(["eu.m.m"], REGION, ACCOUNT),
            "keep_threads": statements.keep_threads(TABLE, "a"),
            **{statement["Sid"]: statement for statement in run_statements()},
        }
    )
    assert [name for name, statement in made.items() if statement["Resource"] == "*"] == [
        "trace",
        "LogInToRegistry",
    ]


def test_a_policy_is_a_document_of_the_current_version() -> None:
    assert value(lambda: statements.policy([statements.trace()]).apply(str)) == (
        '{"Version": "2012-10-17", "Statement": [{"Sid": "SendTraces", "Effect": "Allow", '
        '"Action": ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "Resource": "*"}]}'
    )


def test_an_alert_service_may_use_the_key_of_its_topic() -> None:
    found = publish_through("budgets.amazonaws.com")
    assert found["Principal"] == {"Service": "budgets.amazonaws.com"}
    assert found["Action"] == ["kms:Decrypt", "kms:GenerateDataKey*"]
    assert "Condition" not in found


def test_everyone_but_the_named_roles_is_denied_a_secrets_value() -> None:
    found = deny_all_but(["arn:reader", "arn:deployer"])
    assert (found["Effect"], found["Principal"]) == ("Deny", "*")
    assert set(found["Action"]) == {"secretsmanager:GetSecretValue", "secretsmanager:BatchGetSecretValue"}
    assert found["Condition"] == {"ArnNotEquals": {"aws:PrincipalArn": ["arn:reader", "arn:deployer"]}}
