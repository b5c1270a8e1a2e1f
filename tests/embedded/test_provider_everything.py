"""The life of a stack with a resource of every type: made, unchanged, drifted, mended, gone."""

import json
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import pytest

from tests.embedded.conftest import NewStack
from tests.embedded.provider_everything import PROGRAM, SERVICES
from tests.embedded.provider_world import ACCOUNT, Run, Stack

OTHER = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
)
OTHERS = OTHER.replace('"Effect"', '"Principal": "*", "Effect"')

DRIFT = {
    **{"alarm": {"threshold"}, "api": {"description"}, "authorizer": {"jwtConfiguration"}},
    **{
        "bucket": {"tags"},
        "budget": {"notifications"},
        "bucket-policy": {"policy"},
        "dashboard": {"dashboardBody"},
    },
    **{"block": {"blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"}},
    **{"encryption": {"rules"}, "fifo": {"tags"}, "function": {"environment", "memorySize"}},
    **{"group": {"retentionInDays"}, "inline": {"policy"}, "integration": {"timeoutMilliseconds"}},
    **{"item": {"item"}, "key": {"enableKeyRotation", "policy"}, "key-alias": {"targetKeyId"}},
    **{"live": {"functionVersion", "routingConfig"}, "mapping": {"batchSize"}, "ownership": {"rule"}},
    **{"policy": {"policy"}, "provisioned": {"readCapacity"}, "queue": {"visibilityTimeoutSeconds"}},
    **{"queue-policy": {"policy"}, "rate": {"metricQueries"}, "redrive": {"redrivePolicy"}},
    **{
        "redrive-allow": {"redriveAllowPolicy"},
        "role": {"assumeRolePolicy"},
        "route": {"authorizationType", "authorizerId"},
    },
    **{"secret": {"tags"}, "secret-policy": {"policy"}, "table": {"tags"}},
    **{"topic": {"displayName"}, "topic-policy": {"policy"}, "versioning": {"versioningConfiguration"}},
}
"""What `_change_by_hand` changes of a resource that stays."""

GONE = {
    *("attachment", "event-config", "lifecycle", "permission", "rotation", "stage"),
    "subscription",
}
"""What it deletes."""


@dataclass(frozen=True)
class Story:
    stack: Stack
    preview: Run
    first: Run
    types: set[str]
    unchanged: Run
    undrifted: Run
    drifted: Run
    drifted_preview: Run
    mended: Run
    after: Run
    emptied: Run
    left: dict[str, Any]
    recorded: tuple[list[Any], list[Any]]


@pytest.fixture(scope="module")
def story(new_stack: NewStack) -> Story:
    stack = new_stack(PROGRAM)
    preview, first = stack.preview(), stack.up()
    held = stack.resources()
    unchanged, undrifted = stack.up(), stack.refresh_preview()
    _change_by_hand(stack)
    drifted, drifted_preview = stack.refresh_preview(), stack.preview("--refresh")
    mended, after = stack.up("--refresh"), stack.preview("--refresh")
    recorded = stack.cloud.recorded()
    _delete_by_hand(stack)
    emptied = stack.destroy()
    types = {r["type"] for r in held.values() if r["type"].startswith("aws:")}
    runs = (preview, first, types, unchanged, undrifted, drifted, drifted_preview, mended, after, emptied)
    return Story(stack, *runs, _left(stack), (recorded, stack.cloud.recorded()))


def test_the_program_holds_every_type_of_these_tables(story: Story) -> None:
    tables = [import_module(f"embedded_aws.tables.{name}") for name in SERVICES]
    assert story.types == {row.token for table in tables for row in table.ROWS}


def test_the_preview_says_what_the_deployment_then_does(story: Story) -> None:
    assert story.preview.changes() == story.first.changes()
    assert set(story.first.changes().values()) == {"create"}


def test_a_second_deployment_changes_nothing(story: Story) -> None:
    assert story.unchanged.steps() == []


