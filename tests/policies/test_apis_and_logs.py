"""C35, C36, C37 and C38: APIs, log groups and alarms."""

from typing import Any

import pytest

from tests.policies.judging import ABSENT, UNKNOWN, changed, fails, found, passes, resource, unchecked

ROUTE = {"apiId": "api-1", "routeKey": "POST /runs", "authorizationType": "JWT", "authorizerId": "auth-1"}


def api(**given: Any) -> Any:
    return resource("apigatewayv2/api:Api", "api", changed({"id": "api-1", "protocolType": "HTTP"}, **given))


def route(**given: Any) -> Any:
    return resource("apigatewayv2/route:Route", "route", changed(ROUTE, **given))


def test_a_route_that_asks_who_calls_passes() -> None:
    assert passes("C35", api(), route())
    assert passes("C35", api(), route(authorizationType="AWS_IAM", authorizerId=ABSENT))
    assert passes("C35", route(authorizerId=UNKNOWN))


@pytest.mark.parametrize(
    "broken",
    [
        {"authorizationType": ABSENT},
        {"authorizationType": None},
        {"authorizationType": "NONE"},
        {"authorizationType": ["JWT"]},
        {"authorizerId": ABSENT},
        {"authorizerId": ""},
    ],
)
def test_a_route_that_lets_everybody_in_fails(broken: Any) -> None:
    assert len(fails("C35", api(), route(**broken))) == 1
    assert len(fails("C35", route(**broken))) == 1
    assert fails("C35", api(protocolType="WEBSOCKET"), route(**{**broken, "routeKey": "$connect"}))


def test_of_a_web_socket_its_beginning_is_asked_alone() -> None:
    open_ = route(authorizationType=ABSENT, authorizerId=ABSENT, routeKey="$default")
    assert passes("C35", api(protocolType="WEBSOCKET"), open_)
    assert fails("C35", api(), open_)
    assert unchecked("C35", api(protocolType=UNKNOWN), open_) == ["protocolType"]


def test_apis_that_make_their_routes_themselves() -> None:
    assert fails("C35", api(target="arn:aws:lambda:eu-west-1:123456789012:function:f"))
    assert unchecked("C35", api(body="{}")) == unchecked("C35", api(body=UNKNOWN)) == ["body"]
    assert unchecked("C35", route(authorizationType=UNKNOWN)) == ["authorizationType"]


STAGE = {
    "accessLogSettings": {"destinationArn": "arn:log", "format": "$context.requestId"},
    "defaultRouteSettings": {"throttlingRateLimit": 10, "throttlingBurstLimit": 20},
}


def stage(**given: Any) -> Any:
    return resource("apigatewayv2/stage:Stage", "stage", changed(STAGE, **given))


def test_a_logged_and_bounded_stage_passes() -> None:
    assert passes("C35b", stage())
    assert passes("C35b", stage(accessLogSettings=[{"destinationArn": UNKNOWN}]))


@pytest.mark.parametrize("held", [ABSENT, None, {}, [], {"format": "x"}, "log"])
def test_a_stage_without_an_access_log_fails(held: Any) -> None:
    assert "accessLogSettings" in found("C35b", stage(accessLogSettings=held))[0].path


@pytest.mark.parametrize("held", [ABSENT, None, {}, {"throttlingRateLimit": 0, "throttlingBurstLimit": 0}])
def test_a_stage_that_only_the_account_bounds_fails(held: Any) -> None:
    assert len(fails("C35b", stage(defaultRouteSettings=held))) == 2
    half = {"throttlingRateLimit": "10"}
    assert len(fails("C35b", stage(defaultRouteSettings=half))) == 1
    assert unchecked("C35b", stage(defaultRouteSettings=UNKNOWN)) == ["defaultRouteSettings"]


def integration(**given: Any) -> Any:
    return resource("apigatewayv2/integration:Integration", "i", given)


