"""C03 to C09, C37d, AG14b, AG20 and AG23: Lambda functions and who calls them."""

from datetime import date
from typing import Any

import pytest

from policies.rules import functions_run_on_supported_runtimes as runtimes
from tests.policies.judging import ABSENT, UNKNOWN, changed, fails, found, passes, resource, unchecked

FUNCTION = {
    "name": "turns",
    "arn": "arn:aws:lambda:eu-west-1:123456789012:function:turns",
    "runtime": "python3.13",
    "timeout": 30,
    "publish": True,
    "reservedConcurrentExecutions": 10,
    "tracingConfig": {"mode": "Active"},
    "deadLetterConfig": {"targetArn": "arn:aws:sqs:eu-west-1:123456789012:dead"},
    "environment": {"variables": {"TABLE": "runs"}},
    "kmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/1",
    "vpcConfig": {"subnetIds": ["subnet-1", "subnet-2"]},
    "codeSigningConfigArn": "arn:aws:lambda:eu-west-1:123456789012:code-signing-config:1",
    "loggingConfig": {"logGroup": "turns"},
    "tags": {"agent": "handbook"},
}
ALONE = ["C03", "C04", "C05", "C06", "C07", "C07b", "C08", "C08b", "C09", "C37d", "AG14b", "AG20", "AG23"]
ALIAS_ARN = "arn:aws:lambda:eu-west-1:123456789012:function:turns:live"


def function(name: str = "turns", **given: Any) -> Any:
    return resource("lambda/function:Function", name, changed(FUNCTION, **given))


def alias(**given: Any) -> Any:
    held = {
        "name": "live",
        "functionName": "turns",
        "arn": ALIAS_ARN,
        "invokeArn": f"{ALIAS_ARN}/invocations",
    }
    return resource("lambda/alias:Alias", "live", changed(held, **given))


def called_by(uri: Any = f"{ALIAS_ARN}/invocations", **given: Any) -> Any:
    held = {"integrationType": "AWS_PROXY", "integrationUri": uri}
    return resource("apigatewayv2/integration:Integration", "call", changed(held, **given))


@pytest.fixture(autouse=True)
def _on_one_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtimes, "today", lambda: date(2026, 11, 20))


@pytest.mark.parametrize("rule", ALONE)
def test_a_good_function_passes(rule: str) -> None:
    assert passes(rule, function())
    assert passes(rule, function(), alias(), called_by())


IMAGE = {"packageType": "Image", "runtime": ABSENT}


@pytest.mark.parametrize("runtime", ["python3.12", "nodejs24.x", "provided.al2023", "java21"])
def test_a_runtime_that_is_mended_passes(runtime: str) -> None:
    assert passes("C03", function(runtime=runtime))
    assert passes("C03", function(**IMAGE))


@pytest.mark.parametrize(
    "runtime", [ABSENT, None, "", "python3.9", "python3.10", "dotnet8", "nodejs20.x", "go1.x", ["python3.13"]]
)
def test_a_runtime_that_is_not_mended_fails(runtime: Any) -> None:
    assert len(fails("C03", function(runtime=runtime))) == 1


def test_a_runtime_ends_on_its_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtimes, "today", lambda: date(2029, 6, 29))
    assert passes("C03", function())
    monkeypatch.setattr(runtimes, "today", lambda: date(2029, 6, 30))
    assert fails("C03", function()) == ["AWS mends python3.13 no longer since 2029-06-30."]


def test_a_runtime_that_nobody_foresaw_is_not_checked() -> None:
    assert unchecked("C03", function(runtime="python4.0")) == ["runtime"]
    assert unchecked("C03", function(runtime=UNKNOWN)) == ["runtime"]
    assert unchecked("C03", function(packageType=UNKNOWN)) == ["packageType"]


BROKEN = {
    "C04": [
        ("tracingConfig", v) for v in (ABSENT, None, {}, [], {"mode": None}, {"mode": "PassThrough"}, "on")
    ],
    "C05": [("reservedConcurrentExecutions", v) for v in (ABSENT, None, -1, "-1", "many", True)],
    "C07b": [("kmsKeyArn", v) for v in (ABSENT, None, "", "arn:aws:kms:x:1:alias/aws/lambda", ["key"])],
    "C08": [("vpcConfig", v) for v in (ABSENT, None, {}, [], {"subnetIds": []}, {"subnetIds": None}, "vpc")],
    "C09": [("codeSigningConfigArn", v) for v in (ABSENT, None, "")],
    "C06": [("deadLetterConfig", v) for v in (ABSENT, None, {}, [], {"targetArn": ""}, "queue")],
}


