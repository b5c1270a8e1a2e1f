import dataclasses
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from embedded_aws.authorizer import Authorizer, RefusedCall, read_log
from embedded_aws.authorizer.refusals import ACCESS_DENIED, refuse
from embedded_aws.authorizer.service_models import model
from tests.embedded.authorizer_world import (
    ACCOUNT,
    REGION,
    World,
    allow,
    arn,
    captured,
    world,
)

DENIED, OBJECT = "AccessDeniedException", {"Bucket": "bbb", "Key": "k"}
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/agent/run-1"


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


@pytest.mark.parametrize(
    ("service", "operation", "params", "code", "status", "action", "resource"),
    [
        (
            "dynamodb",
            "scan",
            {"TableName": "t"},
            "AccessDeniedException",
            400,
            "Scan",
            arn("dynamodb", "table/t"),
        ),
        (
            "secretsmanager",
            "get_secret_value",
            {"SecretId": "s"},
            DENIED,
            400,
            "GetSecretValue",
            arn("secretsmanager", "secret:s"),
        ),
        (
            "lambda",
            "invoke",
            {"FunctionName": "f"},
            "AccessDeniedException",
            403,
            "InvokeFunction",
            arn("lambda", "function:f"),
        ),
        ("iam", "list_users", {}, "AccessDenied", 403, "ListUsers", "*"),
        ("sqs", "get_queue_url", {"QueueName": "q"}, "AccessDenied", 400, "GetQueueUrl", arn("sqs", "q")),
        (
            "sns",
            "publish",
            {"TopicArn": arn("sns", "t"), "Message": "m"},
            "AuthorizationError",
            403,
            "Publish",
            arn("sns", "t"),
        ),
        (
            "s3",
            "get_object",
            {"Bucket": "bbb", "Key": "k"},
            "AccessDenied",
            403,
            "GetObject",
            "arn:aws:s3:::bbb/k",
        ),
        ("cloudwatch", "list_metrics", {}, "AccessDenied", 400, "ListMetrics", "*"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_boto3_raises_what_it_would_raise_on_aws(
    aws: World,
    service: str,
    operation: str,
    params: dict[str, Any],
    code: str,
    status: int,
    action: str,
    resource: str,
) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(aws.caller(service), operation)(**params)
    error = refused.value.response
    full = f"{service}:{action}"
    assert error["Error"]["Code"] == code
    assert error["ResponseMetadata"]["HTTPStatusCode"] == status
    assert error["Error"]["Message"] == (
        f"User: {SESSION} is not authorized to perform: {full} on resource: {resource} "
        f"because no identity-based policy allows the {full} action"
    )


def test_a_refused_head_has_no_body(aws: World) -> None:
    with pytest.raises(ClientError) as refused:
        aws.caller("s3").head_object(Bucket="bbb", Key="k")
    assert refused.value.response["Error"]["Code"] == "403"


def test_cbor_is_refused_in_cbor(aws: World) -> None:
    held = aws.authorizer.issue(aws.role("agent"), "run-1")
    put = model("cloudwatch").operation_model("PutMetricData")
    params = {"Namespace": "A", "MetricData": [{"MetricName": "m"}]}
    sent = create_serializer("smithy-rpc-v2-cbor").serialize_to_request(params, put)
    scope = f"AWS4-HMAC-SHA256 Credential={held.access_key_id}/20260601/{REGION}/monitoring/aws4_request"
    headers = {**sent["headers"], "Authorization": scope, "X-Amz-Security-Token": held.session_token}
    refusal = aws.authorizer.refusal("POST", sent["url_path"], "", headers, sent["body"])
    assert refusal is not None
    answer = {"status_code": refusal.status, "headers": refusal.headers, "body": refusal.body}
    error = create_parser("smithy-rpc-v2-cbor").parse(answer, put.output_shape)["Error"]
    assert (error["Code"], error["QueryErrorCode"]) == ("AccessDenied", "AccessDeniedException")
    assert error["Message"].startswith(f"User: {SESSION} is not authorized to perform: cloudwatch:")


def test_ec2_words_its_refusals_its_own_way() -> None:
    refusal = refuse(
        ACCESS_DENIED, "No <way>.", service="ec2", protocol="ec2", method="POST", query_mode=False
    )
    answer = {"status_code": refusal.status, "headers": refusal.headers, "body": refusal.body}
    error = create_parser("ec2").parse(answer, None)["Error"]
    assert (error["Code"], error["Message"]) == ("UnauthorizedOperation", "No <way>.")


@pytest.mark.parametrize(
    ("path", "headers", "refused"),
    [
        ("/moto-api/data.json", {}, False),
        ("/_embedded/health", {}, False),
        ("/moto-apis/key", {}, True),
        ("/bbb/k", {}, True),
        ("/", {"X-Amz-Target": "DynamoDB_20120810.ListTables"}, True),
    ],
)
def test_an_unsigned_request_is_refused_where_it_is_one_to_aws(
    tmp_path: Path, path: str, headers: dict[str, str], refused: bool
) -> None:
    refusal = Authorizer(tmp_path / "log").refusal("GET", path, "", headers, b"")
    assert (refusal is not None) is refused
    if refusal is not None:
        assert refusal.status == 403
        assert b"MissingAuthenticationToken" in refusal.body


def test_each_refusal_is_one_line_of_the_log(aws: World) -> None:
    client = aws.caller("sqs")
    for _ in range(2):
        with pytest.raises(ClientError):
            client.list_queues()
    line = RefusedCall(
        at="2026-06-01T12:00:00.000+00:00",
        principal=SESSION,
        action="sqs:ListQueues",
        resource="*",
        reason="because no identity-based policy allows the sqs:ListQueues action",
        statement=None,
    )
    assert read_log(aws.log_path) == [line, line]
    assert [json.loads(text) for text in aws.log_path.read_text().splitlines()] == [
        dataclasses.asdict(line)
    ] * 2


def test_a_log_that_was_never_written_is_empty(tmp_path: Path) -> None:
    assert read_log(tmp_path / "none") == []


def test_calls_from_many_threads_are_each_counted_and_logged(aws: World) -> None:
    role = aws.role("agent", allow("dynamodb:ListTables"))
    held = aws.authorizer.issue(role, "run-1")

    def sent(operation: str) -> Any:
        method, path, query, headers, body = captured("dynamodb", operation)
        signer = headers["Authorization"].replace("ASIATEST", held.access_key_id)
        return (
            method,
            path,
            query,
            {**headers, "Authorization": signer, "X-Amz-Security-Token": held.session_token},
            body,
        )

    fine, forbidden = sent("list_tables"), sent("list_backups")

    def call() -> None:
        for _ in range(10):
            aws.authorizer.refusal(*fine)
            aws.authorizer.refusal(*forbidden)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert aws.authorizer.allowed_calls() == {(role, "dynamodb:ListTables", "statement 1"): 40}
    assert len(read_log(aws.log_path)) == 40