def test_https_behind_an_api_passes() -> None:
    assert passes("C35c", integration(integrationType="AWS_PROXY", integrationUri="arn:aws:lambda:x"))
    assert passes("C35c", integration(integrationType="HTTP_PROXY", integrationUri="https://agent.example"))
    linked = {"integrationType": "HTTP_PROXY", "connectionType": "VPC_LINK", "integrationUri": UNKNOWN}
    assert passes("C35c", integration(**linked, tlsConfig={"serverNameToVerify": "agent.example"}))
    assert fails("C35c", integration(**linked))
    for tls in (None, {}, [], {"serverNameToVerify": ""}):
        assert fails("C35c", integration(**linked, tlsConfig=tls))


@pytest.mark.parametrize("uri", ["http://agent.example", "HTTP://10.0.0.1:8080/x"])
def test_plain_text_behind_an_api_fails(uri: str) -> None:
    assert len(fails("C35c", integration(integrationType="HTTP_PROXY", integrationUri=uri))) == 1
    assert unchecked("C35c", integration(integrationType="HTTP", integrationUri=UNKNOWN)) == [
        "integrationUri"
    ]


V1_STAGE, FIREWALL = "arn:aws:apigateway:eu-west-1::/restapis/r/stages/prod", "wafv2/webAclAssociation"


def rest(**given: Any) -> Any:
    held = {"arn": V1_STAGE, "xrayTracingEnabled": True}
    return resource("apigateway/stage:Stage", "rest", changed(held, **given))


def firewall(**given: Any) -> Any:
    return resource(f"{FIREWALL}:WebAclAssociation", "waf", changed({"resourceArn": V1_STAGE}, **given))


@pytest.mark.parametrize("traced", [ABSENT, None, False, "false", "maybe", 1])
def test_an_untraced_rest_api_fails_in_prod(traced: Any) -> None:
    assert passes("C36", rest())
    assert passes("C36", rest(xrayTracingEnabled="true"))
    assert len(fails("C36", rest(xrayTracingEnabled=traced))) == 1
    assert unchecked("C36", rest(xrayTracingEnabled=UNKNOWN)) == ["xrayTracingEnabled"]


@pytest.mark.parametrize("validator", [ABSENT, None, ""])
def test_a_method_that_takes_anything_fails(validator: Any) -> None:
    held = {"httpMethod": "POST", "requestValidatorId": UNKNOWN}
    assert passes("C36b", resource("apigateway/method:Method", "m", held))
    bare = changed(held, requestValidatorId=validator)
    assert len(fails("C36b", resource("apigateway/method:Method", "m", bare))) == 1
    assert passes("C36b", resource("apigateway/method:Method", "m", {**bare, "httpMethod": "OPTIONS"}))


def test_a_firewall_stands_before_a_rest_api() -> None:
    assert passes("C36c", rest(), firewall())
    assert passes("C36c", rest(webAclArn="arn:aws:wafv2:x"))
    assert len(fails("C36c", rest())) == len(fails("C36c", rest(), firewall(resourceArn="arn:other"))) == 1
    assert unchecked("C36c", rest(), firewall(resourceArn=UNKNOWN)) == ["webAclArn"]


@pytest.mark.parametrize("traced", [True, "true", "maybe"])
def test_bodies_in_the_log_fail(traced: Any) -> None:
    kind = "apigateway/methodSettings:MethodSettings"
    for quiet in ({}, {"settings": {}}, {"settings": {"dataTraceEnabled": False}}):
        assert passes("C36d", resource(kind, "s", quiet))
    assert len(fails("C36d", resource(kind, "s", {"settings": {"dataTraceEnabled": traced}}))) == 1
    assert unchecked("C36d", resource(kind, "s", {"settings": UNKNOWN})) == ["settings"]


def group(**given: Any) -> Any:
    held = {"retentionInDays": 365, "kmsKeyId": "arn:aws:kms:eu-west-1:123456789012:key/1"}
    return resource("cloudwatch/logGroup:LogGroup", "log", changed(held, **given))


@pytest.mark.parametrize("days", [365, "400", 3653])
def test_a_log_that_is_kept_for_a_year_passes(days: Any) -> None:
    assert passes("C37", group(retentionInDays=days))
    assert passes("C37b", group(retentionInDays=days))


@pytest.mark.parametrize("days", [ABSENT, None, 0, "0"])
def test_a_log_that_is_kept_for_ever_fails_once(days: Any) -> None:
    assert len(fails("C37", group(retentionInDays=days))) == 1
    assert passes("C37b", group(retentionInDays=days))
    assert passes("C37", group(retentionInDays=days, logGroupClass="DELIVERY"))


