import json
from typing import Any

import pytest

from agent_hosting import AgentWatch, EcsAgent, EksAgent, LambdaAgent
from agent_hosting._validation import InputError
from agent_hosting._watch_panels import WATCHED
from tests.components.recorder import REGION, Program, run
from tests.components.samples import TOPIC_ARN, agent_folder, making

WITH_ALARMS = [watched for watched in WATCHED if watched.default is not None]
ALL = {"mean_seconds": 20, "cost_per_run_usd": 0.5}


def alarms(program: Program) -> dict[str, Any]:
    return {held.name: held.inputs for held in program.all("MetricAlarm")}


def test_each_figure_of_an_agent_has_an_alarm_that_tells_people() -> None:
    found = alarms(run(making(AgentWatch, "watch", alarms=ALL)))
    assert set(found) == {f"watch-{watched.kind.replace('_', '-')}" for watched in WATCHED}
    for alarm in found.values():
        assert alarm["alarmActions"] == alarm["okActions"] == [TOPIC_ARN]
        assert alarm["treatMissingData"] == "notBreaching"
        assert (alarm["evaluationPeriods"], alarm["datapointsToAlarm"]) == (3, 2)
        metrics = [query["metric"] for query in alarm["metricQueries"] if "metric" in query]
        assert {metric["namespace"] for metric in metrics} == {"AgentHosting"}
        assert all(metric["dimensions"] == {"agent": "handbook"} for metric in metrics)


def test_what_depends_on_the_agent_alone_has_no_alarm_until_its_limit_is_said() -> None:
    assert len(alarms(run(making(AgentWatch, "watch")))) == len(WITH_ALARMS) == len(WATCHED) - 2


@pytest.mark.parametrize(
    ("kind", "expression", "threshold", "comparison"),
    [
        ("failed-share", "IF(runs - less >= 5, total / (runs - less), 0)", 0.1, "GreaterThanThreshold"),
        ("p95-tokens", "IF(runs >= 5, value, 0)", 200_000, "GreaterThanThreshold"),
        ("trace-quality", "IF(runs >= 5, value, 1)", 0.95, "LessThanThreshold"),
        ("escalation-seconds", "IF(runs >= 5, value, 0)", 3_600_000, "GreaterThanThreshold"),
        ("mean-seconds", "IF(runs >= 5, value, 0)", 20_000, "GreaterThanThreshold"),
        ("cost-per-run-usd", "IF(runs >= 5, total / runs, 0)", 0.5, "GreaterThanThreshold"),
    ],
)
def test_an_alarm_measures_its_figure_in_the_metrics_own_unit(
    kind: str, expression: str, threshold: float, comparison: str
) -> None:
    alarm = alarms(run(making(AgentWatch, "watch", alarms=ALL)))[f"watch-{kind}"]
    assert [query["expression"] for query in alarm["metricQueries"] if "expression" in query] == [expression]
    assert (alarm["threshold"], alarm["comparisonOperator"]) == (threshold, comparison)


def test_the_dashboard_shows_every_figure_and_all_alarms() -> None:
    program = run(making(AgentWatch, "watch", dashboard_name="handbook-prod"))
    dashboard = program.one("Dashboard").inputs
    assert dashboard["dashboardName"] == "handbook-prod"
    widgets = json.loads(dashboard["dashboardBody"])["widgets"]
    titles = [widget["properties"]["title"] for widget in widgets]
    assert {watched.title for watched in WATCHED} <= set(titles)
    assert len(widgets[0]["properties"]["alarms"]) == len(WITH_ALARMS)
    assert {widget["properties"].get("region", REGION) for widget in widgets} == {REGION}
    places = [(widget["x"], widget["y"]) for widget in widgets]
    assert len(set(places)) == len(places)


def test_an_empty_name_makes_no_dashboard() -> None:
    assert run(making(AgentWatch, "watch", dashboard_name="")).all("Dashboard") == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"failed_share": 1.5}, "alarms.failed_share"),
        ({"failed_share": 0}, "alarms.failed_share"),
        ({"p95_tokens": -1}, "alarms.p95_tokens"),
        ({"speed": 3}, "alarms.speed"),
    ],
)
def test_a_limit_that_cannot_be_is_refused(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        run(making(AgentWatch, "watch", alarms=wrong))


HOSTS = {"lambda": LambdaAgent, "ecs": EcsAgent, "eks": EksAgent}
XRAY = {"traces": {"endpoint": "xray", "share": 0.1}, "redact": ["acct_[0-9]+"]}


@pytest.mark.parametrize("host", HOSTS)
def test_an_agent_is_watched_and_told_of_its_telemetry_on_every_host(host: str, tmp_path: Any) -> None:
    source = str(agent_folder(tmp_path))
    program = run(making(HOSTS[host], "handbook", source, observe=XRAY))
    assert program.one("Dashboard").inputs["dashboardName"] == "handbook-default"
    assert len([name for name in alarms(program) if name.startswith("handbook-watch-")]) == len(WITH_ALARMS)
    (rights,) = [held for held in program.all("RolePolicy") if held.name == "handbook-spans"]
    (statement,) = json.loads(rights.inputs["policy"])["Statement"]
    assert statement["Action"] == ["xray:PutSpans", "xray:PutSpansForIndexing", "xray:PutTraceSegments"]
    told = repr([held.inputs for held in program.resources])
    assert "AGENT_OBSERVE" in told
    assert "acct_[0-9]+" in told


def test_the_secret_of_the_endpoint_is_one_of_the_agents_own(tmp_path: Any) -> None:
    traces = {"endpoint": "https://otlp.example.com/v1/traces", "headers_secret": "otlp-headers"}
    program = run(making(LambdaAgent, "handbook", str(agent_folder(tmp_path)), observe={"traces": traces}))
    variables = program.one("Function", "handbook").inputs["environment"]["variables"]
    assert "otlp-headers" in json.loads(variables["AGENT_SECRETS"])
    assert json.loads(variables["AGENT_OBSERVE"]) == {"host": "lambda", "traces": traces}
    assert not [held for held in program.all("RolePolicy") if held.name == "handbook-spans"]


@pytest.mark.parametrize(
    ("observe", "told"),
    [
        ({"trace": {}}, "observe.trace"),
        ({"redact": ["(a+)+"]}, "observe.redact"),
        ({"traces": {"endpoint": "http://collector.example.com"}}, "observe.traces.endpoint"),
        ({"traces": {"endpoint": "xray", "share": 2}}, "observe.traces.share"),
        ({"tenant_metrics": True}, "observe.tenant_metrics"),
    ],
)
def test_telemetry_that_cannot_be_is_refused_before_anything_is_made(
    observe: dict[str, Any], told: str, tmp_path: Any
) -> None:
    with pytest.raises(InputError, match=told):
        run(making(LambdaAgent, "handbook", str(agent_folder(tmp_path)), observe=observe))
