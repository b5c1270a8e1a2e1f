"""How calls are divided between releases, and that what is told of it is true."""

from collections.abc import Callable
from typing import Any

import pytest

from agent_hosting import CanaryTraffic
from tests.components.recorder import World, fails, refused, run
from tests.components.samples import making


def traffic(**changes: Any) -> Callable[[], Any]:
    """Traffic of the function `handbook` over the releases old (version 1) and new (version 2)."""
    return making(CanaryTraffic, "split", function_name="handbook", **changes)


def frozen(**bundles: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """getFunction, for versions v1, v2 … and the bundle that was frozen with each."""
    return lambda given: {"description": f"bundle {bundles['v' + given['qualifier']]}"}


def test_traffic_is_an_alias_and_two_alarms() -> None:
    assert run(traffic()).tree() == {
        ("agent-hosting:index:CanaryTraffic", "split", "agent-hosting-test"),
        ("aws:lambda/alias:Alias", "split", "split"),
        ("aws:cloudwatch/metricAlarm:MetricAlarm", "split-errors", "split"),
        ("aws:cloudwatch/metricAlarm:MetricAlarm", "split-latency", "split"),
    }


def test_the_alias_live_has_the_older_release_as_its_main_version_and_the_newer_beside_it() -> None:
    alias = run(traffic()).one("Alias")
    assert alias.inputs == {
        "name": "live",
        "functionName": "handbook",
        "functionVersion": "1",
        "routingConfig": {"additionalVersionWeights": {"2": 0.05}},
    }


def test_declared_shares_are_pulumis_to_keep() -> None:
    assert run(traffic()).one("Alias").ignore_changes == ()


def test_the_controllers_weights_are_set_once_and_then_left_alone() -> None:
    alias = run(traffic(shares=None)).one("Alias")
    assert alias.ignore_changes == ("functionVersion", "routingConfig")
    assert alias.inputs["functionVersion"] == "1"
    assert "routingConfig" not in alias.inputs


def test_the_release_that_serves_at_first_can_be_named() -> None:
    assert run(traffic(shares=None, first="new")).one("Alias").inputs["functionVersion"] == "2"


def test_one_release_with_every_call_needs_no_weights() -> None:
    program = run(traffic(shares={"new": 1.0}))
    assert program.one("Alias").inputs["functionVersion"] == "2"
    assert "routingConfig" not in program.one("Alias").inputs
    assert program.outputs_of("CanaryTraffic")["serving"] == {"new": 1}


def test_two_releases_of_one_version_need_no_weights_either() -> None:
    """A first deployment: the stable release is the newest, and an alias takes no weight for its own
    version."""
    program = run(traffic(versions={"stable": "1", "new": "1"}, shares={"stable": 0.95, "new": 0.05}))
    assert "routingConfig" not in program.one("Alias").inputs
    assert program.outputs_of("CanaryTraffic")["serving"] == {"new": 1}


def test_what_is_served_is_read_from_aws_after_the_deployment() -> None:
    program = run(traffic())
    (read,) = [r for r in program.resources if r.read]
    assert read.inputs["id"] == "handbook/live"
    assert program.one("Alias").urn in read.depends_on
    assert program.outputs_of("CanaryTraffic")["serving"] == {"old": 0.95, "new": 0.05}


@pytest.mark.parametrize("share", [1 / 3, 0.1 + 0.2, 0.07])
def test_shares_that_binary_numbers_cannot_hold_are_no_drift(share: float) -> None:
    program = run(traffic(shares={"old": 1 - share, "new": share}))
    assert program.outputs_of("CanaryTraffic")["serving"]["new"] == round(share, 9)


@pytest.mark.parametrize(
    ("alias", "serves"),
    [
        ({"functionVersion": "2"}, "version 2 100.0%"),
        ({"functionVersion": "1"}, "version 1 100.0%"),
        (
            {"functionVersion": "1", "routingConfig": {"additionalVersionWeights": {"2": 0.5}}},
            "version 1 50.0%, version 2 50.0%",
        ),
        (
            {"functionVersion": "1", "routingConfig": {"additionalVersionWeights": {"3": 0.05}}},
            "version 1 95.0%, version 3 5.0%",
        ),
    ],
)
def test_an_alias_that_serves_something_else_than_declared_fails_the_deployment(
    alias: dict[str, Any], serves: str
) -> None:
    said = refused(traffic(), World({"getFunction": frozen(v3="ffffffffffff")}, alias=alias))
    assert said.startswith(f"CanaryTraffic 'split': the alias live serves {serves}, but ")
    assert "version 1 95.0%, version 2 5.0% was declared" in said
    assert said.endswith("put it back with: pulumi up --refresh")


def test_a_preview_does_not_blame_anybody_for_what_it_would_itself_change() -> None:
    alias = {"functionVersion": "1", "routingConfig": {"additionalVersionWeights": {"2": 0.5}}}
    program = run(traffic(), World(alias=alias, deployed=True), preview=True)
    assert program.outputs_of("CanaryTraffic")["serving"] == {"old": 0.5, "new": 0.5}


def test_a_release_that_still_serves_cannot_be_taken_off_the_list() -> None:
    world = World(
        {"getFunction": frozen(v1="aaaaaaaaaaaa")},
        alias={"functionVersion": "1", "routingConfig": {"additionalVersionWeights": {"2": 0.2}}},
    )
    said = refused(traffic(versions={"new": "2"}, shares=None), world)
    assert said == (
        "CanaryTraffic 'split': release aaaaaaaaaaaa still gets 80% of the calls and is not listed. "
        "Move its traffic away first (agent-hosting release rollback or promote), or list it again."
    )


def test_it_cannot_be_taken_off_in_a_preview_either() -> None:
    """A preview knows the weights of an alias that has some; of others only that they are there."""
    alias = {"functionVersion": "1", "routingConfig": {"additionalVersionWeights": {"2": 0.5}}}
    world = World({"getFunction": frozen(v1="aaaaaaaaaaaa")}, alias=alias, deployed=True)
    said = refused(traffic(versions={"new": "2"}, shares=None), world, preview=True)
    assert "aaaaaaaaaaaa still gets 50% of the calls" in said


def test_a_release_that_serves_nothing_any_more_can_be_taken_off() -> None:
    program = run(traffic(versions={"new": "2"}, shares=None), World(alias={"functionVersion": "2"}))
    assert program.outputs_of("CanaryTraffic")["serving"] == {"new": 1}


def test_the_controllers_weights_are_told_as_they_are() -> None:
    alias = {"functionVersion": "1", "routingConfig": {"additionalVersionWeights": {"2": 0.2}}}
    program = run(traffic(shares=None), World(alias=alias))
    assert program.outputs_of("CanaryTraffic")["serving"] == {"old": 0.8, "new": 0.2}


def test_the_stable_release_is_told_by_the_bundle_frozen_with_its_version() -> None:
    world = World({"getFunction": frozen(v1="aaaaaaaaaaaa")})
    changes: Any = {"versions": {"stable": "1", "new": "2"}, "shares": {"stable": 0.95, "new": 0.05}}
    program = run(traffic(**changes), world)
    assert program.outputs_of("CanaryTraffic")["serving"] == {"aaaaaaaaaaaa": 0.95, "new": 0.05}


def test_a_version_without_a_bundle_is_told_by_its_number() -> None:
    changes: Any = {"versions": {"stable": "1", "new": "2"}, "shares": {"stable": 0.95, "new": 0.05}}
    program = run(traffic(**changes), World({"getFunction": lambda _: {"description": "by hand"}}))
    assert set(program.outputs_of("CanaryTraffic")["serving"]) == {"version 1", "new"}


def test_a_look_up_that_is_denied_is_no_missing_function() -> None:
    changes: Any = {"versions": {"stable": "1", "new": "2"}, "shares": {"stable": 0.95, "new": 0.05}}
    with pytest.raises(Exception, match="AccessDeniedException"):
        run(traffic(**changes), World({"getFunction": fails("AccessDeniedException: not authorized")}))


def test_the_alarms_watch_the_newest_release_alone() -> None:
    program = run(traffic(alarm_topic_arn="arn:topic"))
    newest = {"FunctionName": "handbook", "Resource": "handbook:live", "ExecutedVersion": "2"}
    errors, latency = program.one("MetricAlarm", "split-errors"), program.one("MetricAlarm", "split-latency")
    rate, failed, called = errors.inputs["metricQueries"]
    assert (rate["expression"], rate["returnData"]) == ("100 * errors / calls", True)
    for query, name in ((failed, "Errors"), (called, "Invocations")):
        assert query["metric"]["dimensions"] == newest
        assert (query["metric"]["metricName"], query["metric"]["stat"], query["metric"]["period"]) == (
            name,
            "Sum",
            300,
        )
        assert query["returnData"] is False
    assert (errors.inputs["threshold"], errors.inputs["comparisonOperator"]) == (5, "GreaterThanThreshold")
    assert latency.inputs["dimensions"] == newest
    assert (latency.inputs["metricName"], latency.inputs["statistic"]) == ("Duration", "Average")
    assert latency.inputs["threshold"] == 10_000
    for alarm in (errors, latency):
        assert alarm.inputs["alarmActions"] == ["arn:topic"]
        assert alarm.inputs["treatMissingData"] == "notBreaching"


def test_alarms_can_be_read_without_a_topic() -> None:
    assert {tuple(a.inputs["alarmActions"]) for a in run(traffic()).all("MetricAlarm")} == {()}


def test_callers_get_the_alias_and_never_the_function() -> None:
    outputs = run(traffic()).outputs_of("CanaryTraffic")
    assert outputs["alias_name"] == "live"
    assert outputs["alias_arn"].endswith(":function:handbook:live")
    assert outputs["invoke_arn"] == f"{outputs['alias_arn']}/invocations"
