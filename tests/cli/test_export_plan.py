"""A preview as a Terraform plan: names, forms, what is unknown, what is secret, and who refers to whom."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
import yaml
from pulumi import _types as pulumi_types
from typer.testing import CliRunner

from agent_hosting_cli.main import app
from agent_hosting_cli.terraform import names
from agent_hosting_cli.terraform.plan import left_out, plan_of
from agent_hosting_cli.terraform.shapes import of_object, of_resource
from agent_hosting_cli.terraform.states import UNKNOWN
from agent_hosting_cli.terraform.values import SENSITIVE
from embedded_aws.tables import all_rows

NAMES: dict[str, Any] = yaml.safe_load((Path(names.__file__).parent / "names.yaml").read_text())
FUNCTION, ROLE, KEY = "aws:lambda/function:Function", "aws:iam/role:Role", "aws:kms/key:Key"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:x"}
ARCHIVE = {"4dabf18193072939515e22adb298388d": "0def7320c3a5731c473e5ecbe6d01bc7", "path": "/tmp/a.zip"}

TERRAFORM = re.findall(
    r"\S+",
    """
aws_apigatewayv2_api aws_apigatewayv2_authorizer aws_apigatewayv2_integration aws_apigatewayv2_route
aws_apigatewayv2_stage aws_appautoscaling_policy aws_appautoscaling_scheduled_action
aws_appautoscaling_target aws_budgets_budget aws_budgets_budget_action aws_cloudwatch_composite_alarm
aws_cloudwatch_dashboard aws_cloudwatch_event_bus aws_cloudwatch_event_rule aws_cloudwatch_event_target
aws_cloudwatch_log_group aws_cloudwatch_metric_alarm aws_default_security_group aws_dynamodb_table
aws_dynamodb_table_item aws_ecr_lifecycle_policy aws_ecr_repository aws_ecr_repository_policy
aws_ecs_cluster aws_ecs_cluster_capacity_providers aws_ecs_service aws_ecs_task_definition aws_eip
aws_eks_access_entry aws_eks_access_policy_association aws_eks_addon aws_eks_cluster
aws_eks_fargate_profile aws_eks_node_group aws_eks_pod_identity_association aws_flow_log aws_iam_policy
aws_iam_role aws_iam_role_policy aws_iam_role_policy_attachment aws_internet_gateway aws_kms_alias
aws_kms_key aws_lambda_alias aws_lambda_event_source_mapping aws_lambda_function
aws_lambda_function_event_invoke_config aws_lambda_layer_version aws_lambda_permission
aws_lambda_provisioned_concurrency_config aws_launch_template aws_nat_gateway aws_route aws_route_table
aws_route_table_association aws_s3_bucket aws_s3_bucket_lifecycle_configuration
aws_s3_bucket_object_lock_configuration aws_s3_bucket_ownership_controls aws_s3_bucket_policy
aws_s3_bucket_public_access_block
aws_s3_bucket_server_side_encryption_configuration aws_s3_bucket_versioning aws_s3_object
aws_scheduler_schedule aws_scheduler_schedule_group aws_secretsmanager_secret
aws_secretsmanager_secret_policy aws_secretsmanager_secret_rotation aws_secretsmanager_secret_version
aws_security_group aws_security_group_rule aws_sfn_state_machine aws_sns_topic aws_sns_topic_policy
aws_sns_topic_subscription aws_sqs_queue aws_sqs_queue_policy aws_sqs_queue_redrive_allow_policy
aws_sqs_queue_redrive_policy aws_ssm_parameter aws_subnet aws_vpc aws_vpc_endpoint
aws_vpc_security_group_egress_rule aws_vpc_security_group_ingress_rule
""",
)
"""Types of the AWS provider for Terraform, as its documentation lists them."""


def urn(kind: str, name: str) -> str:
    return f"urn:pulumi:test::test::{kind}::{name}"


def step(kind: str, name: str, inputs: dict[str, Any], op: str = "create", **state: Any) -> dict[str, Any]:
    held = {"urn": urn(kind, name), "custom": True, "type": kind, "inputs": inputs, **state}
    sides = {"delete": ("oldState",), "create": ("newState",)}.get(op, ("oldState", "newState"))
    return {"op": op, "urn": held["urn"], **dict.fromkeys(sides, held)}


def preview(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"config": {"aws:region": "eu-west-1"}, "steps": list(steps)}


def exported(*steps: dict[str, Any]) -> dict[str, Any]:
    """The values of the one resource of the preview."""
    (found,) = plan_of(preview(*steps))["planned_values"]["root_module"]["resources"]
    return found["values"]


def test_each_type_that_the_embedded_cloud_makes_has_its_name_in_terraform() -> None:
    assert sorted({str(names.type_of(token)) for token in all_rows()} - set(TERRAFORM)) == []


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("aws:ec2/instance:Instance", "aws_instance"),
        ("aws:ec2transitgateway/transitGateway:TransitGateway", "aws_ec2_transit_gateway"),
        ("aws:rds/instance:Instance", "aws_db_instance"),
        ("aws:rds/cluster:Cluster", "aws_rds_cluster"),
        ("aws:lb/loadBalancer:LoadBalancer", "aws_lb"),
        ("aws:s3/bucketV2:BucketV2", "aws_s3_bucket"),
        ("aws:apigateway/restApi:RestApi", "aws_api_gateway_rest_api"),
        ("aws:bedrock/agentcoreAgentRuntime:AgentcoreAgentRuntime", "aws_bedrockagentcore_agent_runtime"),
        ("aws:bedrock/agentAgent:AgentAgent", "aws_bedrockagent_agent"),
        ("kubernetes:apps/v1:Deployment", "kubernetes_deployment"),
        ("kubernetes:argoproj.io/v1alpha1:Rollout", "kubernetes_manifest"),
        ("random:index/randomId:RandomId", None),
    ],
)
def test_a_type_has_its_name_in_terraform(token: str, expected: str | None) -> None:
    assert names.type_of(token) == expected


def test_the_data_file_holds_nothing_that_the_rules_tell_already() -> None:
    for token, told in NAMES["types"].items():
        package, module, name = token.split(":")
        service = module.partition("/")[0]
        prefix = NAMES["modules"].get(service, service)
        by_rule = "_".join(part for part in (package, prefix, names.snake(name)) if part)
        assert told != by_rule, token
        assert package == "kubernetes" or of_resource(token), f"pulumi-aws has no {token}"


@pytest.mark.parametrize(
    ("plural", "expected"),
    [
        ("rules", "rule"),
        ("metric_queries", "metric_query"),
        ("global_secondary_indexes", "global_secondary_index"),
        ("addresses", "address"),
        ("statuses", "status"),
        ("ingress", "ingress"),
        ("cors_rules", "cors_rule"),
    ],
)
def test_a_list_of_blocks_has_the_singular(plural: str, expected: str) -> None:
    assert names.singular(plural) == expected


def test_a_block_is_a_list_of_one_and_a_map_is_none() -> None:
    inputs = {
        "name": "run",
        "code": ARCHIVE,
        "environment": {"variables": {"camelCase": "kept"}},
        "memorySize": 256,
        "tags": {"costCentre": "a"},
        "layers": ["arn:1"],
        "__defaults": [],
    }
    assert exported(step(FUNCTION, "run", inputs)) == {
        "function_name": "run",
        "filename": "/tmp/a.zip",
        "environment": [{"variables": {"camelCase": "kept"}}],
        "memory_size": 256,
        "tags": {"costCentre": "a"},
        "layers": ["arn:1"],
    }


def test_lists_of_blocks_are_named_as_terraform_names_them() -> None:
    device = {"deviceName": "/dev/xvda", "ebs": {"encrypted": "true"}}
    found = exported(
        step("aws:ec2/launchTemplate:LaunchTemplate", "nodes", {"blockDeviceMappings": [device]})
    )
    assert found == {"block_device_mappings": [{"device_name": "/dev/xvda", "ebs": [{"encrypted": "true"}]}]}
    table = {"attributes": [{"name": "pk", "type": "S"}], "serverSideEncryption": {"enabled": True}}
    assert exported(step("aws:dynamodb/table:Table", "runs", table)) == {
        "attribute": [{"name": "pk", "type": "S"}],
        "server_side_encryption": [{"enabled": True}],
    }


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of names of its own, while it is imported
def test_shapes_are_those_that_pulumi_itself_reads_from_the_package() -> None:
    from pulumi_aws import dynamodb, lambda_

    for kind, token in ((lambda_.Function, FUNCTION), (dynamodb.Table, "aws:dynamodb/table:Table")):
        theirs, ours = pulumi_types.resource_types(kind), of_resource(token)
        assert set(ours) == set(theirs)
        for key, shape in ours.items():
            told = pulumi_types.unwrap_optional_type(theirs[key])
            many = get_origin(told) is Sequence
            inner = get_args(told)[0] if many else told
            assert (shape.many, shape.text) == (many, told is str), key
            assert (shape.held is not None) is pulumi_types.is_output_type(inner), key
            if shape.held is not None:
                assert set(of_object(shape.held)) == set(pulumi_types.output_type_types(inner)), key


def test_a_document_given_as_an_object_becomes_text() -> None:
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny"}]}
    found = exported(step(ROLE, "run", {"assumeRolePolicy": policy}))
    assert json.loads(found["assume_role_policy"]) == policy


def test_what_is_unknown_is_left_out_and_marked() -> None:
    inputs = {
        "role": UNKNOWN,
        "environment": {"variables": {"KEY": UNKNOWN, "B": "b"}},
        "layers": [UNKNOWN, "l"],
    }
    plan = plan_of(preview(step(FUNCTION, "run", inputs)))
    change = plan["resource_changes"][0]["change"]
    assert change["after"] == {"environment": [{"variables": {"B": "b"}}], "layers": [None, "l"]}
    assert change["after_unknown"] == {
        "role": True,
        "environment": [{"variables": {"KEY": True}}],
        "layers": [True, False],
    }
    assert (change["before"], change["actions"]) == (None, ["create"])


def test_a_document_of_which_a_part_is_unknown_is_unknown() -> None:
    inputs = {"policy": {"Statement": [{"Resource": UNKNOWN}]}}
    plan = plan_of(preview(step("aws:s3/bucketPolicy:BucketPolicy", "closed", inputs)))
    assert plan["resource_changes"][0]["change"]["after_unknown"] == {"policy": True}


@pytest.mark.parametrize("secret", ["[secret]", SECRET])
def test_a_secret_is_masked_and_marked_wherever_it_lies(secret: Any) -> None:
    inputs = {"environment": {"variables": {"KEY": secret}}, "description": secret}
    plan = plan_of(preview(step(FUNCTION, "run", inputs)))
    marks = {"environment": [{"variables": {"KEY": True}}], "description": True}
    (planned,) = plan["planned_values"]["root_module"]["resources"]
    assert planned["values"] == {
        "environment": [{"variables": {"KEY": SENSITIVE}}],
        "description": SENSITIVE,
    }
    assert planned["sensitive_values"] == plan["resource_changes"][0]["change"]["after_sensitive"] == marks


def test_what_the_provider_keeps_secret_is_masked_even_in_clear() -> None:
    inputs, secrets = {"secretString": "sk-in-clear"}, ["secretString"]
    kind = "aws:secretsmanager/secretVersion:SecretVersion"
    plan = plan_of(preview(step(kind, "key", inputs, "update", additionalSecretOutputs=secrets)))
    assert "sk-in-clear" not in json.dumps(plan)
    assert plan["resource_changes"][0]["change"]["before_sensitive"] == {"secret_string": True}


def test_references_stand_where_the_value_is_unknown_or_names_the_other() -> None:
    function = {
        "role": UNKNOWN,
        "environment": {"variables": {"TABLE": "runs-1234"}},
        "loggingConfig": {"logFormat": "Text", "logGroup": UNKNOWN},
    }
    made_from = {
        "role": [urn(KEY, "key"), urn(ROLE, "run")],
        "environment": [urn("aws:dynamodb/table:Table", "runs")],
        "loggingConfig": [urn("aws:cloudwatch/logGroup:LogGroup", "log")],
    }
    plan = plan_of(
        preview(
            step(FUNCTION, "run", function, propertyDependencies=made_from),
            step(ROLE, "run", {}),
            step(KEY, "key", {}),
            step("aws:dynamodb/table:Table", "runs", {"name": "runs-1234"}),
            step("aws:cloudwatch/logGroup:LogGroup", "log", {}),
        )
    )
    (expressions,) = (
        one["expressions"]
        for one in plan["configuration"]["root_module"]["resources"]
        if one["type"] == "aws_lambda_function"
    )
    table, log = "aws_dynamodb_table.runs", "aws_cloudwatch_log_group.log"
    assert expressions == {
        "role": {
            "references": ["aws_iam_role.run.id", "aws_iam_role.run", "aws_kms_key.key.id", "aws_kms_key.key"]
        },
        "environment": [{"variables": {"references": [f"{table}.name", table]}}],
        "logging_config": [{"log_group": {"references": [f"{log}.id", log]}}],
    }


def test_names_that_terraform_would_not_take_are_made_so_and_stay_apart() -> None:
    steps = [step(KEY, "a.b/c", {}), step(KEY, "a_b_c", {})]
    found = [one["address"] for one in plan_of(preview(*steps))["resource_changes"]]
    assert sorted(found) == ["aws_kms_key.a_b_c", "aws_kms_key.a_b_c_2"]
    assert all(re.fullmatch(r"[a-z0-9_]+\.[\w-]+", address) for address in found)
    assert plan_of(preview(*reversed(steps))) == plan_of(preview(*steps)), "the order of steps tells nothing"


@pytest.mark.parametrize(
    ("op", "actions"),
    [("same", ["no-op"]), ("update", ["update"]), ("delete", ["delete"]), ("replace", ["delete", "create"])],
)
def test_each_operation_is_a_change(op: str, actions: list[str]) -> None:
    steps = [step(KEY, "key", {"description": "d"}, op)]
    if op == "replace":
        steps += [step(KEY, "key", {}, "delete") | {"op": "delete-replaced"}]
        steps += [step(KEY, "key", {}) | {"op": "create-replacement"}]
    plan = plan_of(preview(*steps))
    (change,) = (one["change"] for one in plan["resource_changes"])
    assert (change["actions"], change["before"]) == (actions, {"description": "d"})
    planned = plan["planned_values"]["root_module"]["resources"]
    assert [one["values"] for one in planned] == ([] if op == "delete" else [{"description": "d"}])


def test_a_pod_template_is_in_the_blocks_of_terraforms_provider() -> None:
    container = {
        "name": "agent",
        "env": [{"name": "A", "value": "1"}],
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
        "securityContext": {"readOnlyRootFilesystem": True},
        "resources": {"limits": {"memory": "1Gi"}},
    }
    spec = {"template": {"metadata": {"labels": {"app.kubernetes.io/name": "a"}}, "spec": {"hostIPC": False}}}
    spec["template"]["spec"] |= {"containers": [container]}
    inputs = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": spec}
    found = exported(step("kubernetes:apps/v1:Deployment", "agent", inputs))
    assert found["metadata"] == [{"name": "a"}]
    (template,) = found["spec"][0]["template"]
    assert template["metadata"] == [{"labels": {"app.kubernetes.io/name": "a"}}]
    assert template["spec"][0] == {
        "host_ipc": False,
        "container": [
            {
                "name": "agent",
                "env": [{"name": "A", "value": "1"}],
                "volume_mount": [{"name": "tmp", "mount_path": "/tmp"}],
                "security_context": [{"read_only_root_filesystem": True}],
                "resources": [{"limits": {"memory": "1Gi"}}],
            }
        ],
    }


def test_an_object_of_another_kind_stays_as_it_is() -> None:
    inputs = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "spec": {"minReadySeconds": 5}}
    assert exported(step("kubernetes:argoproj.io/v1alpha1:Rollout", "agent", inputs)) == {"manifest": inputs}


def test_what_is_deployed_is_told_with_all_that_is_known_of_it() -> None:
    state = {"urn": urn(KEY, "key"), "custom": True, "type": KEY, "inputs": {"description": "d"}}
    deployment = {"resources": [{**state, "outputs": {"arn": "arn:1", "description": "d"}}]}
    plan = plan_of({"version": 3, "deployment": deployment})
    change = plan["resource_changes"][0]["change"]
    assert change["actions"] == ["no-op"]
    assert change["before"] == change["after"] == {"arn": "arn:1", "description": "d"}


def test_components_providers_and_what_is_only_read_are_not_in_the_plan() -> None:
    steps = [
        step("agent-hosting:index:Agent", "a", {}, custom=False),
        step("pulumi:providers:aws", "default", {}),
        step(KEY, "theirs", {}, external=True),
        step("random:index/randomId:RandomId", "id", {}),
    ]
    told = preview(*steps)
    assert plan_of(told)["resource_changes"] == []
    assert left_out(told) == ["random:index/randomId:RandomId id"], "no other is missed in silence"


def test_the_command_reads_a_file_and_tells_what_it_leaves_out(tmp_path: Path) -> None:
    told = preview(step(KEY, "key", {}), step("random:index/randomId:RandomId", "id", {}))
    (tmp_path / "preview.json").write_text(json.dumps(told))
    plan = tmp_path / "made" / "plan.json"
    done = CliRunner().invoke(
        app, ["export-plan", "--from", str(tmp_path / "preview.json"), "--output", str(plan)]
    )
    assert done.exit_code == 0, done.output
    assert "no type for it: random:index/randomId:RandomId id" in done.stderr
    found = json.loads(plan.read_text())
    assert found["configuration"]["provider_config"]["aws"]["expressions"] == {
        "region": {"constant_value": "eu-west-1"}
    }
    assert [one["address"] for one in found["resource_changes"]] == ["aws_kms_key.key"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"steps": '])
def test_a_file_of_something_else_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "other.json").write_text(text)
    done = CliRunner().invoke(app, ["export-plan", "--from", str(tmp_path / "other.json")])
    assert done.exit_code != 0
    assert "neither what `pulumi preview --json` nor" in str(done.exception)
