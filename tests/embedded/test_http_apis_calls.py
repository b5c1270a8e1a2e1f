import base64
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from embedded_aws.functions import Invocation
from tests.embedded.functions_world import ACCOUNT, REGION
from tests.embedded.http_apis_world import Apis, apis, moto


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with moto() as url:
        yield url


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("issuer") / "key.pem"


@pytest.fixture
def aws(url: str, key: Path) -> Iterator[Apis]:
    with apis(url, key) as made:
        yield made


def test_a_call_reaches_the_alias_behind_its_route(aws: Apis) -> None:
    api = aws.answering(lambda _: {"ok": True}, "POST /runs")
    reply = aws.http.post(f"/{api}/runs", json={"q": 1})
    assert (reply.status_code, reply.json) == (200, {"ok": True})
    assert reply.content_type == "application/json"
    function, qualifier, event = aws.functions.events[-1]
    assert (function in aws.functions.handlers, qualifier) == (True, "live")
    assert json.loads(event["body"]) == {"q": 1}


def test_the_event_is_as_aws_documents_it(aws: Apis) -> None:
    api = aws.answering(lambda _: {}, "POST /runs/{id}")
    aws.http.post(
        f"/{api}/runs/7?a=1&a=2&b=x%20y",
        data="hello",
        content_type="text/plain",
        headers=[("X-Two", "1"), ("X-Two", "2"), ("Cookie", "c1=v1; c2=v2"), ("User-Agent", "tests")],
    )
    event = aws.event
    context = event.pop("requestContext")
    request_id = context.pop("requestId")
    assert len(request_id) == 36
    headers = event.pop("headers")
    assert headers["x-two"].replace(" ", "") == "1,2"
    assert headers["x-forwarded-proto"] == "http"
    assert "cookie" not in headers
    assert event == {
        "version": "2.0",
        "routeKey": "POST /runs/{id}",
        "rawPath": "/runs/7",
        "rawQueryString": "a=1&a=2&b=x%20y",
        "cookies": ["c1=v1", "c2=v2"],
        "queryStringParameters": {"a": "1,2", "b": "x y"},
        "pathParameters": {"id": "7"},
        "body": "hello",
        "isBase64Encoded": False,
    }
    assert context == {
        "accountId": ACCOUNT,
        "apiId": api,
        "domainName": f"{api}.execute-api.{REGION}.amazonaws.com",
        "domainPrefix": api,
        "http": {
            "method": "POST",
            "path": "/runs/7",
            "protocol": "HTTP/1.1",
            "sourceIp": "127.0.0.1",
            "userAgent": "tests",
        },
        "routeKey": "POST /runs/{id}",
        "stage": "$default",
        "time": "14/Nov/2023:22:13:20 +0000",
        "timeEpoch": 1_700_000_000_000,
    }


def test_a_named_stage_is_the_first_part_of_the_path(aws: Apis) -> None:
    api = aws.answering(lambda _: {}, "GET /runs")
    aws.stage(api, "prod", StageVariables={"colour": "green"})
    assert aws.http.get(f"/{api}/prod/runs").status_code == 200
    assert aws.event["rawPath"] == "/prod/runs"
    assert aws.event["requestContext"]["stage"] == "prod"
    assert aws.event["stageVariables"] == {"colour": "green"}
    assert aws.http.get(f"/{api}/runs").status_code == 200
    assert "stageVariables" not in aws.event


def test_bytes_go_to_the_function_as_base64(aws: Apis) -> None:
    api = aws.answering(lambda _: {})
    aws.http.post(f"/{api}/x", data=b"\x00\xff", content_type="application/octet-stream")
    assert aws.event["isBase64Encoded"] is True
    assert base64.b64decode(aws.event["body"]) == b"\x00\xff"


@pytest.mark.parametrize("path", ["/nowhere/runs", "/{api}/other", "/", "/{api}"])
def test_what_is_not_there_is_404(aws: Apis, path: str) -> None:
    api = aws.answering(lambda _: {}, "GET /runs")
    reply = aws.http.get(path.format(api=api))
    assert (reply.status_code, reply.json) == (404, {"message": "Not Found"})


def test_an_api_without_a_stage_is_404(aws: Apis) -> None:
    api = aws.api()
    aws.route(api, "GET /runs", aws.function(lambda _: {}))
    assert aws.http.get(f"/{api}/runs").status_code == 404


