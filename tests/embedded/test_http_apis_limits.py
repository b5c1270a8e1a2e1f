import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.embedded.functions_world import ACCOUNT, REGION
from tests.embedded.http_apis_world import Apis, apis, moto

CORS = {
    "AllowOrigins": ["https://app.example.com"],
    "AllowMethods": ["GET", "POST"],
    "AllowHeaders": ["authorization"],
    "ExposeHeaders": ["location"],
    "AllowCredentials": True,
    "MaxAge": 60,
}


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


def statuses(aws: Apis, path: str, calls: int) -> list[int]:
    return [aws.http.get(path).status_code for _ in range(calls)]


def test_calls_over_the_burst_are_refused_and_return_with_the_rate(aws: Apis) -> None:
    api = aws.api()
    aws.stage(api, DefaultRouteSettings={"ThrottlingBurstLimit": 2, "ThrottlingRateLimit": 0.5})
    aws.route(api, "GET /runs", aws.function(lambda _: {}))
    assert statuses(aws, f"/{api}/runs", 3) == [200, 200, 429]
    assert aws.http.get(f"/{api}/runs").json == {"message": "Too Many Requests"}
    aws.clock.now += 2
    assert statuses(aws, f"/{api}/runs", 2) == [200, 429]


def test_a_route_may_have_limits_of_its_own(aws: Apis) -> None:
    api, function = aws.api(), aws.function(lambda _: {})
    aws.stage(api, RouteSettings={"GET /dear": {"ThrottlingBurstLimit": 1, "ThrottlingRateLimit": 1}})
    aws.route(api, "GET /dear", function)
    aws.route(api, "GET /cheap", function, permitted=False)
    assert statuses(aws, f"/{api}/dear", 2) == [200, 429]
    assert statuses(aws, f"/{api}/cheap", 3) == [200, 200, 200]


def test_a_preflight_is_answered_without_a_route(aws: Apis) -> None:
    api = aws.api(CorsConfiguration=CORS)
    aws.stage(api)
    asked = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "POST"}
    reply = aws.http.options(f"/{api}/runs", headers=asked)
    assert reply.status_code == 204
    assert reply.headers["access-control-allow-origin"] == "https://app.example.com"
    assert reply.headers["access-control-allow-methods"] == "GET,POST"
    assert reply.headers["access-control-allow-headers"] == "authorization"
    assert reply.headers["access-control-allow-credentials"] == "true"
    assert reply.headers["access-control-max-age"] == "60"


def test_another_origin_gets_no_cors_headers(aws: Apis) -> None:
    api = aws.api(CorsConfiguration=CORS)
    aws.stage(api)
    asked = {"Origin": "https://evil.example.com", "Access-Control-Request-Method": "POST"}
    assert "access-control-allow-origin" not in aws.http.options(f"/{api}/runs", headers=asked).headers


def test_cors_headers_of_the_api_replace_those_of_the_function(aws: Apis) -> None:
    api = aws.api(CorsConfiguration=CORS)
    aws.stage(api)
    answer = {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*"}, "body": ""}
    aws.route(api, "GET /runs", aws.function(lambda _: answer))
    reply = aws.http.get(f"/{api}/runs", headers={"Origin": "https://app.example.com"})
    assert reply.headers.getlist("access-control-allow-origin") == ["https://app.example.com"]
    assert reply.headers["access-control-expose-headers"] == "location"


def test_options_is_a_route_like_others_without_cors(aws: Apis) -> None:
    api = aws.answering(lambda _: {"statusCode": 418}, "OPTIONS /runs")
    asked = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "POST"}
    assert aws.http.options(f"/{api}/runs", headers=asked).status_code == 418


def test_calls_are_written_to_the_access_log(aws: Apis) -> None:
    logs, group, api = aws.client("logs"), "/apis/agents", aws.api()
    logs.create_log_group(logGroupName=group)
    form = (
        '{"id":"$context.requestId","status":"$context.status","route":"$context.routeKey",'
        '"ip":"$context.identity.sourceIp","why":"$context.integrationErrorMessage",'
        '"unknown":"$context.noSuchThing","size":"$context.responseLength","at":"$context.requestTime"}'
    )
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}"
    aws.stage(api, AccessLogSettings={"DestinationArn": arn, "Format": form})
    aws.route(api, "GET /good", aws.function(lambda _: "four"))
    aws.route(api, "GET /bad", aws.function(lambda _: {"statusCode": "soon"}))
    for path in ("good", "bad", "none"):
        aws.http.get(f"/{api}/{path}")
    lines = [json.loads(e["message"]) for e in logs.filter_log_events(logGroupName=group)["events"]]
    good, bad, none = lines
    assert (good["status"], good["route"], good["size"]) == ("200", "GET /good", "4")
    assert (good["ip"], good["unknown"], good["why"]) == ("127.0.0.1", "-", "-")
    assert good["at"] == "14/Nov/2023:22:13:20 +0000"
    assert bad["status"] == "500"
    assert "doesn't match the format" in bad["why"]
    assert none["status"] == "404"