def test_a_refresh_of_what_nobody_touched_shows_nothing(story: Story) -> None:
    assert story.undrifted.drift() == {}


@pytest.mark.parametrize("name", sorted(DRIFT))
def test_a_refresh_shows_what_was_changed_by_hand(story: Story, name: str) -> None:
    assert story.drifted.drift()[name] == "update"


@pytest.mark.parametrize("name", sorted(GONE))
def test_a_refresh_shows_what_was_deleted_by_hand(story: Story, name: str) -> None:
    assert story.drifted.drift()[name] == "delete"


def test_a_refresh_shows_no_drift_where_there_is_none(story: Story) -> None:
    assert set(story.drifted.drift()) == DRIFT.keys() | GONE


def test_a_preview_after_a_refresh_says_how_it_would_be_mended(story: Story) -> None:
    assert story.drifted_preview.changes() == dict.fromkeys(DRIFT, "update") | dict.fromkeys(GONE, "create")


@pytest.mark.parametrize("name", sorted(DRIFT))
def test_a_deployment_with_refresh_puts_back_the_very_properties(story: Story, name: str) -> None:
    assert set(story.mended.diff(name)) == DRIFT[name]


def test_what_was_mended_shows_no_drift_any_more(story: Story) -> None:
    assert story.mended.changes() == story.drifted_preview.changes()
    assert story.after.steps() == []


def test_a_destroy_goes_through_although_much_is_gone_already(story: Story) -> None:
    assert set(story.emptied.changes().values()) == {"delete"}
    assert len(story.emptied.changes()) == len(story.first.changes())


def test_a_destroy_leaves_nothing_of_the_stack_in_aws(story: Story) -> None:
    assert {kind: names for kind, names in story.left.items() if names} == {}


def test_what_cannot_be_emulated_is_listed_as_recorded_until_it_is_destroyed(story: Story) -> None:
    before, after = (
        {token for token, name in listed if _ours(story.stack, name)} for listed in story.recorded
    )
    assert before == {
        "aws:budgets/budgetAction:BudgetAction",
        "aws:cloudwatch/compositeAlarm:CompositeAlarm",
    }
    assert after == set()


def _ours(stack: Stack, name: str) -> bool:
    return name.startswith((stack.id, "budget-"))