def test_a_structured_answer_is_taken_apart(aws: Apis) -> None:
    answer = {
        "statusCode": 202,
        "headers": {"Location": "/runs/1", "X-Count": 3},
        "cookies": ["a=1", "b=2; Secure"],
        "body": base64.b64encode(b"\x00bytes").decode(),
        "isBase64Encoded": True,
    }
    reply = aws.http.get(f"/{aws.answering(lambda _: answer)}/x")
    assert (reply.status_code, reply.data) == (202, b"\x00bytes")
    assert (reply.headers["location"], reply.headers["x-count"]) == ("/runs/1", "3")
    assert reply.headers.getlist("set-cookie") == ["a=1", "b=2; Secure"]


@pytest.mark.parametrize(("answer", "body"), [("hello", b"hello"), ([1, 2], b"[1, 2]"), (None, b"null")])
def test_any_other_answer_is_a_200_of_json(aws: Apis, answer: Any, body: bytes) -> None:
    reply = aws.http.get(f"/{aws.answering(lambda _: answer)}/x")
    assert (reply.status_code, reply.data, reply.content_type) == (200, body, "application/json")


def test_an_answer_to_head_has_no_body(aws: Apis) -> None:
    assert aws.http.head(f"/{aws.answering(lambda _: {'statusCode': 200, 'body': 'x'})}/x").data == b""


@pytest.mark.parametrize(
    "answer",
    [
        Invocation(200, {"X-Amz-Function-Error": "Unhandled"}, b'{"errorMessage": "no"}'),
        Invocation(429, {}, b'{"Reason": "ReservedFunctionConcurrentInvocationLimitExceeded"}'),
        {"statusCode": "soon"},
        {"statusCode": 999},
        {"statusCode": 200, "body": {"not": "text"}},
        {"statusCode": 200, "headers": {"x": ["a", "b"]}},
        {"statusCode": 200, "body": "no base64", "isBase64Encoded": True},
    ],
)
def test_what_goes_wrong_in_the_function_is_a_500(aws: Apis, answer: Any) -> None:
    reply = aws.http.get(f"/{aws.answering(lambda _: answer)}/x")
    assert (reply.status_code, reply.json) == (500, {"message": "Internal Server Error"})
    assert len(aws.log) == 1


def test_a_function_that_outlasts_the_integration_is_a_503(aws: Apis) -> None:
    ended = threading.Event()
    api = aws.answering(lambda _: ended.wait(30), integration={"TimeoutInMillis": 50})
    reply = aws.http.get(f"/{api}/x")
    ended.set()
    assert (reply.status_code, reply.json) == (503, {"message": "Service Unavailable"})


@pytest.mark.parametrize("source", ["{api}/*/*", "{api}/$default/GET/runs/{{id}}", "{api}/*/*/runs/*", "*"])
def test_a_policy_that_names_the_call_permits_it(aws: Apis, source: str) -> None:
    function = aws.function(lambda _: {})
    api = aws.api()
    aws.stage(api)
    aws.route(api, "GET /runs/{id}", function, permitted=False)
    aws.permit(function, source.format(api=api))
    assert aws.http.get(f"/{api}/runs/1").status_code == 200


@pytest.mark.parametrize(
    ("source", "qualifier"),
    [
        ("other/*/*", "live"),
        ("{api}/*/POST/runs/*", "live"),
        ("{api}/prod/*", "live"),
        ("{api}/*/*", None),
        (None, None),
    ],
)
def test_a_call_that_no_policy_permits_is_a_500(aws: Apis, source: str | None, qualifier: str | None) -> None:
    function = aws.function(lambda _: {})
    api = aws.api()
    aws.stage(api)
    aws.route(api, "GET /runs/{id}", function, permitted=False)
    if source is not None:
        aws.permit(function, source.format(api=api), qualifier)
    assert aws.http.get(f"/{api}/runs/1").status_code == 500
    assert "doesn't have permissions to call the integration" in aws.log[-1]
    assert aws.functions.events == []


def test_a_body_over_ten_megabytes_is_refused(aws: Apis) -> None:
    api = aws.answering(lambda _: {})
    assert aws.http.post(f"/{api}/x", data=b"x" * (10 * 1024 * 1024 + 1)).status_code == 413
    assert aws.functions.events == []


def test_an_integration_that_is_not_emulated_says_so(aws: Apis) -> None:
    api = aws.answering(lambda _: {}, integration={"PayloadFormatVersion": "1.0"})
    assert aws.http.get(f"/{api}/x").status_code == 500
    assert "does not emulate integration AWS_PROXY" in aws.log[-1]