@pytest.mark.parametrize(("rule", "key", "value"), [(r, k, v) for r, many in BROKEN.items() for k, v in many])
def test_one_broken_property_fails(rule: str, key: str, value: Any) -> None:
    (told,) = found(rule, function(**{key: value}))
    assert told.outcome.value == "fail"
    assert told.path.startswith(key)
    assert told.blocks is (rule not in ("C08", "C09"))


@pytest.mark.parametrize(
    ("rule", "key", "value"),
    [
        ("C04", "tracingConfig", [{"mode": "Active"}]),
        ("C05", "reservedConcurrentExecutions", 0),
        ("C05", "reservedConcurrentExecutions", "5"),
        ("C06", "deadLetterConfig", [{"targetArn": UNKNOWN}]),
        ("C07b", "environment", {"variables": {}}),
        ("C08", "vpcConfig", [{"subnetIds": ["a"]}]),
        ("C08", "vpcConfig", UNKNOWN),
        ("C09", "codeSigningConfigArn", UNKNOWN),
        ("C09", "packageType", "Image"),
    ],
)
def test_other_forms_of_the_same_pass(rule: str, key: str, value: Any) -> None:
    assert passes(rule, function(**{key: value}))


def test_a_function_without_variables_has_nothing_to_encrypt() -> None:
    assert passes("C07b", function(environment=ABSENT, kmsKeyArn=ABSENT))
    assert passes("C07b", function(environment=UNKNOWN))
    assert fails("C07b", function(environment={"variables": UNKNOWN}, kmsKeyArn=ABSENT))


@pytest.mark.parametrize(
    ("rule", "key"),
    [
        ("C04", "tracingConfig"),
        ("C05", "reservedConcurrentExecutions"),
        ("C06", "deadLetterConfig"),
        ("C07b", "kmsKeyArn"),
    ],
)
def test_unknown_settings_are_not_checked(rule: str, key: str) -> None:
    assert unchecked(rule, function(**{key: UNKNOWN})) == [key]


LITERAL = "ghp_" + "a1B2" * 9


@pytest.mark.parametrize(
    "variables",
    [{"GITHUB": LITERAL}, {"DB_PASSWORD": "Tr0ub4dor&3x"}, {"A": "runs", "KEY": "AKIA" + "A1B2" * 4}],
)
def test_a_secret_among_the_variables_fails_without_being_told(variables: dict[str, str]) -> None:
    (told,) = found("C07", function(environment={"variables": variables}))
    assert told.blocks
    assert told.path.startswith("environment.variables.")
    assert not any(value in told.line for value in variables.values())


def test_variables_that_name_a_secret_pass_and_unknown_ones_are_not_checked() -> None:
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:key"
    assert passes("C07", function(environment={"variables": {"API_KEY": arn, "N": 5}}))
    assert passes("C07", function(environment=ABSENT))
    unknown = {"variables": {"API_KEY": UNKNOWN, "B": UNKNOWN}}
    assert unchecked("C07", function(environment=unknown)) == ["environment.variables.API_KEY"]
    mixed = {"variables": {"A": UNKNOWN, "GITHUB": LITERAL}}
    assert [one.outcome.value for one in found("C07", function(environment=mixed))] == ["fail", "not checked"]
    assert fails("C07", function(environment={"variables": "TOKEN=1"}))


def caller(kind: str, key: str, value: Any = FUNCTION["arn"]) -> Any:
    return resource(kind, "caller", {key: value})


