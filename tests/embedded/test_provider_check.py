"""What the provider refuses before anything is made: on the resource, and by the property's own name."""

from typing import Any

import grpc
import pytest
from pulumi.runtime import rpc

from tests.embedded.conftest import NewStack
from tests.embedded.provider_world import RunningCloud

ROLE = "arn:aws:iam::123456789012:role/agent"
VALID: dict[str, dict[str, Any]] = {
    "aws:lambda/function:Function": {
        **{"role": ROLE, "s3Bucket": "code", "s3Key": "app.zip", "runtime": "python3.11"},
        **{"handler": "app.handler", "memorySize": 512, "timeout": 30, "tracingConfig": {"mode": "Active"}},
    },
    "aws:lambda/alias:Alias": {"name": "live", "functionName": "agent", "functionVersion": "1"},
    "aws:dynamodb/table:Table": {
        **{"billingMode": "PAY_PER_REQUEST", "hashKey": "id", "attributes": [{"name": "id", "type": "S"}]},
        **{"deletionProtectionEnabled": True, "tags": {"team": "agents"}},
    },
    "aws:sqs/queue:Queue": {"visibilityTimeoutSeconds": 30, "fifoQueue": False},
    "aws:iam/role:Role": {"assumeRolePolicy": "{}", "maxSessionDuration": 3600},
    "aws:cloudwatch/metricAlarm:MetricAlarm": {
        **{"comparisonOperator": "GreaterThanThreshold", "evaluationPeriods": 1, "threshold": 1.5},
        **{"metricName": "Errors", "namespace": "AWS/Lambda", "period": 60, "statistic": "Sum"},
    },
    "aws:apigatewayv2/api:Api": {"protocolType": "HTTP", "name": "turns"},
    "aws:sns/topicSubscription:TopicSubscription": {"topic": "arn", "protocol": "sqs", "endpoint": "arn"},
}
FUNCTION, ALIAS, TABLE, QUEUE, ROLE_TYPE, ALARM, API, SUBSCRIPTION = VALID


@pytest.mark.parametrize("token", VALID)
def test_nothing_is_said_against_what_is_right(provider_cloud: RunningCloud, token: str) -> None:
    assert provider_cloud.check(token, VALID[token]) == {}


@pytest.mark.parametrize(
    ("token", "broken", "property_name", "reason"),
    [
        (QUEUE, {"visibilityTimeout": 30}, "visibilityTimeout", "unknown property; known are: "),
        (
            FUNCTION,
            {"tracingConfig": {"mode": "Active", "rate": 1}},
            "tracingConfig.rate",
            "unknown property",
        ),
        (TABLE, {"attributes": [{"name": "id", "kind": "S"}]}, "attributes[0].kind", "unknown property"),
        (
            QUEUE,
            {"visibilityTimeoutSeconds": "long"},
            "visibilityTimeoutSeconds",
            "a whole number, not 'long'",
        ),
        (QUEUE, {"visibilityTimeoutSeconds": 1.5}, "visibilityTimeoutSeconds", "a whole number, not 1.5"),
        (QUEUE, {"visibilityTimeoutSeconds": True}, "visibilityTimeoutSeconds", "a whole number, not True"),
        (QUEUE, {"fifoQueue": "yes"}, "fifoQueue", "must be true or false, not 'yes'"),
        (QUEUE, {"tags": ["team"]}, "tags", "must be an object"),
        (QUEUE, {"tags": {"team": 3}}, "tags.team", "must be a string, not 3"),
        (TABLE, {"attributes": {"name": "id"}}, "attributes", "must be a list"),
        (FUNCTION, {"memorySize": 64}, "memorySize", "must be at least 128; it is 64"),
        (FUNCTION, {"memorySize": 99999}, "memorySize", "must be at most"),
        (FUNCTION, {"timeout": 0}, "timeout", "must be at least 1; it is 0"),
        (FUNCTION, {"runtime": "python2.6"}, "runtime", "must be one of "),
        (FUNCTION, {"role": "agent"}, "role", "must match "),
        (FUNCTION, {"tracingConfig": {"mode": "Loud"}}, "tracingConfig.mode", "must be one of Active"),
        (TABLE, {"billingMode": "FREE"}, "billingMode", "must be one of PROVISIONED, PAY_PER_REQUEST"),
        (ALIAS, {"name": "no spaces"}, "name", "must match "),
        (ALIAS, {"name": "42"}, "name", "must match "),
        (ROLE_TYPE, {"maxSessionDuration": 60}, "maxSessionDuration", "must be at least 3600"),
        (ALARM, {"comparisonOperator": "MoreThan"}, "comparisonOperator", "must be one of "),
        (ALARM, {"statistic": "Average!"}, "statistic", "must be one of "),
        (API, {"protocolType": "GOPHER"}, "protocolType", "must be one of WEBSOCKET, HTTP"),
    ],
)
def test_one_wrong_property_is_refused_by_its_name(
    provider_cloud: RunningCloud, token: str, broken: dict[str, Any], property_name: str, reason: str
) -> None:
    said = provider_cloud.check(token, VALID[token] | broken)
    assert set(said) == {property_name}
    assert reason in said[property_name]


