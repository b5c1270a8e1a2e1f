import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from embedded_aws.authorizer.needs import Need
from embedded_aws.authorizer.request import parse, signature
from embedded_aws.authorizer.resources import needs_of
from tests.embedded.authorizer_world import ENDPOINT, World, arn, captured, world

LEADING, ATTRIBUTES = "dynamodb:leadingkeys", "dynamodb:attributes"
TABLE = arn("dynamodb", "table/t")
MODEL = "arn:aws:bedrock:eu-west-1::foundation-model/maker.model-v1:0"
PROFILE = arn("bedrock", "inference-profile/eu.maker.model-v1:0")


def needs(service: str, operation: str, **params: Any) -> list[Need]:
    method, path, query, headers, body = captured(service, operation, **params)
    lower = {name.lower(): value for name, value in headers.items()}
    signed = signature(query, lower)
    assert signed is not None
    return needs_of(parse(method, path, query, lower, body, signed))


def named(found: list[Need]) -> list[tuple[str, str]]:
    return [(need.action, need.resource) for need in found]


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


@pytest.fixture
def table(aws: World) -> str:
    aws.admin("dynamodb").create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk", "owner")],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-owner",
                "KeySchema": [{"AttributeName": "owner", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    return "t"


def key(pk: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": "1"}}


@pytest.mark.parametrize(
    ("service", "operation", "params", "expected"),
    [
        ("lambda", "invoke", {"FunctionName": "f"}, [("lambda:InvokeFunction", arn("lambda", "function:f"))]),
        (
            "lambda",
            "invoke",
            {"FunctionName": "123456789012:function:f", "Qualifier": "live"},
            [("lambda:InvokeFunction", arn("lambda", "function:f:live"))],
        ),
        (
            "lambda",
            "get_function",
            {"FunctionName": arn("lambda", "function:f:live")},
            [("lambda:GetFunction", arn("lambda", "function:f:live"))],
        ),
        ("lambda", "list_functions", {}, [("lambda:ListFunctions", "*")]),
        ("s3", "get_object", {"Bucket": "bbb", "Key": "a/b"}, [("s3:GetObject", "arn:aws:s3:::bbb/a/b")]),
        ("s3", "head_object", {"Bucket": "bbb", "Key": "a"}, [("s3:GetObject", "arn:aws:s3:::bbb/a")]),
        (
            "s3",
            "get_object",
            {"Bucket": "bbb", "Key": "a", "VersionId": "v"},
            [("s3:GetObjectVersion", "arn:aws:s3:::bbb/a")],
        ),
        ("s3", "list_objects_v2", {"Bucket": "bbb"}, [("s3:ListBucket", "arn:aws:s3:::bbb")]),
        ("s3", "head_bucket", {"Bucket": "bbb"}, [("s3:ListBucket", "arn:aws:s3:::bbb")]),
        ("s3", "list_buckets", {}, [("s3:ListAllMyBuckets", "*")]),
        (
            "s3",
            "upload_part",
            {"Bucket": "bbb", "Key": "a", "UploadId": "u", "PartNumber": 1},
            [("s3:PutObject", "arn:aws:s3:::bbb/a")],
        ),
        (
            "s3",
            "copy_object",
            {"Bucket": "bbb", "Key": "a", "CopySource": {"Bucket": "cc", "Key": "x y"}},
            [("s3:PutObject", "arn:aws:s3:::bbb/a"), ("s3:GetObject", "arn:aws:s3:::cc/x y")],
        ),
        (
            "s3",
            "delete_objects",
            {"Bucket": "bbb", "Delete": {"Objects": [{"Key": "a"}, {"Key": "b&<", "VersionId": "v"}]}},
            [("s3:DeleteObject", "arn:aws:s3:::bbb/a"), ("s3:DeleteObjectVersion", "arn:aws:s3:::bbb/b&<")],
        ),
        (
            "s3",
            "put_object",
            {"Bucket": "bbb", "Key": "a", "Tagging": "k=v"},
            [("s3:PutObject", "arn:aws:s3:::bbb/a"), ("s3:PutObjectTagging", "arn:aws:s3:::bbb/a")],
        ),
        ("sns", "publish", {"TopicArn": arn("sns", "t"), "Message": "m"}, [("sns:Publish", arn("sns", "t"))]),
        (
            "sns",
            "publish_batch",
            {"TopicArn": arn("sns", "t"), "PublishBatchRequestEntries": [{"Id": "1", "Message": "m"}]},
            [("sns:Publish", arn("sns", "t"))],
        ),
        (
            "sqs",
            "delete_message_batch",
            {
                "QueueUrl": f"{ENDPOINT}/123456789012/q",
                "Entries": [{"Id": "1", "ReceiptHandle": "r"}],
            },
            [("sqs:DeleteMessage", arn("sqs", "q"))],
        ),
        ("sqs", "get_queue_url", {"QueueName": "q"}, [("sqs:GetQueueUrl", arn("sqs", "q"))]),
        (
            "logs",
            "put_log_events",
            {"logGroupName": "/g", "logStreamName": "s", "logEvents": [{"timestamp": 1, "message": "m"}]},
            [("logs:PutLogEvents", arn("logs", "log-group:/g:log-stream:s"))],
        ),
        (
            "logs",
            "create_log_group",
            {"logGroupName": "/g"},
            [("logs:CreateLogGroup", arn("logs", "log-group:/g:log-stream:"))],
        ),
        ("ssm", "get_parameter", {"Name": "/a/b"}, [("ssm:GetParameter", arn("ssm", "parameter/a/b"))]),
        (
            "ssm",
            "get_parameters",
            {"Names": ["a", "b:3"]},
            [
                ("ssm:GetParameters", arn("ssm", "parameter/a")),
                ("ssm:GetParameters", arn("ssm", "parameter/b")),
            ],
        ),
        (
            "stepfunctions",
            "start_execution",
            {"stateMachineArn": arn("states", "stateMachine:m")},
            [("states:StartExecution", arn("states", "stateMachine:m"))],
        ),
        (
            "stepfunctions",
            "send_task_success",
            {"taskToken": "t", "output": "{}"},
            [("states:SendTaskSuccess", "*")],
        ),
        (
            "ecs",
            "update_task_protection",
            {
                "cluster": arn("ecs", "cluster/c"),
                "tasks": ["1", arn("ecs", "task/c/2")],
                "protectionEnabled": True,
            },
            [
                ("ecs:UpdateTaskProtection", arn("ecs", "task/c/1")),
                ("ecs:UpdateTaskProtection", arn("ecs", "task/c/2")),
            ],
        ),
        (
            "events",
            "put_events",
            {
                "Entries": [
                    {"Source": "s", "DetailType": "d", "Detail": "{}", "EventBusName": "b"},
                    {"Source": "s"},
                ]
            },
            [
                ("events:PutEvents", arn("events", "event-bus/b")),
                ("events:PutEvents", arn("events", "event-bus/default")),
            ],
        ),
        ("sts", "get_caller_identity", {}, []),
        (
            "sts",
            "assume_role",
            {"RoleArn": "arn:aws:iam::123456789012:role/r", "RoleSessionName": "ss"},
            [("sts:AssumeRole", "arn:aws:iam::123456789012:role/r")],
        ),
        ("xray", "put_trace_segments", {"TraceSegmentDocuments": ["{}"]}, [("xray:PutTraceSegments", "*")]),
        ("bedrock-runtime", "converse", {"modelId": "maker.model-v1:0"}, [("bedrock:InvokeModel", MODEL)]),
        (
            "bedrock-runtime",
            "converse_stream",
            {"modelId": MODEL},
            [("bedrock:InvokeModelWithResponseStream", MODEL)],
        ),
        (
            "bedrock-runtime",
            "invoke_model",
            {"modelId": "eu.maker.model-v1:0"},
            [("bedrock:InvokeModel", PROFILE), ("bedrock:InvokeModel", MODEL)],
        ),
        (
            "bedrock-runtime",
            "converse",
            {"modelId": PROFILE},
            [("bedrock:InvokeModel", PROFILE), ("bedrock:InvokeModel", MODEL)],
        ),
        ("dynamodb", "list_tables", {}, [("dynamodb:ListTables", "*")]),
        ("eks", "describe_cluster", {"name": "c"}, [("eks:DescribeCluster", "*")]),
        ("sesv2", "send_email", {"Content": {}}, [("ses:SendEmail", "*")]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_call_needs_its_action_on_what_it_names(
    aws: World, service: str, operation: str, params: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert named(needs(service, operation, **params)) == expected


def test_metrics_are_judged_by_their_namespace() -> None:
    metric = [{"MetricName": "m", "Value": 1.0}]
    [need] = needs("cloudwatch", "put_metric_data", Namespace="Agents", MetricData=metric)
    assert need == Need("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": ("Agents",)})


def test_an_event_is_judged_by_its_source() -> None:
    [need] = needs("events", "put_events", Entries=[{"Source": "s", "DetailType": "d", "Detail": "{}"}])
    assert need.context == {"events:source": ("s",), "events:detail-type": ("d",)}


def test_a_listing_is_judged_by_its_prefix() -> None:
    [need] = needs("s3", "list_objects_v2", Bucket="bbb", Prefix="agent/", Delimiter="/")
    assert need.context == {"s3:prefix": ("agent/",), "s3:delimiter": ("/",)}


def test_deletions_that_cannot_be_read_are_judged_by_everything() -> None:
    method, path, query, headers, _ = captured(
        "s3", "delete_objects", Bucket="bbb", Delete={"Objects": [{"Key": "a"}]}
    )
    lower = {name.lower(): value for name, value in headers.items()}
    signed = signature(query, lower)
    assert signed is not None
    assert named(needs_of(parse(method, path, query, lower, b"<Delete>", signed))) == [
        ("s3:DeleteObject", "*")
    ]


@pytest.mark.parametrize(
    ("operation", "params", "keys"),
    [
        ("get_item", {"Key": key("a#1")}, ("a#1",)),
        ("put_item", {"Item": {**key("a#1"), "owner": {"S": "o"}}}, ("a#1",)),
        ("update_item", {"Key": key("a#1")}, ("a#1",)),
        ("delete_item", {"Key": key("a#1")}, ("a#1",)),
        ("get_item", {"Key": {"other": {"S": "a#1"}}}, ("",)),
        (
            "query",
            {
                "KeyConditionExpression": "#p = :p AND begins_with(sk, :s)",
                "ExpressionAttributeNames": {"#p": "pk"},
                "ExpressionAttributeValues": {":p": {"S": "a#1"}, ":s": {"S": "x"}},
            },
            ("a#1",),
        ),
        (
            "query",
            {
                "KeyConditionExpression": "(sk=:s) and (pk=:p)",
                "ExpressionAttributeValues": {":p": {"S": "a#1"}, ":s": {"S": "b#1"}},
            },
            ("a#1",),
        ),
        (
            "query",
            {
                "IndexName": "by-owner",
                "KeyConditionExpression": "#o = :o",
                "ExpressionAttributeNames": {"#o": "owner"},
                "ExpressionAttributeValues": {":o": {"S": "me"}},
            },
            ("me",),
        ),
        (
            "query",
            {"KeyConditions": {"pk": {"AttributeValueList": [{"S": "a#1"}], "ComparisonOperator": "EQ"}}},
            ("a#1",),
        ),
        (
            "query",
            {"KeyConditionExpression": "pk > :p", "ExpressionAttributeValues": {":p": {"S": "a"}}},
            ("",),
        ),
        ("scan", {}, None),
        ("describe_table", {}, None),
    ],
)
def test_the_leading_keys_are_the_partitions_that_a_request_names(
    aws: World, table: str, operation: str, params: dict[str, Any], keys: tuple[str, ...] | None
) -> None:
    [need] = needs("dynamodb", operation, TableName=table, **params)
    assert need.context.get(LEADING) == keys
    assert need.resource == TABLE + ("/index/by-owner" if "IndexName" in params else "")


def test_a_table_may_be_named_by_its_arn(aws: World, table: str) -> None:
    [need] = needs("dynamodb", "get_item", TableName=TABLE, Key=key("a#1"))
    assert (need.resource, need.context[LEADING]) == (TABLE, ("a#1",))


def test_a_batch_needs_each_table_with_all_of_its_partitions(aws: World, table: str) -> None:
    reads = {"t": {"Keys": [key("a#1"), key("b#1"), key("a#1")]}, "missing": {"Keys": [key("c#1")]}}
    first, second = needs("dynamodb", "batch_get_item", RequestItems=reads)
    assert (first.action, first.resource, first.context) == (
        "dynamodb:BatchGetItem",
        TABLE,
        {LEADING: ("a#1", "b#1"), ATTRIBUTES: ("pk", "sk")},
    )
    assert (second.resource, second.context) == (arn("dynamodb", "table/missing"), {})
    writes = {"t": [{"PutRequest": {"Item": key("a#1")}}, {"DeleteRequest": {"Key": key("b#2")}}]}
    [need] = needs("dynamodb", "batch_write_item", RequestItems=writes)
    assert (need.action, need.context[LEADING]) == ("dynamodb:BatchWriteItem", ("a#1", "b#2"))


def test_a_transaction_needs_the_action_of_each_item(aws: World, table: str) -> None:
    check = {"TableName": "t", "Key": key("b#1"), "ConditionExpression": "attribute_exists(pk)"}
    update = {"TableName": "t", "Key": key("a#2"), "UpdateExpression": "REMOVE x"}
    items = [{"Put": {"TableName": "t", "Item": key("a#1")}}, {"ConditionCheck": check}, {"Update": update}]
    found = needs("dynamodb", "transact_write_items", TransactItems=items)
    assert [(n.action, n.context[LEADING]) for n in found] == [
        ("dynamodb:PutItem", ("a#1",)),
        ("dynamodb:ConditionCheckItem", ("b#1",)),
        ("dynamodb:UpdateItem", ("a#2",)),
    ]
    assert {n.context["dynamodb:enclosingoperation"] for n in found} == {("TransactWriteItems",)}


def test_a_secret_is_judged_by_its_full_arn_however_it_is_named(aws: World) -> None:
    full = aws.admin("secretsmanager").create_secret(Name="a/b", SecretString="v")["ARN"]
    for name in ("a/b", full, full[:-7]):
        [need] = needs("secretsmanager", "get_secret_value", SecretId=name, VersionStage="AWSCURRENT")
        assert need.resource == full
        assert need.context == {
            "secretsmanager:secretid": (full,),
            "secretsmanager:versionstage": ("AWSCURRENT",),
        }
    [missing] = needs("secretsmanager", "get_secret_value", SecretId="none")
    assert missing.resource == arn("secretsmanager", "secret:none")


def test_a_batch_of_secrets_needs_each_of_them(aws: World) -> None:
    full = aws.admin("secretsmanager").create_secret(Name="a", SecretString="v")["ARN"]
    assert named(needs("secretsmanager", "batch_get_secret_value", SecretIdList=["a"])) == [
        ("secretsmanager:BatchGetSecretValue", "*"),
        ("secretsmanager:GetSecretValue", full),
    ]


def test_a_key_is_judged_by_its_arn_however_it_is_named(aws: World) -> None:
    kms = aws.admin("kms")
    made = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName="alias/a", TargetKeyId=made["KeyId"])
    blob = kms.encrypt(KeyId="alias/a", Plaintext=b"p")["CiphertextBlob"]
    for name in (made["KeyId"], made["Arn"], "alias/a", arn("kms", "alias/a")):
        assert named(needs("kms", "generate_data_key", KeyId=name, KeySpec="AES_256")) == [
            ("kms:GenerateDataKey", made["Arn"])
        ]
    [need] = needs("kms", "decrypt", CiphertextBlob=blob, EncryptionContext={"Tenant": "a"})
    assert need.resource == made["Arn"]
    assert need.context["kms:encryptioncontext:tenant"] == ("a",)
    [need] = needs("kms", "encrypt", KeyId="alias/a", Plaintext=b"p")
    assert need.context["kms:requestalias"] == ("alias/a",)


def test_a_ciphertext_of_nobody_is_judged_by_everything() -> None:
    [need] = needs("kms", "decrypt", CiphertextBlob=base64.b64encode(b"\xff" * 60))
    assert need.resource != arn("kms", "key/")