@pytest.mark.parametrize("days", [1, 90, "364", True])
def test_a_log_that_is_kept_briefly_fails_in_prod(days: Any) -> None:
    (told,) = found("C37b", group(retentionInDays=days))
    assert told.blocks
    assert unchecked("C37b", group(retentionInDays=UNKNOWN)) == ["retentionInDays"]


@pytest.mark.parametrize("key", [ABSENT, None, "", "alias/aws/logs", ["key"]])
def test_a_log_under_a_key_of_aws_fails_in_prod(key: Any) -> None:
    assert passes("C37c", group())
    assert unchecked("C37c", group(kmsKeyId=UNKNOWN)) == ["kmsKeyId"]
    assert len(fails("C37c", group(kmsKeyId=key))) == 1


ALARM = {"name": "errors", "alarmActions": ["arn:topic"], "treatMissingData": "notBreaching"}


def alarm(**given: Any) -> Any:
    return resource("cloudwatch/metricAlarm:MetricAlarm", "errors", changed(ALARM, **given))


def composite(**given: Any) -> Any:
    held = {"alarmRule": "ALARM(errors) OR ALARM(latency)", "alarmActions": ["arn:topic"]}
    return resource("cloudwatch/compositeAlarm:CompositeAlarm", "both", changed(held, **given))


def test_an_alarm_that_somebody_hears_passes() -> None:
    assert passes("C38", alarm(), composite())
    for actions in (UNKNOWN, [UNKNOWN], "arn:topic"):
        told = found("C38", alarm(alarmActions=actions))
        assert all(one.outcome.value == "not checked" for one in told)


@pytest.mark.parametrize(
    "broken",
    [{"alarmActions": v} for v in (ABSENT, None, [])]
    + [{"actionsEnabled": v} for v in (False, "false", "maybe")]
    + [{"treatMissingData": v} for v in (ABSENT, None, "")],
)
def test_an_alarm_that_nobody_hears_fails(broken: Any) -> None:
    assert len(fails("C38", alarm(**broken))) == 1
    if "treatMissingData" not in broken:
        assert len(fails("C38", composite(**broken))) == 1


def test_an_alarm_that_others_read_needs_no_action() -> None:
    quiet = alarm(alarmActions=ABSENT)
    assert passes("C38", quiet, composite())
    assert fails("C38", quiet, composite(alarmRule="ALARM(latency)"))
    held = {"alarms": {"enable": True, "alarmNames": ["errors"]}}
    assert passes("C38", quiet, resource("ecs/service:Service", "s", held))
    assert unchecked("C38", alarm(actionsEnabled=UNKNOWN)) == ["actionsEnabled"]


def authorizer(**given: Any) -> Any:
    held = {"authorizerType": "JWT", "jwtConfiguration": {"issuer": "https://i", "audiences": ["agents"]}}
    return resource("apigatewayv2/authorizer:Authorizer", "a", changed(held, **given))


def test_an_authorizer_by_token_names_issuer_and_audience() -> None:
    assert passes("C35d", authorizer())
    assert passes("C35d", authorizer(jwtConfiguration=[{"issuer": "https://i", "audiences": "agents"}]))
    assert passes("C35d", authorizer(authorizerType="REQUEST", jwtConfiguration=ABSENT))
    for key in ("issuer", "audiences"):
        for bad in (None, "", [], ["  "]):
            held = {"issuer": "https://i", "audiences": ["agents"], key: bad}
            assert len(fails("C35d", authorizer(jwtConfiguration=held))) == 1, held
    for none in (ABSENT, None, {}, []):
        assert len(fails("C35d", authorizer(jwtConfiguration=none))) == 2
    assert fails("C35d", authorizer(jwtConfiguration="agents"))
    assert unchecked("C35d", authorizer(jwtConfiguration=UNKNOWN)) == ["jwtConfiguration"]
    made = {"issuer": UNKNOWN, "audiences": UNKNOWN}
    assert passes("C35d", authorizer(jwtConfiguration=made)), "of a user pool that is made beside it"
