"""What the agents of one environment share."""

import fnmatch

import pulumi
import pytest

from agent_hosting import AgentPlatform
from agent_hosting._boundaries import boundary, rollout_boundary
from agent_hosting.agent_platform import reference_to
from tests.components.recorder import ACCOUNT, REGION, run
from tests.components.samples import making


def test_a_platform_is_one_table_and_a_boundary_for_agents_and_for_controllers() -> None:
    assert run(making(AgentPlatform, "shared", containers=None)).tree() == {
        ("agent-hosting:index:AgentPlatform", "shared", "agent-hosting-test"),
        ("aws:dynamodb/table:Table", "shared", "shared"),
        ("aws:kms/key:Key", "shared-key", "shared"),
        ("aws:iam/policy:Policy", "shared-boundary", "shared"),
        ("aws:iam/policy:Policy", "shared-rollout-boundary", "shared"),
        ("aws:iam/policy:Policy", "shared-operator", "shared"),
    }


def test_the_control_table_is_keyed_by_agent_and_item_and_can_be_restored_to_any_second() -> None:
    table = run(making(AgentPlatform, "shared")).one("Table").inputs
    assert (table["hashKey"], table["rangeKey"]) == ("agent", "item")
    assert table["billingMode"] == "PAY_PER_REQUEST"
    assert table["pointInTimeRecovery"] == {"enabled": True}


@pytest.mark.parametrize(("given", "kept"), [(None, True), (True, True), (False, False)])
def test_the_control_table_outlives_the_stack_unless_told_otherwise(given: bool | None, kept: bool) -> None:
    table = run(making(AgentPlatform, "shared", retain_data=given)).one("Table")
    assert table.inputs["deletionProtectionEnabled"] is kept
    assert table.retain_on_delete is kept


def test_a_kept_control_table_has_a_key_that_whoever_reaches_the_table_may_use_on_the_way() -> None:
    program = run(making(AgentPlatform, "shared"))
    key = program.one("Key")
    arn = program.one("Table").inputs["serverSideEncryption"]["kmsKeyArn"]
    assert arn.endswith("/shared-key-0a1b2c3")
    assert key.retain_on_delete
    assert key.inputs["enableKeyRotation"] is True
    found = key.statements()
    assert set(found) == {"IamPoliciesDecide", "UseThroughDynamodb", "EncryptLogs"}
    assert found["UseThroughDynamodb"]["Condition"] == {
        "StringEquals": {
            "kms:CallerAccount": ACCOUNT,
            "kms:ViaService": f"dynamodb.{REGION}.amazonaws.com",
        }
    }
    program = run(making(AgentPlatform, "shared", retain_data=False))
    assert program.all("Key") == []
    assert program.one("Table").inputs.get("serverSideEncryption") is None


def test_the_boundary_is_the_documented_one() -> None:
    program = run(making(AgentPlatform, "shared"))
    for name, allowed in (("shared-boundary", boundary()), ("shared-rollout-boundary", rollout_boundary())):
        assert program.one("Policy", name).document() == {"Version": "2012-10-17", "Statement": allowed}


def test_a_controller_may_do_beside_what_agents_may_only_what_moves_traffic() -> None:
    more = [statement for statement in rollout_boundary() if statement not in boundary()]
    assert [(statement["Sid"], statement["Action"]) for statement in more] == [
        (
            "MoveTraffic",
            [
                "cloudwatch:DescribeAlarms",
                "cloudwatch:GetMetricData",
                # Lambda enters a cluster's network in the controller's name.
                "ec2:AssignPrivateIpAddresses",
                "ec2:CreateNetworkInterface",
                "ec2:DeleteNetworkInterface",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSubnets",
                "ec2:UnassignPrivateIpAddresses",
                "lambda:GetAlias",
                "lambda:InvokeFunction",
                "lambda:UpdateAlias",
            ],
        )
    ]


def test_an_operator_may_put_records_and_move_aliases_and_can_neither_change_nor_delete_one() -> None:
    made = run(making(AgentPlatform, "shared")).one("Policy", "shared-operator").statements()
    assert made["MoveTraffic"]["Action"] == ["dynamodb:PutItem"]
    assert made["ReadControl"]["Action"] == ["dynamodb:GetItem", "dynamodb:Query"]
    assert made["MoveAliases"]["Action"] == ["lambda:GetAlias", "lambda:UpdateAlias"]
    assert {sid for sid in made if made[sid]["Resource"] == "*"} == {"ReadMetrics"}