def _change_by_hand(stack: Stack) -> None:
    held, client = stack.resources(), stack.cloud.client
    ids = {name: str(resource.get("id", "")) for name, resource in held.items()}
    functions = client("lambda")
    functions.update_function_configuration(
        FunctionName=ids["function"], MemorySize=1024, Environment={"Variables": {"LEVEL": "debug"}}
    )
    functions.publish_version(FunctionName=ids["function"])
    functions.update_alias(
        FunctionName=ids["function"],
        Name="live",
        FunctionVersion="2",
        RoutingConfig={"AdditionalVersionWeights": {"1": 0.25}},
    )
    functions.delete_function_event_invoke_config(FunctionName=ids["function"])
    functions.update_event_source_mapping(UUID=ids["mapping"], BatchSize=9)
    statement = ids["permission"].split("/")[-1]
    functions.remove_permission(FunctionName=ids["function"], StatementId=statement, Qualifier="live")

    tables = client("dynamodb")
    tables.tag_resource(ResourceArn=held["table"]["outputs"]["arn"], Tags=[{"Key": "by", "Value": "hand"}])
    tables.put_item(
        TableName=ids["table"], Item={"run": {"S": "r-1"}, "step": {"N": "1"}, "note": {"S": "other"}}
    )
    tables.update_table(
        TableName=ids["provisioned"], ProvisionedThroughput={"ReadCapacityUnits": 9, "WriteCapacityUnits": 2}
    )

    topics = client("sns")
    topics.set_topic_attributes(TopicArn=ids["topic"], AttributeName="DisplayName", AttributeValue="Other")
    topics.set_topic_attributes(TopicArn=ids["topic"], AttributeName="Policy", AttributeValue=OTHERS)
    topics.unsubscribe(SubscriptionArn=ids["subscription"])

    iam = client("iam")
    iam.create_policy_version(PolicyArn=ids["policy"], PolicyDocument=OTHER, SetAsDefault=True)
    trust = held["role"]["outputs"]["assumeRolePolicy"].replace("lambda.", "ecs-tasks.")
    iam.update_assume_role_policy(RoleName=ids["role"], PolicyDocument=trust)
    inline = ids["inline"].split(":")[1]
    iam.put_role_policy(RoleName=ids["role"], PolicyName=inline, PolicyDocument=OTHER)
    iam.detach_role_policy(RoleName=ids["role"], PolicyArn=ids["policy"])

    queues = client("sqs")
    redrive = {"deadLetterTargetArn": held["dead"]["outputs"]["arn"], "maxReceiveCount": 9}
    attributes = {"VisibilityTimeout": "7", "Policy": OTHERS, "RedrivePolicy": json.dumps(redrive)}
    queues.set_queue_attributes(QueueUrl=ids["queue"], Attributes=attributes)
    allow_all = {"RedriveAllowPolicy": json.dumps({"redrivePermission": "allowAll"})}
    queues.set_queue_attributes(QueueUrl=ids["dead"], Attributes=allow_all)
    queues.tag_queue(QueueUrl=ids["fifo"], Tags={"by": "hand"})

    client("logs").put_retention_policy(logGroupName=ids["group"], retentionInDays=1)
    _change_bucket(client("s3"), ids["bucket"])
    keys = client("kms")
    keys.disable_key_rotation(KeyId=ids["key"])
    keys.put_key_policy(KeyId=ids["key"], PolicyName="default", Policy=OTHERS)
    other_key = keys.create_key()["KeyMetadata"]["KeyId"]
    keys.update_alias(AliasName=ids["key-alias"], TargetKeyId=other_key)

    secrets = client("secretsmanager")
    secrets.put_resource_policy(SecretId=ids["secret"], ResourcePolicy=OTHERS)
    secrets.cancel_rotate_secret(SecretId=ids["secret"])
    secrets.tag_resource(SecretId=ids["secret"], Tags=[{"Key": "by", "Value": "hand"}])

    alarms = client("cloudwatch")
    _put_alarm(alarms, ids["alarm"], Threshold=50)
    _put_alarm(alarms, ids["rate"], Metrics=[{"Id": "rate", "Expression": "1", "ReturnData": True}])
    alarms.put_dashboard(
        DashboardName=ids["dashboard"], DashboardBody='{"widgets": [{"type": "text", "properties": {}}]}'
    )
    client("budgets").delete_notification(
        AccountId=ACCOUNT,
        BudgetName=ids["budget"].split(":")[1],
        Notification={
            "ComparisonOperator": "GREATER_THAN",
            "Threshold": 80,
            "ThresholdType": "PERCENTAGE",
            "NotificationType": "ACTUAL",
        },
    )

    apis, api = client("apigatewayv2"), ids["api"]
    apis.update_api(ApiId=api, Description="other")
    apis.update_route(ApiId=api, RouteId=ids["route"], AuthorizationType="NONE", AuthorizerId="")
    apis.update_integration(ApiId=api, IntegrationId=ids["integration"], TimeoutInMillis=1000)
    jwt = {"Audience": ["others"], "Issuer": "https://issuer.example.com"}
    apis.update_authorizer(ApiId=api, AuthorizerId=ids["authorizer"], JwtConfiguration=jwt)
    apis.delete_stage(ApiId=api, StageName="$default")


def _change_bucket(buckets: Any, bucket: str) -> None:
    buckets.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    buckets.delete_bucket_lifecycle(Bucket=bucket)
    buckets.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"BlockPublicAcls": False})
    buckets.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "by", "Value": "hand"}]})
    encryption = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
    buckets.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=encryption)
    buckets.put_bucket_policy(Bucket=bucket, Policy='{"Version": "2012-10-17", "Statement": []}')
    ownership = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    buckets.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=ownership)