@pytest.mark.parametrize(
    ("token", "left_out"),
    [
        (FUNCTION, "role"),
        (ALIAS, "functionVersion"),
        (ROLE_TYPE, "assumeRolePolicy"),
        (API, "protocolType"),
        (SUBSCRIPTION, "topic"),
    ],
)
def test_a_missing_property_is_asked_for_by_its_name(
    provider_cloud: RunningCloud, token: str, left_out: str
) -> None:
    given = {name: value for name, value in VALID[token].items() if name != left_out}
    assert provider_cloud.check(token, given) == {left_out: "is required"}


@pytest.mark.parametrize(
    ("token", "name"), [(FUNCTION, "role"), (ALIAS, "functionVersion"), (TABLE, "hashKey"), (QUEUE, "name")]
)
def test_what_is_not_known_yet_is_not_refused(provider_cloud: RunningCloud, token: str, name: str) -> None:
    assert provider_cloud.check(token, VALID[token] | {name: rpc.UNKNOWN}) == {}


def test_a_type_without_a_row_is_named(provider_cloud: RunningCloud) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        provider_cloud.check("aws:s3/inventory:Inventory", {})
    assert "no row for the resource type aws:s3/inventory:Inventory" in refused.value.details()


def test_the_preview_shows_the_refusal_on_the_resource(new_stack: NewStack) -> None:
    stack = new_stack("""
raw("aws:sqs/queue:Queue", "bogus", {"visibilityTimeout": 30})
raw("aws:sqs/queue:Queue", "fine", {"visibilityTimeoutSeconds": 30})
""")
    run = stack.preview(ok=False)
    assert "visibilityTimeout" in run.errors()["bogus"]
    assert "fine" not in run.errors()
    assert "[AttributeError" not in run.said


def test_the_preview_refuses_what_aws_would_refuse_in_the_middle_of_a_deployment(new_stack: NewStack) -> None:
    stack = new_stack("""
role = aws.iam.Role("role", assume_role_policy=trust())
aws.lambda_.Function("small", role=role.arn, runtime="python3.11", handler="app.handler", memory_size=64,
                     code=pulumi.AssetArchive({"app.py": pulumi.StringAsset("pass")}))
""")
    assert "memorySize" in stack.preview(ok=False).errors()["small"]
    assert "memorySize" in stack.up(ok=False).errors()["small"]


def test_the_preview_names_a_type_that_has_no_row(new_stack: NewStack) -> None:
    run = new_stack('raw("aws:s3/inventory:Inventory", "inventory", {"bucket": "b"})').preview(ok=False)
    assert "aws:s3/inventory:Inventory" in run.errors()["inventory"]
    assert "embedded/embedded_aws/tables/" in run.errors()["inventory"]


def test_another_region_is_refused_with_what_to_set(new_stack: NewStack) -> None:
    stack = new_stack('raw("aws:sqs/queue:Queue", "queue", {})')
    stack.pulumi("config", "set", "aws:region", "us-east-1")
    assert "Set aws:region to eu-west-1" in stack.preview(ok=False).said
