import base64
import json
import os
import uuid
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from tests.embedded.functions_world import ACCOUNT, REGION, Gateway, World, package, serving, world

ECHO = """
import os
def handler(event, context):
    return {"event": event, "pid": os.getpid(), "arn": context.invoked_function_arn, "env": dict(os.environ)}
"""


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    gateway = Gateway()
    with serving(gateway) as gateway.url:
        yield gateway


@pytest.fixture
def aws(gateway: Gateway) -> Iterator[World]:
    with world(gateway) as made:
        yield made


def test_the_code_of_the_zip_really_runs(aws: World) -> None:
    name = aws.function(ECHO)
    reply = aws.invoke(name, {"question": 42})
    answer = json.loads(reply["Payload"].read())
    assert reply["StatusCode"] == 200
    assert reply["ExecutedVersion"] == "$LATEST"
    assert "FunctionError" not in reply
    assert answer["event"] == {"question": 42}
    assert answer["pid"] != os.getpid()


def test_code_may_come_from_a_bucket(aws: World) -> None:
    s3, bucket = aws.client("s3"), f"code-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=bucket, Key="app.zip", Body=package({"app.py": ECHO}))
    name = aws.function("", Code={"S3Bucket": bucket, "S3Key": "app.zip"})
    assert aws.answer(name, {"from": "s3"})["event"] == {"from": "s3"}


def test_packages_of_the_zip_win_over_those_of_the_runtime(aws: World) -> None:
    code = "import boto3\ndef handler(event, context): return boto3.WHO"
    zipped = package({"app.py": code, "boto3/__init__.py": "WHO = 'the one in the zip'"})
    assert aws.answer(aws.function("", Code={"ZipFile": zipped})) == "the one in the zip"


def test_a_layer_is_on_the_path(aws: World) -> None:
    content = {"ZipFile": package({"python/shared.py": "WHO = 'the layer'"})}
    layer = aws.client("lambda").publish_layer_version(LayerName=f"l{uuid.uuid4().hex[:6]}", Content=content)
    code = "import shared\ndef handler(event, context): return shared.WHO"
    assert aws.answer(aws.function(code, Layers=[layer["LayerVersionArn"]])) == "the layer"


def test_the_environment_holds_what_aws_sets_and_what_is_declared(aws: World) -> None:
    role = aws.role()
    name = aws.function(ECHO, Environment={"Variables": {"STAGE": "test", "LANG": "C"}}, Role=role)
    env = aws.answer(name)["env"]
    assert env["STAGE"] == "test"
    assert env["LANG"] == "C"
    assert env["AWS_LAMBDA_FUNCTION_NAME"] == name
    assert env["AWS_LAMBDA_FUNCTION_VERSION"] == "$LATEST"
    assert env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "512"
    assert env["AWS_LAMBDA_LOG_GROUP_NAME"] == f"/aws/lambda/{name}"
    assert env["AWS_REGION"] == env["AWS_DEFAULT_REGION"] == REGION
    assert env["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.11"
    assert env["AWS_ENDPOINT_URL"] == aws.gateway.url
    assert env["AWS_ACCESS_KEY_ID"] == f"{role.split('/')[-1]}+{name}"
    assert env["_HANDLER"] == "app.handler"
    assert env["TZ"] == ":UTC"


def test_nothing_of_our_own_environment_leaks(aws: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUR_SECRET", "do not tell")
    monkeypatch.setenv("AWS_ROLE_SESSION_NAME", "ours")
    env = aws.answer(aws.function(ECHO))["env"]
    assert "OUR_SECRET" not in env
    assert "AWS_ROLE_SESSION_NAME" not in env
    assert "HOME" not in env
    assert env["AWS_CONFIG_FILE"] == env["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull


def test_a_warm_process_is_used_again(aws: World) -> None:
    name = aws.function(ECHO)
    assert aws.answer(name)["pid"] == aws.answer(name)["pid"]


@pytest.mark.parametrize(
    "form",
    [
        "{name}",
        "{name}:$LATEST",
        "{account}:function:{name}",
        "arn:aws:lambda:{region}:{account}:function:{name}",
    ],
)
def test_a_function_is_found_by_every_form_of_its_name(aws: World, form: str) -> None:
    name = aws.function(ECHO)
    named = form.format(name=name, account=ACCOUNT, region=REGION)
    assert aws.answer(named, {"form": form})["event"] == {"form": form}


def test_other_requests_are_left_to_others(aws: World) -> None:
    assert aws.functions.respond("GET", "/2015-03-31/functions/f/invocations", "", {}, b"") is None
    assert aws.functions.respond("POST", "/2015-03-31/functions", "", {}, b"") is None


@pytest.mark.parametrize("qualifier", [None, "7", "nowhere"])
def test_what_is_not_there_is_404(aws: World, qualifier: str | None) -> None:
    name = "no-such-function" if qualifier is None else aws.function(ECHO)
    with pytest.raises(ClientError) as refused:
        aws.invoke(name, **({"Qualifier": qualifier} if qualifier else {}))
    assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert name in refused.value.response["Error"]["Message"]


def test_a_dry_run_runs_nothing(aws: World) -> None:
    assert aws.invoke(aws.function(ECHO), InvocationType="DryRun")["StatusCode"] == 204
    assert aws.functions.pids() == []


def test_a_payload_that_is_no_json_is_refused(aws: World) -> None:
    with pytest.raises(ClientError, match="InvalidRequestContentException"):
        aws.client("lambda").invoke(FunctionName=aws.function(ECHO), Payload=b"{no")


def test_the_tail_of_the_log_comes_with_the_answer(aws: World) -> None:
    name = aws.function("def handler(event, context): print('thinking')")
    tail = base64.b64decode(aws.invoke(name, LogType="Tail")["LogResult"]).decode()
    start, line, end, report = tail.splitlines()
    assert start.startswith("START RequestId: ")
    assert line == "thinking"
    assert end.startswith("END RequestId: ")
    assert report.startswith("REPORT RequestId: ")
    assert "Memory Size: 512 MB" in report
    assert "Init Duration: " in report


def test_credentials_are_not_in_the_log(aws: World) -> None:
    aws.answer(aws.function("def handler(event, context): raise ValueError('no')"))
    assert not any("secret" in line for line in aws.log)
