"""The rollout controller beside an agent whose program leaves the traffic to it."""

import json
from typing import Any

import pytest

from agent_hosting import EcsAgent, LambdaAgent
from tests.components.recorder import Program, Recorded, refused, run
from tests.components.samples import ON_ECS, PLATFORM, agent_folder, bundle_id, lambda_args

HOSTS = pytest.mark.parametrize("host", [LambdaAgent, EcsAgent])


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(agent_folder(tmp_path_factory.mktemp("agent")))


def args(host: type, source: str, **more: Any) -> dict[str, Any]:
    return lambda_args(source, platform=PLATFORM, **(ON_ECS if host is EcsAgent else {}), **more)


def deployed(host: type, source: str, **more: Any) -> Program:
    return run(lambda: host("handbook", args(host, source, **more)))


def plan(program: Program) -> dict[str, Any]:
    item = json.loads(program.one("TableItem", "handbook-rollout-plan").inputs["item"])
    assert (item["agent"], item["item"]) == ({"S": "handbook"}, {"S": "plan"})
    return json.loads(item["document"]["S"])


def function(program: Program) -> Recorded:
    return program.one("Function", "handbook-rollout")


@HOSTS
def test_the_plan_names_the_releases_the_host_and_the_alarms_of_the_newest(host: type, source: str) -> None:
    program = deployed(host, source, rollout={"steps": [{"percent": 100, "hold_seconds": 60}]})
    found, newest = plan(program), bundle_id(source)
    assert (found["agent"], found["releases"]) == ("handbook", [newest])
    assert found["host"] == ("ecs" if host is EcsAgent else "lambda")
    assert found["function_name"] == ("" if host is EcsAgent else "handbook-0a1b2c3")
    assert found["steps"] == [{"basis_points": 10_000, "hold_seconds": 60, "minimum_runs": 50}]
    kinds = ["errors", "escalations", "latency", "cost", *(["crashes"] if host is LambdaAgent else [])]
    assert found["alarms"] == {newest: [f"handbook-rollout-{kind}-0a1b2c3" for kind in kinds]}


@HOSTS
def test_each_alarm_watches_the_newest_release_alone_and_may_call_the_controller(
    host: type, source: str
) -> None:
    program = deployed(host, source)
    for kind in ("errors", "escalations", "latency", "cost"):
        alarm = program.one("MetricAlarm", f"handbook-rollout-{kind}").inputs
        (called,) = alarm["alarmActions"]
        assert called.endswith("Function/handbook-rollout-0a1b2c3")
        assert alarm["treatMissingData"] == "notBreaching"
        for query in alarm["metricQueries"]:
            if "metric" in query:
                assert query["metric"]["dimensions"] == {"agent": "handbook", "bundle": bundle_id(source)}
        allowed = program.one("Permission", f"handbook-rollout-{kind}-permission").inputs
        assert allowed["principal"] == "lambda.alarms.cloudwatch.amazonaws.com"
        assert allowed["sourceArn"].endswith(f"handbook-rollout-{kind}-0a1b2c3")


@HOSTS
def test_people_are_told_of_a_drift_and_nothing_goes_back_by_it(host: type, source: str) -> None:
    program = deployed(host, source, rollout={"drift_window_seconds": 7_200})
    alarm = program.one("MetricAlarm", "handbook-rollout-drift").inputs
    assert alarm["alarmActions"] == [program.outputs_of(host.__name__)["topic_arn"]]
    assert (alarm["metricName"], alarm["dimensions"]) == ("DriftedMetrics", {"agent": "handbook"})
    assert (alarm["statistic"], alarm["threshold"], alarm["period"]) == ("Maximum", 1, 600)
    assert alarm["treatMissingData"] == "notBreaching"
    found = plan(program)
    assert found["drift_window_seconds"] == 7_200
    assert not any("drift" in name for names in found["alarms"].values() for name in names)