def test_an_operator_sees_to_runs_by_the_names_of_their_tables_and_queues_and_deletes_nothing() -> None:
    made = run(making(AgentPlatform, "shared")).one("Policy", "shared-operator").statements()
    tables = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/*-checkpoints-???????"
    assert made["SeeToRuns"]["Resource"] == [tables, f"{tables}/index/due"]
    assert "dynamodb:DeleteItem" not in str(made)
    assert made["WakeRuns"]["Action"] == "sqs:SendMessage"
    assert made["WakeRuns"]["Resource"] == f"arn:aws:sqs:{REGION}:{ACCOUNT}:*-????????????-???????"
    reads_and_writes = ["logs:CreateLogStream", "logs:FilterLogEvents", "logs:PutLogEvents"]
    assert made["WriteAudit"]["Action"] == reads_and_writes
    assert made["WriteAudit"]["Resource"] == f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:*-audit-???????:*"
    assert made["UseKeysOfTables"]["Condition"] == {
        "StringEquals": {"kms:ViaService": f"dynamodb.{REGION}.amazonaws.com"},
        "StringLike": {"kms:EncryptionContext:aws:dynamodb:tableName": "*-checkpoints-???????"},
    }
    assert made["UseKeysOfQueues"]["Condition"]["StringLike"] == {
        "kms:EncryptionContext:aws:sqs:arn": made["WakeRuns"]["Resource"]
    }


@pytest.mark.parametrize(
    ("queue", "fits"),
    [
        ("review-0123456789ab-0a1b2c3", True),
        ("a-long-name-0123456789ab-0a1b2c3", True),
        ("review-0123456789ab-dead-0a1b2c3", False),
        ("review-failures-0a1b2c3", False),
    ],
)
def test_an_operator_wakes_queues_of_releases_and_sends_no_dead_letters(queue: str, fits: bool) -> None:
    made = run(making(AgentPlatform, "shared")).one("Policy", "shared-operator").statements()
    pattern = made["WakeRuns"]["Resource"].rpartition(":")[2]
    assert fnmatch.fnmatchcase(queue, pattern) is fits


def test_for_containers_it_has_a_cluster_with_insights_and_both_kinds_of_capacity_in_a_private_network() -> (
    None
):
    program = run(making(AgentPlatform, "shared"))
    assert program.one("Cluster").inputs["settings"] == [{"name": "containerInsights", "value": "enabled"}]
    capacity = program.one("ClusterCapacityProviders").inputs
    assert (capacity["clusterName"], capacity["capacityProviders"]) == (
        "shared-0a1b2c3",
        ["FARGATE", "FARGATE_SPOT"],
    )
    outputs, network = program.outputs_of("AgentPlatform"), program.outputs_of("AgentNetwork")
    assert outputs["cluster_name"] == "shared-0a1b2c3"
    assert outputs["cluster_arn"].endswith("Cluster/shared-0a1b2c3")
    assert outputs["subnet_ids"] == network["subnet_ids"]
    assert outputs["security_group_ids"] == network["security_group_ids"]


def test_a_network_of_ones_own_is_used_and_none_is_made() -> None:
    own = {"subnet_ids": ["subnet-1", "subnet-2"], "security_group_ids": ["sg-1"]}
    program = run(making(AgentPlatform, "shared", network=own))
    assert not [r for r in program.resources if r.type.startswith("aws:ec2")]
    outputs = program.outputs_of("AgentPlatform")
    assert {key: outputs[key] for key in own} == own


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ({}, 7),
        ({"retain_data": False}, 0),
        ({"private_endpoints": False}, 0),
        ({"retain_data": False, "private_endpoints": True}, 7),
    ],
)
def test_where_data_is_kept_workers_reach_aws_within_their_network(given: dict[str, bool], made: int) -> None:
    endpoints = run(making(AgentPlatform, "shared", **given)).all("VpcEndpoint")
    assert len([e for e in endpoints if e.inputs["vpcEndpointType"] == "Interface"]) == made


def test_endpoints_of_a_network_that_is_not_made_here_are_refused() -> None:
    with pytest.raises(pulumi.RunError, match="private_endpoints is True; no network is made here"):
        run(making(AgentPlatform, "shared", containers=None, private_endpoints=True))


def test_agents_are_given_a_place_for_containers_only_where_there_is_one() -> None:
    shared = {"control_table_name", "control_table_arn", "boundary_arn", "rollout_boundary_arn", "key_arn"}
    place = {"cluster_name", "cluster_arn", "subnet_ids", "security_group_ids"}
    for containers, given in ((True, shared | place), (False, shared)):
        run(lambda: _is_told(containers, given))  # noqa: B023


def _is_told(containers: bool, given: set[str]) -> None:
    assert set(reference_to(AgentPlatform("shared", {"containers": containers}))) == given


def test_the_outputs_are_what_agents_need_of_it() -> None:
    program = run(making(AgentPlatform, "shared", containers=None))
    assert program.outputs_of("AgentPlatform") == {
        "cluster_name": "",
        "cluster_arn": "",
        "subnet_ids": [],
        "security_group_ids": [],
        "key_arn": "arn:aws:kms:eu-west-1:123456789012:Key/shared-key-0a1b2c3",
        "control_table_name": "shared-0a1b2c3",
        "control_table_arn": "arn:aws:dynamodb:eu-west-1:123456789012:Table/shared-0a1b2c3",
        "boundary_arn": "arn:aws:iam:eu-west-1:123456789012:Policy/shared-boundary-0a1b2c3",
        "rollout_boundary_arn": "arn:aws:iam:eu-west-1:123456789012:Policy/shared-rollout-boundary-0a1b2c3",
        "operator_policy_arn": "arn:aws:iam:eu-west-1:123456789012:Policy/shared-operator-0a1b2c3",
    }


def test_logs_and_variables_have_a_key_where_data_is_kept() -> None:
    key = run(making(AgentPlatform, "shared")).one("Key")
    found = key.statements("policy")
    assert found["EncryptLogs"]["Principal"] == {"Service": "logs.eu-west-1.amazonaws.com"}
    assert found["EncryptLogs"]["Condition"] == {
        "ArnLike": {"kms:EncryptionContext:aws:logs:arn": "arn:aws:logs:eu-west-1:123456789012:log-group:*"}
    }
    assert key.inputs["enableKeyRotation"] is True
    loose = run(making(AgentPlatform, "shared", retain_data=False, containers=True))
    assert loose.all("Key") == []
    assert loose.outputs_of("AgentPlatform")["key_arn"] == ""
    assert "kmsKeyId" not in loose.one("LogGroup", "shared-flows").inputs


def test_flow_logs_are_kept_for_a_year_under_the_key_where_data_is_kept() -> None:
    program = run(making(AgentPlatform, "shared", containers=True))
    flows = program.one("LogGroup", "shared-flows").inputs
    assert flows["retentionInDays"] == 365
    assert flows["kmsKeyId"] == program.outputs_of("AgentPlatform")["key_arn"]
