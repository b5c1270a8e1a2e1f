"""The HTTP API in front of an agent."""

import json

import pytest

from agent_hosting import FrontDoor
from agent_hosting.front_door import STATUS_ROUTES
from tests.components.recorder import run
from tests.components.samples import DOOR_FUNCTION, JWT, making


def test_the_door_has_two_routes_one_lock_and_a_log() -> None:
    assert run(making(FrontDoor, "door")).tree() == {
        ("agent-hosting:index:FrontDoor", "door", "agent-hosting-test"),
        ("aws:apigatewayv2/api:Api", "door", "door"),
        ("aws:apigatewayv2/authorizer:Authorizer", "door-jwt", "door"),
        ("aws:apigatewayv2/integration:Integration", "door-agent", "door"),
        ("aws:apigatewayv2/route:Route", "door-post-runs", "door"),
        ("aws:apigatewayv2/route:Route", "door-get-runs-id", "door"),
        ("aws:apigatewayv2/stage:Stage", "door-stage", "door"),
        ("aws:cloudwatch/logGroup:LogGroup", "door-access", "door"),
        ("aws:lambda/permission:Permission", "door-agent-permission", "door"),
    }


def test_a_permission_from_before_doors_had_several_functions_is_taken_over() -> None:
    assert run(making(FrontDoor, "door")).one("Permission").aliases == ("door-permission",)


def test_each_route_goes_to_the_function_that_answers_it_and_each_function_is_called_by_this_api_alone() -> (
    None
):
    asked = {
        "label": "status",
        "routes": STATUS_ROUTES,
        "function_name": "reader",
        "alias_name": "current",
        "alias_invoke_arn": "arn:reader",
    }
    functions = [{**DOOR_FUNCTION, "routes": ["POST /runs", "POST /uploads"]}, asked]
    program = run(making(FrontDoor, "door", functions=functions))
    answered = {r.inputs["routeKey"]: r.inputs["target"] for r in program.all("Route")}
    agent, status = "integrations/door-agent-0a1b2c3", "integrations/door-status-0a1b2c3"
    assert answered == {
        "POST /runs": agent,
        "POST /uploads": agent,
        "GET /runs/{id}": status,
        "GET /runs/{id}/events": status,
        "POST /runs/{id}/cancel": status,
        "POST /approvals/{id}": status,
    }
    assert program.one("Integration", "door-status").inputs["integrationUri"] == "arn:reader"
    allowed = {(p.inputs["function"], p.inputs["qualifier"]) for p in program.all("Permission")}
    assert allowed == {("function", "live"), ("reader", "current")}
    assert len({p.inputs["sourceArn"] for p in program.all("Permission")}) == 1
    assert program.one("Permission", "door-status-permission").aliases == ()


def test_every_route_asks_for_a_token_of_the_given_issuer() -> None:
    program = run(making(FrontDoor, "door"))
    lock = program.one("Authorizer").inputs
    assert lock["authorizerType"] == "JWT"
    assert lock["jwtConfiguration"] == JWT
    assert lock["identitySources"] == ["$request.header.Authorization"]
    routes = program.all("Route")
    assert {route.inputs["routeKey"] for route in routes} == {"POST /runs", "GET /runs/{id}"}
    for route in routes:
        assert route.inputs["authorizationType"] == "JWT"
        assert route.inputs["authorizerId"] == "door-jwt-0a1b2c3"
        assert route.inputs["target"] == "integrations/door-agent-0a1b2c3"


def test_calls_go_to_the_alias_and_wait_as_long_as_an_http_api_can() -> None:
    integration = run(making(FrontDoor, "door")).one("Integration").inputs
    assert integration["integrationUri"] == "arn:invoke"
    assert (integration["integrationType"], integration["payloadFormatVersion"]) == ("AWS_PROXY", "2.0")
    assert integration["timeoutMilliseconds"] == 30_000


def test_this_api_alone_may_call_the_alias_and_not_the_function_behind_it() -> None:
    permission = run(making(FrontDoor, "door")).one("Permission").inputs
    assert (permission["function"], permission["qualifier"]) == ("function", "live")
    assert permission["principal"] == "apigateway.amazonaws.com"
    assert permission["sourceArn"] == "arn:aws:execute-api:eu-west-1:123456789012:door-0a1b2c3/*/*"


@pytest.mark.parametrize(
    ("given", "rate", "burst"),
    [({}, 10, 20), ({"requests_per_second": 0.5}, 0.5, 20), ({"burst_requests": 5000}, 10, 5000)],
)
def test_callers_are_held_to_a_rate(given: dict[str, float], rate: float, burst: int) -> None:
    stage = run(making(FrontDoor, "door", **given)).one("Stage").inputs
    assert stage["defaultRouteSettings"] == {"throttlingRateLimit": rate, "throttlingBurstLimit": burst}


@pytest.mark.parametrize(("given", "days"), [({}, 90), ({"log_retention_days": 365}, 365)])
def test_the_access_log_says_who_called_and_never_what_was_said(given: dict[str, int], days: int) -> None:
    program = run(making(FrontDoor, "door", **given))
    log, stage = program.one("LogGroup"), program.one("Stage")
    assert log.inputs["retentionInDays"] == days
    assert stage.inputs["accessLogSettings"]["destinationArn"].endswith("/door-access-0a1b2c3")
    line = json.loads(stage.inputs["accessLogSettings"]["format"])
    assert line["subject"] == "$context.authorizer.claims.sub"
    assert {"requestId", "status", "route", "latencyMs", "time"} <= set(line)
    assert "body" not in json.dumps(line).lower()
    assert "header" not in json.dumps(line).lower()


def test_the_stage_deploys_by_itself_under_the_apis_own_address() -> None:
    program = run(making(FrontDoor, "door"))
    stage = program.one("Stage").inputs
    assert (stage["name"], stage["autoDeploy"]) == ("$default", True)
    url = program.outputs_of("FrontDoor")["url"]
    assert url == "https://door-0a1b2c3.execute-api.eu-west-1.amazonaws.com"


def test_an_issuer_on_this_machine_is_let_in_for_the_embedded_cloud() -> None:
    given = {"issuer": "http://127.0.0.1:4566/issuer", "audiences": ["agents"]}
    program = run(making(FrontDoor, "door", jwt=given))
    assert program.one("Authorizer").inputs["jwtConfiguration"] == given