@pytest.mark.parametrize(
    ("given", "basis_points"),
    [
        ({}, "100"),
        ({"rollout": {"sample_percent": 0.25}}, "25"),
        ({"rollout": {"sample_percent": 0}}, "0"),
        ({"rollout": {"watch_seconds": 1}}, "100"),
        ({"shares": {"newest": 1.0}}, "100"),
    ],
)
def test_the_agent_is_told_which_share_of_its_runs_to_put_aside(
    source: str, given: dict[str, Any], basis_points: str
) -> None:
    made = deployed(LambdaAgent, source, **given).one("Function", "handbook")
    assert made.inputs["environment"]["variables"]["AGENT_SAMPLE_BASIS_POINTS"] == basis_points


def test_workers_are_told_it_too(source: str) -> None:
    program = deployed(EcsAgent, source, rollout={"sample_percent": 2})
    (task,) = [r for r in program.resources if r.type.endswith("TaskDefinition")]
    (container,) = json.loads(task.inputs["containerDefinitions"])
    assert {"name": "AGENT_SAMPLE_BASIS_POINTS", "value": "200"} in container["environment"]


@HOSTS
@pytest.mark.parametrize("more", [{}, {"shares": {"newest": 1.0}}], ids=["controller", "shares"])
def test_what_belongs_to_one_release_bears_its_id_as_a_tag(
    host: type, source: str, more: dict[str, Any]
) -> None:
    program, bundle = deployed(host, source, **more), bundle_id(source)
    own = [
        made
        for made in program.resources
        if "tags" in made.inputs
        and (
            bundle in made.name
            or f'"{bundle}"' in json.dumps(made.inputs.get("metricQueries"))
            or "ExecutedVersion" in json.dumps(made.inputs)
            or (made.type.endswith(":Function") and made.name == "handbook")
        )
    ]
    kinds = {made.type.rpartition(":")[2] for made in own}
    wanted = {"Queue", "TaskDefinition", "Service", "Target"} if host is EcsAgent else {"Function"}
    assert kinds == wanted | {"MetricAlarm"}
    assert {made.inputs["tags"].get("bundle") for made in own} == {bundle}