QUIET = {"deadLetterConfig": ABSENT}
ANSWERED = [
    called_by(),
    called_by(FUNCTION["arn"]),
    caller("lambda/functionUrl:FunctionUrl", "functionName", "turns"),
    caller("lambda/eventSourceMapping:EventSourceMapping", "functionName", "turns"),
]
HANDED = [
    caller("sns/topicSubscription:TopicSubscription", "endpoint"),
    caller("cloudwatch/eventTarget:EventTarget", "arn", ALIAS_ARN),
    caller("cloudwatch/metricAlarm:MetricAlarm", "alarmActions", [FUNCTION["arn"]]),
    caller(
        "s3/bucketNotification:BucketNotification",
        "lambdaFunctions",
        [{"lambdaFunctionArn": FUNCTION["arn"]}],
    ),
]


@pytest.mark.parametrize("one", ANSWERED, ids=lambda one: one.type)
def test_a_caller_that_waits_sees_the_failure_itself(one: Any) -> None:
    assert passes("C06", function(**QUIET), alias(), one)
    assert fails("C06", function(**QUIET), alias(), one, *HANDED[:1])


@pytest.mark.parametrize("one", HANDED, ids=lambda one: one.type)
def test_events_that_are_handed_over_are_kept(one: Any) -> None:
    assert fails("C06", function(**QUIET), alias(), one)
    assert passes("C06", function(), alias(), one)
    assert passes("C06", function(**QUIET), alias(), one, config())
    assert fails("C06", function(**QUIET), alias(), one, config(functionName="other"))


def test_a_rest_api_that_does_not_wait_hands_over() -> None:
    held = {"uri": FUNCTION["arn"], "requestParameters": {_ASKED: "'Event'"}}
    assert fails("C06", function(**QUIET), resource("apigateway/integration:Integration", "i", held))
    waits = {"uri": FUNCTION["arn"]}
    assert passes("C06", function(**QUIET), resource("apigateway/integration:Integration", "i", waits))


_ASKED = "integration.request.header.X-Amz-Invocation-Type"


def config(**given: Any) -> Any:
    held = {"functionName": "turns", "destinationConfig": {"onFailure": {"destination": "arn:queue"}}}
    return resource("lambda/functionEventInvokeConfig:FunctionEventInvokeConfig", "c", changed(held, **given))


def alarm(**given: Any) -> Any:
    held = {"metricName": "Errors", "dimensions": {"FunctionName": "turns"}, "alarmActions": ["arn:topic"]}
    return resource("cloudwatch/metricAlarm:MetricAlarm", "errors", changed(held, **given))


NO_RETRIES = {"destinationConfig": ABSENT, "maximumRetryAttempts": 0}


def test_events_that_may_be_lost_take_an_alarm() -> None:
    assert passes("C06", function(**QUIET), config(**NO_RETRIES), alarm())
    assert fails("C06", function(**QUIET), config(**NO_RETRIES))
    for attempts in (1, "2", None, ABSENT):
        assert fails(
            "C06", function(**QUIET), config(**{**NO_RETRIES, "maximumRetryAttempts": attempts}), alarm()
        )
    for broken in (
        {"metricName": "Duration"},
        {"alarmActions": []},
        {"actionsEnabled": False},
        {"dimensions": {"FunctionName": "other"}},
    ):
        assert fails("C06", function(**QUIET), config(**NO_RETRIES), alarm(**broken))


def test_a_configuration_of_nobody_knows_what_is_not_checked() -> None:
    assert unchecked("C06", function(**QUIET), config(functionName=UNKNOWN)) == ["deadLetterConfig"]
    joined = resource(
        config().type, "c", {**config().props, "functionName": UNKNOWN}, {"functionName": ("turns",)}
    )
    assert passes("C06", function(**QUIET), joined)


def subnet(name: str, zone: Any) -> Any:
    return resource("ec2/subnet:Subnet", name, {"id": name, "availabilityZone": zone})


def test_a_function_in_one_zone_fails() -> None:
    subnets = subnet("subnet-1", "eu-west-1a"), subnet("subnet-2", "eu-west-1a")
    assert fails("C08b", function(), *subnets) == ["all of its subnets are in eu-west-1a."]
    assert passes("C08b", function(), subnet("subnet-1", "eu-west-1a"), subnet("subnet-2", "eu-west-1b"))
    assert passes("C08b", function(), subnet("subnet-1", "eu-west-1a"), subnet("subnet-2", UNKNOWN))


