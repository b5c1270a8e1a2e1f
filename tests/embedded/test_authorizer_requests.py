from typing import Any

import pytest
from botocore.serialize import create_serializer

from embedded_aws.authorizer.request import ApiCall, parse, signature
from embedded_aws.authorizer.service_models import model, signed_as
from tests.embedded.authorizer_world import ENDPOINT, captured

QUEUE_URL = f"{ENDPOINT}/123456789012/q"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:t"
PROFILE = "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.maker.model-v1:0"
ITEM = {"pk": {"S": "a#1"}}


def call(service: str, operation: str, **params: Any) -> ApiCall:
    return parsed(*captured(service, operation, **params))


def parsed(method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> ApiCall:
    lower = {name.lower(): value for name, value in headers.items()}
    signed = signature(query, lower)
    assert signed is not None
    return parse(method, path, query, lower, body, signed)


@pytest.mark.parametrize(
    ("service", "operation", "params"),
    [
        ("dynamodb", "put_item", {"TableName": "t", "Item": ITEM}),
        ("dynamodb", "transact_write_items", {"TransactItems": [{"Put": {"TableName": "t", "Item": ITEM}}]}),
        ("secretsmanager", "get_secret_value", {"SecretId": "s", "VersionStage": "AWSCURRENT"}),
        ("s3", "get_object", {"Bucket": "bbb", "Key": "a b/ü%41+c", "VersionId": "v"}),
        ("s3", "head_object", {"Bucket": "bbb", "Key": "k"}),
        ("s3", "put_object", {"Bucket": "bbb", "Key": "k/", "ServerSideEncryption": "aws:kms"}),
        ("s3", "copy_object", {"Bucket": "bbb", "Key": "k", "CopySource": "cc/k"}),
        ("s3", "list_objects", {"Bucket": "bbb"}),
        ("s3", "list_objects_v2", {"Bucket": "bbb", "Prefix": "a/"}),
        ("s3", "list_buckets", {}),
        ("s3", "head_bucket", {"Bucket": "bbb"}),
        ("s3", "get_bucket_policy", {"Bucket": "bbb"}),
        ("s3", "get_object_tagging", {"Bucket": "bbb", "Key": "k"}),
        ("s3", "get_bucket_lifecycle_configuration", {"Bucket": "bbb"}),
        ("s3", "create_multipart_upload", {"Bucket": "bbb", "Key": "k"}),
        ("s3", "upload_part", {"Bucket": "bbb", "Key": "k", "UploadId": "u", "PartNumber": 1}),
        ("s3", "list_parts", {"Bucket": "bbb", "Key": "k", "UploadId": "u"}),
        ("s3", "abort_multipart_upload", {"Bucket": "bbb", "Key": "k", "UploadId": "u"}),
        ("sns", "publish", {"TopicArn": TOPIC, "Message": "m"}),
        ("sqs", "send_message", {"QueueUrl": QUEUE_URL, "MessageBody": "m"}),
        ("kms", "decrypt", {"KeyId": "alias/a", "EncryptionContext": {"a": "b"}, "CiphertextBlob": b"c"}),
        ("lambda", "invoke", {"FunctionName": "arn:aws:lambda:eu-west-1:123456789012:function:f:live"}),
        ("lambda", "list_functions", {}),
        ("sts", "get_caller_identity", {}),
        ("sts", "assume_role", {"RoleArn": "arn:aws:iam::123456789012:role/r", "RoleSessionName": "ss"}),
        (
            "cloudwatch",
            "put_metric_data",
            {"Namespace": "A/B", "MetricData": [{"MetricName": "m", "Value": 1}]},
        ),
        ("logs", "create_log_stream", {"logGroupName": "/a/b", "logStreamName": "s/t"}),
        ("iam", "get_role", {"RoleName": "r"}),
        (
            "stepfunctions",
            "start_execution",
            {"stateMachineArn": "arn:aws:states:eu-west-1:1:stateMachine:m"},
        ),
        ("events", "put_events", {"Entries": [{"Source": "s", "DetailType": "d", "Detail": "{}"}]}),
        ("ecs", "update_task_protection", {"cluster": "c", "tasks": ["t"], "protectionEnabled": True}),
        ("xray", "put_trace_segments", {"TraceSegmentDocuments": ["{}"]}),
        ("bedrock-runtime", "converse", {"modelId": "maker.model-v1:0", "messages": []}),
        ("bedrock-runtime", "converse_stream", {"modelId": PROFILE, "messages": []}),
        ("bedrock-runtime", "invoke_model", {"modelId": PROFILE}),
        ("apigatewayv2", "get_api", {"ApiId": "a"}),
        ("apigateway", "get_rest_api", {"restApiId": "a"}),
        ("ssm", "get_parameter", {"Name": "/a/b"}),
        ("elbv2", "describe_load_balancers", {"Names": ["a"]}),
        ("elb", "describe_load_balancers", {"LoadBalancerNames": ["a"]}),
        ("sesv2", "send_email", {"Content": {}}),
        ("eks", "describe_cluster", {"name": "c"}),
        ("scheduler", "get_schedule", {"Name": "s"}),
        ("application-autoscaling", "describe_scalable_targets", {"ServiceNamespace": "ecs"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_boto3_sends_is_read_as_what_was_called(
    service: str, operation: str, params: dict[str, Any]
) -> None:
    found = call(service, operation, **params)
    named = model(service).operation_model(str(found.operation)).name
    assert (found.service, named.lower()) == (service, operation.replace("_", ""))
    assert (found.region, found.access_key_id, found.session_token) == ("eu-west-1", "ASIATEST", "token")
    plain = {k: v for k, v in params.items() if not isinstance(v, bytes | int)}
    assert {k: v for k, v in found.params.items() if k in plain} == plain


def test_nested_parameters_of_the_query_protocol_are_read() -> None:
    entries = [
        {"Id": "1", "Message": "m", "MessageAttributes": {"a": {"DataType": "String", "StringValue": "b"}}},
        {"Id": "2", "Message": "n"},
    ]
    found = call("sns", "publish_batch", TopicArn=TOPIC, PublishBatchRequestEntries=entries)
    assert found.params == {"TopicArn": TOPIC, "PublishBatchRequestEntries": entries}


@pytest.mark.parametrize("host", ["bbb.localhost:4566", "bbb.s3.eu-west-1.amazonaws.com"])
def test_a_bucket_in_the_name_of_the_host_is_a_bucket(host: str) -> None:
    method, _, query, headers, body = captured("s3", "get_object", Bucket="bbb", Key="k")
    found = parsed(method, "/k", query, {**headers, "Host": host}, body)
    assert (found.operation, found.params["Bucket"], found.params["Key"]) == ("GetObject", "bbb", "k")
    assert parsed(method, "/", query, {**headers, "Host": host}, body).operation == "ListObjects"


def test_cbor_names_its_operation_in_the_path() -> None:
    put = model("cloudwatch").operation_model("PutMetricData")
    params = {"Namespace": "A/B", "MetricData": [{"MetricName": "m", "Value": 1.5}]}
    sent = create_serializer("smithy-rpc-v2-cbor", False).serialize_to_request(params, put)
    scope = "AWS4-HMAC-SHA256 Credential=ASIATEST/20260601/eu-west-1/monitoring/aws4_request, Signature=0"
    found = parsed("POST", sent["url_path"], "", {**sent["headers"], "Authorization": scope}, sent["body"])
    assert (found.service, found.operation, found.params) == ("cloudwatch", "PutMetricData", params)
    assert found.protocol == "smithy-rpc-v2-cbor"


def test_a_presigned_url_carries_its_signer_in_the_query() -> None:
    query = (
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=ASIATEST%2F20260601%2Feu-west-1%2Fs3%2Faws4_request"
        "&X-Amz-Security-Token=token&X-Amz-Signature=0"
    )
    found = parsed("GET", "/bbb/k", query, {}, b"")
    assert (found.operation, found.access_key_id, found.session_token) == ("GetObject", "ASIATEST", "token")
    older = "AWSAccessKeyId=ASIATEST&Signature=0&Expires=1&x-amz-security-token=token"
    found = parsed("GET", "/bbb/k", older, {}, b"")
    assert (found.operation, found.access_key_id, found.session_token) == ("GetObject", "ASIATEST", "token")


def test_a_request_without_a_signer_has_none() -> None:
    assert signature("", {}) is None
    assert signature("", {"authorization": "Bearer token"}) is None


@pytest.mark.parametrize(
    ("path", "headers", "body"),
    [
        ("/", {"x-amz-target": "DynamoDB_20120810.NoSuchThing"}, b"{}"),
        ("/no/such/path", {}, b""),
        ("/", {"content-type": "application/x-www-form-urlencoded"}, b"Action=NoSuchThing"),
        ("/", {"x-amz-target": "Other_20120810.GetItem"}, b"{}"),
    ],
)
def test_what_no_model_knows_has_no_operation(path: str, headers: dict[str, str], body: bytes) -> None:
    scope = "AWS4-HMAC-SHA256 Credential=ASIATEST/20260601/eu-west-1/dynamodb/aws4_request"
    assert parsed("POST", path, "", {**headers, "Authorization": scope}, body).operation is None


def test_two_actions_in_one_request_are_no_operation() -> None:
    method, path, _, headers, body = captured("sns", "publish", TopicArn=TOPIC, Message="m")
    assert parsed(method, path, "Action=DeleteTopic", headers, body).operation is None


@pytest.mark.parametrize("body", [b"", b"[]", b"not JSON", b"\xff"])
def test_a_body_that_is_no_object_has_no_parameters(body: bytes) -> None:
    method, path, query, headers, _ = captured("dynamodb", "list_tables")
    assert parsed(method, path, query, headers, body).params == {}


def test_secrets_of_a_call_stay_out_of_its_representation() -> None:
    text = repr(call("secretsmanager", "put_secret_value", SecretId="s", SecretString="hidden"))
    assert "hidden" not in text
    assert "'token'" not in text


def test_services_that_share_a_signing_name_are_all_known() -> None:
    assert {s.name for s in signed_as("elasticloadbalancing")} == {"elb", "elbv2"}
    assert signed_as("lambda")[0].name == "lambda"
    assert signed_as("no-such-service") == ()
    assert [s.name for s in signed_as("monitoring")] == ["cloudwatch"]