@HOSTS
def test_the_controller_may_move_this_agents_traffic_and_no_others(host: type, source: str) -> None:
    statements = deployed(host, source).one("RolePolicy", "handbook-rollout-policy").statements()
    moving = statements["MoveTraffic"]
    keys = moving["Condition"]["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"]
    assert keys == ["handbook", "handbook#history"]
    assert set(moving["Action"]) == {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"}
    assert statements["ReadOwnAlarms"]["Resource"].endswith(":alarm:handbook-rollout-*")
    assert ("MoveAlias" in statements) is (host is LambdaAgent)
    assert ("EmptyQueues" in statements) is (host is EcsAgent)
    if host is EcsAgent:
        assert statements["EmptyQueues"]["Action"] == ["sqs:DeleteMessage", "sqs:ReceiveMessage"]


@HOSTS
def test_the_controller_is_called_each_minute_and_its_failures_are_heard(host: type, source: str) -> None:
    program = deployed(host, source)
    assert program.one("EventRule", "handbook-rollout").inputs["scheduleExpression"] == "rate(1 minute)"
    made = function(program).inputs
    assert made["handler"] == "agent_runtime.hosts.controller.handler"
    assert (made["timeout"], made["reservedConcurrentExecutions"]) == (55, 1)
    heard = program.one("MetricAlarm", "handbook-rollout-failures").inputs
    assert heard["alarmActions"] == [program.outputs_of(host.__name__)["topic_arn"]]


@HOSTS
def test_a_program_that_names_the_shares_has_no_controller(host: type, source: str) -> None:
    program = deployed(host, source, shares={"newest": 1.0})
    assert not [r for r in program.resources if "rollout" in r.name]


def test_the_record_begins_with_what_the_alias_serves_and_is_then_left_alone(source: str) -> None:
    item = deployed(LambdaAgent, source).one("TableItem", "handbook-traffic-record")
    assert json.loads(item.inputs["item"])["stable"] == {"S": bundle_id(source)}
    assert item.ignore_changes == ("item",)


@pytest.mark.parametrize(
    ("rollout", "said"),
    [
        ({"steps": [{"percent": 50, "hold_seconds": 1}]}, "steps must grow to 10000 basis points"),
        ({"limits": {"error_rate": 2}}, "rollout.limits.error_rate is 2"),
        ({"limits": {"window_seconds": 90}}, "multiple of 60"),
        ({"scores": ["charm"]}, "scores names charm, for which the gate has no threshold"),
        ({"thresholds": {"grounding": {}}}, "give either `at_least` or `at_most`"),
        ({"alpha": 0.7}, "rollout.alpha is 0.7"),
        ({"running_runs": "pause"}, "rollout.running is 'pause'"),
        ({"speed": 1}, "rollout.speed"),
        ({"drift_window_seconds": 90}, "multiple of 60"),
        ({"drift_window_seconds": 100_000}, "rollout.drift_window_seconds is 100000"),
        ({"sample_percent": 101}, "rollout.sample_percent is 101"),
        ({"sample_percent": "all"}, "rollout.sample_percent is 'all'"),
    ],
)
def test_a_rollout_that_cannot_be_is_refused_with_its_field(
    source: str, rollout: dict[str, Any], said: str
) -> None:
    told = refused(lambda: LambdaAgent("handbook", args(LambdaAgent, source, rollout=rollout)))
    assert said in told
    assert "docs/releases.md" in told or "Known are" in told or "known" in told.lower()


def test_shares_and_a_rollout_do_not_go_together(source: str) -> None:
    both = {"rollout": {"watch_seconds": 1}, "shares": {"newest": 1.0}}
    said = refused(lambda: LambdaAgent("handbook", args(LambdaAgent, source, **both)))
    assert "`shares` fixes the traffic" in said


@HOSTS
def test_a_shadow_gives_the_controller_what_copying_takes_and_else_it_has_not_got_it(
    host: type, source: str
) -> None:
    shadow = {"minimum_runs": 5, "minimum_agreement": 0.5, "budget_usd": 1}
    program = deployed(host, source, rollout={"shadow": shadow})
    assert plan(program)["shadow"] == shadow
    rights = program.one("RolePolicy", "handbook-rollout-policy").statements()
    without = deployed(host, source).one("RolePolicy", "handbook-rollout-policy").statements()
    assert "CallVersions" not in without
    if host is LambdaAgent:
        assert rights["CallVersions"]["Resource"].endswith("Function/handbook-0a1b2c3:*")
        assert set(rights.keys() - without.keys()) >= {"CallVersions", "FindRuns"}


@HOSTS
def test_a_member_of_a_group_may_read_how_far_the_others_are_and_nothing_more(
    host: type, source: str
) -> None:
    program = deployed(host, source, rollout={"group": ["search", "handbook"]})
    assert plan(program)["group"] == ["search", "handbook"]
    reading = program.one("RolePolicy", "handbook-rollout-policy").statements()["ReadGroup"]
    assert reading["Action"] == "dynamodb:Query"
    assert reading["Condition"] == {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["search"]}}


def test_a_version_whose_process_dies_is_seen_by_lambdas_own_numbers(source: str) -> None:
    program = deployed(LambdaAgent, source)
    alarm = program.one("MetricAlarm", "handbook-rollout-crashes").inputs
    metrics = [query["metric"] for query in alarm["metricQueries"] if "metric" in query]
    assert [metric["metricName"] for metric in metrics] == ["Errors", "Invocations"]
    for metric in metrics:
        dimensions = metric["dimensions"]
        assert dimensions.keys() == {"FunctionName", "Resource", "ExecutedVersion"}
        assert dimensions["Resource"] == f"{dimensions['FunctionName']}:live" == "handbook-0a1b2c3:live"
    (called,) = alarm["alarmActions"]
    assert called.endswith("Function/handbook-rollout-0a1b2c3")


@HOSTS
def test_a_release_says_which_checkpoints_it_can_go_on_with(host: type, tmp_path: Any) -> None:
    folder = agent_folder(tmp_path / "agent", checkpoint_version=3)
    program = run(lambda: host("handbook", args(host, str(folder))))
    item = program.one("TableItem", f"handbook-release-{bundle_id(str(folder))}").document("item")
    assert item["checkpoint_version"] == {"S": "3"}