def _put_alarm(alarms: Any, name: str, **changed: Any) -> None:
    found = alarms.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
    taken = alarms.meta.service_model.operation_model("PutMetricAlarm").input_shape.members
    alarms.put_metric_alarm(**{k: v for k, v in found.items() if k in taken} | changed)


def _delete_by_hand(stack: Stack) -> None:
    """One of each kind that other things hang on."""
    ids, client = {name: str(r.get("id", "")) for name, r in stack.resources().items()}, stack.cloud.client
    client("lambda").delete_function(FunctionName=ids["function"])
    client("sqs").delete_queue(QueueUrl=ids["queue"])
    client("sns").delete_topic(TopicArn=ids["topic"])
    client("dynamodb").delete_table(TableName=ids["table"])
    client("secretsmanager").delete_secret(SecretId=ids["secret"], ForceDeleteWithoutRecovery=True)
    client("apigatewayv2").delete_api(ApiId=ids["api"])
    client("logs").delete_log_group(logGroupName=ids["group"])
    client("cloudwatch").delete_alarms(AlarmNames=[ids["alarm"]])
    client("cloudwatch").delete_dashboards(DashboardNames=[ids["dashboard"]])
    client("kms").delete_alias(AliasName=ids["key-alias"])
    client("kms").schedule_key_deletion(KeyId=ids["key"])
    iam = client("iam")
    iam.detach_role_policy(RoleName=ids["role"], PolicyArn=ids["policy"])
    iam.delete_role_policy(RoleName=ids["role"], PolicyName=ids["inline"].split(":")[1])
    iam.delete_role(RoleName=ids["role"])


def _left(stack: Stack) -> dict[str, Any]:
    """What AWS still lists of names that this program gives."""
    client, own = stack.cloud.client, stack.id
    marks = (own, "policy-", "provisioned-", "table-", "bucket-", "secret-", "alarm-", "rate-", "budget-")
    listed = {
        "functions": [f["FunctionName"] for f in client("lambda").list_functions()["Functions"]],
        "mappings": [
            m["EventSourceArn"] for m in client("lambda").list_event_source_mappings()["EventSourceMappings"]
        ],
        "roles": [r["RoleName"] for r in client("iam").list_roles()["Roles"]],
        "policies": [p["PolicyName"] for p in client("iam").list_policies(Scope="Local")["Policies"]],
        "tables": client("dynamodb").list_tables()["TableNames"],
        "queues": [u.rsplit("/", 1)[1] for u in client("sqs").list_queues().get("QueueUrls", [])],
        "topics": [t["TopicArn"].rsplit(":", 1)[1] for t in client("sns").list_topics()["Topics"]],
        "buckets": [b["Name"] for b in client("s3").list_buckets()["Buckets"]],
        "secrets": [s["Name"] for s in client("secretsmanager").list_secrets()["SecretList"]],
        "groups": [g["logGroupName"] for g in client("logs").describe_log_groups()["logGroups"]],
        "alarms": [a["AlarmName"] for a in client("cloudwatch").describe_alarms()["MetricAlarms"]],
        "dashboards": [
            d["DashboardName"] for d in client("cloudwatch").list_dashboards()["DashboardEntries"]
        ],
        "aliases": [a["AliasName"] for a in client("kms").list_aliases()["Aliases"]],
        "apis": [a["Name"] for a in client("apigatewayv2").get_apis()["Items"]],
        "budgets": [
            b["BudgetName"] for b in client("budgets").describe_budgets(AccountId=ACCOUNT)["Budgets"]
        ],
    }
    kept = {kind: [n for n in names if n.startswith(marks) or own in n] for kind, names in listed.items()}
    states = [
        client("kms").describe_key(KeyId=key["KeyId"])["KeyMetadata"]
        for key in client("kms").list_keys()["Keys"]
    ]
    kept["keys"] = [
        k["KeyId"] for k in states if k["KeyState"] == "Enabled" and k["Description"] == "checkpoints"
    ]
    return kept