@pytest.mark.parametrize("ids", [["a"], "a", ["a", "a"]])
def test_a_function_with_one_subnet_fails(ids: Any) -> None:
    assert len(fails("C08b", function(vpcConfig={"subnetIds": ids}))) == 1


def test_a_function_outside_a_network_has_no_subnets_to_judge() -> None:
    for config_ in (ABSENT, {}, {"subnetIds": []}):
        assert passes("C08b", function(vpcConfig=config_))
    assert unchecked("C08b", function(vpcConfig={"subnetIds": [UNKNOWN, UNKNOWN]})) == [
        "vpcConfig.subnetIds[0]"
    ]
    joined = resource(
        function().type,
        "turns",
        {"vpcConfig": {"subnetIds": [UNKNOWN, UNKNOWN]}},
        {"vpcConfig": ("s1", "s2")},
    )
    assert passes("C08b", joined, subnet("s1", "a"), subnet("s2", "b"))


def group(name: Any) -> Any:
    return resource("cloudwatch/logGroup:LogGroup", "log", {"name": name})


def test_a_function_logs_to_a_group_that_somebody_made() -> None:
    for config_ in (ABSENT, None, {}, {"logFormat": "JSON"}):
        quiet = function(loggingConfig=config_)
        assert len(fails("C37d", quiet)) == len(fails("C37d", quiet, group("/aws/lambda/other"))) == 1
        assert passes("C37d", quiet, group("/aws/lambda/turns"))
        assert unchecked("C37d", quiet, group(UNKNOWN)) == ["loggingConfig.logGroup"]
    assert passes("C37d", function(loggingConfig=UNKNOWN))
    assert unchecked("C37d", resource("lambda/function:Function", "f", {"name": UNKNOWN})) == ["name"]


def tenants(*pairs: tuple[str, Any]) -> list[Any]:
    return [
        function(f"f{n}", tags={"agent": "a", "tenant": tenant}, reservedConcurrentExecutions=reserved)
        for n, (tenant, reserved) in enumerate(pairs)
    ]


def test_each_of_several_tenants_has_concurrency_of_its_own() -> None:
    assert passes("AG14b", *tenants(("x", 5), ("y", 5)))
    assert passes("AG14b", *tenants(("x", ABSENT), ("x", -1)))
    assert passes("AG14b", *tenants(("x", 5), ("", ABSENT)))
    for reserved in (ABSENT, None, -1, "-1"):
        assert fails("AG14b", *tenants(("x", 5), ("y", reserved))) == ["nothing is reserved for tenant y."]
    assert unchecked("AG14b", *tenants(("x", 5), ("y", UNKNOWN))) == ["reservedConcurrentExecutions"]


@pytest.mark.parametrize("timeout", [901, "3600"])
def test_an_agent_that_runs_longer_than_a_function_fails(timeout: Any) -> None:
    assert len(fails("AG20", function(timeout=timeout))) == 1
    assert passes("AG20", function(timeout=timeout, tags={}))


@pytest.mark.parametrize("patience", [ABSENT, None, 30_000, "10000"])
def test_an_agent_that_runs_longer_than_its_callers_wait_fails(patience: Any) -> None:
    slow = function(timeout=60)
    assert len(fails("AG20", slow, alias(), called_by(timeoutMilliseconds=patience))) == 1
    rest = {"uri": FUNCTION["arn"]}
    assert fails("AG20", function(timeout=30), resource("apigateway/integration:Integration", "i", rest))
    assert passes("AG20", function(timeout=29), resource("apigateway/integration:Integration", "i", rest))
    apart = {**rest, "requestParameters": {_ASKED: "'Event'"}}
    assert passes("AG20", slow, resource("apigateway/integration:Integration", "i", apart))
    assert passes("AG20", slow, ANSWERED[2])


def test_a_declared_run_fits_into_the_timeout() -> None:
    said = {"agent": "a", "longest-run-seconds": "30"}
    assert passes("AG20", function(tags=said))
    assert fails("AG20", function(tags={**said, "longest-run-seconds": "3600"}))
    assert fails("AG20", function(tags={**said, "longest-run-seconds": 31}))
    for seconds, ok in (("29", True), ("30", True), ("45", False), ("soon", True)):
        variables = {"variables": {"AGENT_TURN_TIMEOUT_SECONDS": seconds}}
        assert bool(passes("AG20", function(environment=variables))) is ok
    assert fails("AG20", function(timeout=ABSENT, tags={**said, "longest-run-seconds": "4"}))


def test_unknown_lengths_are_not_checked() -> None:
    assert unchecked("AG20", function(timeout=UNKNOWN)) == ["timeout"]
    unknown = {"variables": {"AGENT_TURN_TIMEOUT_SECONDS": UNKNOWN}}
    assert unchecked("AG20", function(environment=unknown)) == [
        "environment.variables.AGENT_TURN_TIMEOUT_SECONDS"
    ]
    assert unchecked("AG20", function(environment=UNKNOWN)) == ["environment"]
    assert unchecked("AG20", function(), alias(), called_by(timeoutMilliseconds=UNKNOWN)) == [
        "timeoutMilliseconds"
    ]


@pytest.mark.parametrize("publish", [ABSENT, None, False, "false"])
def test_an_agent_that_publishes_nothing_fails(publish: Any) -> None:
    assert len(fails("AG23", function(publish=publish), alias())) == 1
    assert passes("AG23", function(publish=publish))
    assert passes("AG23", function(publish=publish, tags={}), alias())
    assert passes("AG23", function(publish="true"), alias())
    assert unchecked("AG23", function(publish=UNKNOWN), alias()) == ["publish"]


def test_a_caller_of_the_newest_upload_fails() -> None:
    assert len(fails("AG23", function(), called_by(FUNCTION["arn"]))) == 1
    url = {"functionName": "turns", "qualifier": "live"}
    assert passes("AG23", function(), resource("lambda/functionUrl:FunctionUrl", "u", url))
    assert fails(
        "AG23", function(), resource("lambda/functionUrl:FunctionUrl", "u", {**url, "qualifier": None})
    )


def service(**given: Any) -> Any:
    held = {"tags": {"agent": "a", "bundle": "b18b688e99f3"}, "taskDefinition": "arn:task"}
    return resource("ecs/service:Service", "a-b18b688e99f3", changed(held, **given))


def task(**given: Any) -> Any:
    return resource("ecs/taskDefinition:TaskDefinition", "t", changed({"arn": "arn:task"}, **given))


def test_a_service_keeps_its_former_task_definition() -> None:
    assert passes("AG23", service(), task())
    for tags in ({"agent": "a"}, {"agent": "a", "bundle": "other"}):
        assert len(fails("AG23", service(tags=tags), task())) == 1
        assert fails("AG23", service(tags=tags), task(skipDestroy="false"))
        assert passes("AG23", service(tags=tags), task(skipDestroy=True))
        assert unchecked("AG23", service(tags=tags)) == ["taskDefinition"]
        assert unchecked("AG23", service(tags=tags), task(skipDestroy=UNKNOWN)) == ["skipDestroy"]
    assert passes("AG23", service(tags={}), task())


def test_a_group_that_a_function_names_is_in_the_stack() -> None:
    named = function(loggingConfig={"logFormat": "JSON", "logGroup": "/agents/turns"})
    assert passes("C37e", named, group("/agents/turns"))
    assert passes("C37e", function(loggingConfig=ABSENT)), "C37d's"
    assert len(fails("C37e", named)) == 1
    assert len(fails("C37e", named, group("/agents/other"))) == 1
    assert unchecked("C37e", named, group(UNKNOWN)) == ["loggingConfig.logGroup"]
    assert unchecked("C37e", function(loggingConfig={"logGroup": UNKNOWN})) == ["loggingConfig.logGroup"]
    assert unchecked("C37e", function(loggingConfig=UNKNOWN)) == ["loggingConfig"]


def test_a_configuration_that_tries_events_again_says_where_failed_ones_go() -> None:
    asked = function(**QUIET), called_by(), alias()
    assert passes("C06", *asked), "whoever waits is told"
    for empty in ({"onFailure": {}}, {"onFailure": {"destination": ""}}, None, ABSENT):
        assert len(fails("C06", *asked, config(destinationConfig=empty))) == 1
        assert passes("C06", *asked, config(destinationConfig=empty, maximumRetryAttempts=0))
    assert passes("C06", *asked, config())
