"""What a run counts for in the metrics, and the scores that it may report."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.errors import ScoreInvalid
from agent_runtime.metrics import RunFigures, figures_of, metrics_line
from agent_runtime.outcomes import RunOutcome
from agent_runtime.records import ENDED, Lease, RunStatus, Usage
from agent_runtime.scores import MOST_SCORES, add_score
from agent_runtime.traces import RunTrace

RATES = {"RunErrors", "Escalations", "DurationMs", "DurationMsSquares", "SpendUsdSquares"}
ESCALATED = {"TimeToEscalationMs", "TimeToEscalationMsSquares"}
TRACED = ESCALATED | {"RunTokens", "ToolCalls", "ToolErrors", "ContextUtilisation", "TraceQuality"}
SPENT = Usage(100, 10, 0.5, 1)


def outcome(status: RunStatus, **changes: Any) -> RunOutcome:
    lease = Lease("answers#acme#r", "answers/acme/r", 1, "1", 9)
    given: dict[str, Any] = {"output": None, "steps": (), "usage": Usage(900, 90, 9.0, 9), "spent": SPENT}
    given |= {"lease": lease}
    return RunOutcome("r", status, "b", **(given | changes))


def line(figures: RunFigures, now: float = 1_800_000_000.5) -> dict[str, Any]:
    text = metrics_line(agent="answers", bundle_id="b", run_id="r", figures=figures, now=now)
    assert "\n" not in text
    return json.loads(text)


def figures(status: RunStatus, *, failed: bool = False, **changes: Any) -> RunFigures:
    return figures_of(outcome(status, **changes), failed=failed, duration_ms=1_500.0)


@pytest.mark.parametrize("status", [RunStatus.SLEEPING, RunStatus.QUEUED, RunStatus.PARKED])
def test_a_run_that_sleeps_or_changes_hands_costs_and_counts_for_no_rate(status: RunStatus) -> None:
    values = line(figures(status))
    assert (values["Runs"], values["SpendUsd"], values["InputTokens"]) == (0, 0.5, 100)
    assert not RATES & values.keys()


@pytest.mark.parametrize("status", sorted(ENDED))
def test_a_run_that_ends_counts_once(status: RunStatus) -> None:
    values = line(figures(status))
    assert (values["Runs"], values["RunErrors"], values["Escalations"]) == (1, 0, 0)
    assert (values["DurationMs"], values["DurationMsSquares"]) == (1_500, 2_250_000)
    assert (values["SpendUsd"], values["SpendUsdSquares"]) == (0.5, 0.25)


def test_a_call_that_finds_a_run_ended_is_no_run() -> None:
    values = line(figures(RunStatus.DONE, lease=None, spent=Usage()))
    assert (values["Runs"], values["SpendUsd"]) == (0, 0)
    assert not RATES & values.keys()


@pytest.mark.parametrize("status", RunStatus)
def test_a_failure_counts_whatever_the_run_is_left_at(status: RunStatus) -> None:
    values = line(figures(status, failed=True))
    assert (values["Runs"], values["RunErrors"]) == (1, 1)


@pytest.mark.parametrize("status", RunStatus)
def test_only_a_run_that_waits_for_a_person_is_an_escalation(status: RunStatus) -> None:
    waits = status is RunStatus.WAITING_APPROVAL
    values = line(figures(status))
    assert values.get("Escalations", 0) == int(waits)
    assert not waits or values["Runs"] == 1


@pytest.mark.parametrize("failed", [True, False])
def test_a_run_that_did_not_begin_spent_nothing_and_counts(failed: bool) -> None:
    values = line(figures_of(None, failed=failed, duration_ms=4.0))
    assert (values["Runs"], values["RunErrors"], values["SpendUsd"]) == (1, int(failed), 0)
    assert values["DurationMs"] == 4


@pytest.mark.parametrize("status", RunStatus)
def test_scores_count_for_runs_that_are_done_alone(status: RunStatus) -> None:
    values = line(figures(status, scores={"grounding": 0.75}))
    assert values.get("Score_grounding") == (0.75 if status is RunStatus.DONE else None)


def test_a_run_that_ends_tells_its_tokens_over_all_of_its_workers_and_how_it_went() -> None:
    trace = RunTrace(4, 1, context_utilisation=0.25, quality=0.75)
    values = line(figures(RunStatus.DONE, trace=trace))
    assert (values["RunTokens"], values["ToolCalls"], values["ToolErrors"]) == (990, 4, 1)
    assert (values["ContextUtilisation"], values["TraceQuality"]) == (0.25, 0.75)
    assert not ESCALATED & values.keys()


def test_a_run_that_asks_a_person_tells_how_long_it_took_and_what_its_tools_did_until_then() -> None:
    trace = RunTrace(2, 0, 0.25, 0.75, escalated_after_ms=3_000)
    values = line(figures(RunStatus.WAITING_APPROVAL, trace=trace))
    assert {name: values[name] for name in TRACED & values.keys()} == {
        "ToolCalls": 2,
        "ToolErrors": 0,
        "TimeToEscalationMs": 3_000,
        "TimeToEscalationMsSquares": 9_000_000,
    }


@pytest.mark.parametrize("trace", [None, RunTrace()])
@pytest.mark.parametrize("status", RunStatus)
def test_what_a_run_cannot_say_is_left_out_and_never_zero(status: RunStatus, trace: RunTrace | None) -> None:
    values = line(figures(status, trace=trace, usage=Usage()))
    assert not TRACED & values.keys()


def test_a_run_that_was_done_before_does_not_tell_its_tokens_again() -> None:
    assert not TRACED & line(figures(RunStatus.DONE)).keys()


@given(
    st.builds(
        RunFigures,
        spent=st.builds(Usage, st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0, 100)),
        counts=st.booleans(),
        failed=st.booleans(),
        escalated=st.booleans(),
        duration_ms=st.floats(0, 10**7),
        scores=st.dictionaries(st.from_regex("[a-z]{1,5}", fullmatch=True), st.floats(0, 1)),
        tokens=st.none() | st.integers(1, 10**7),
        trace=st.builds(
            RunTrace,
            tool_calls=st.integers(0, 100),
            tool_errors=st.integers(0, 100),
            context_utilisation=st.none() | st.floats(0, 1),
            quality=st.none() | st.floats(0, 1),
            escalated_after_ms=st.none() | st.integers(0, 10**9),
        ),
    )
)
def test_each_metric_that_is_declared_has_a_value_and_each_dimension_too(figures: RunFigures) -> None:
    values = line(figures)
    (directive,) = values["_aws"]["CloudWatchMetrics"]
    names = [metric["Name"] for metric in directive["Metrics"]]
    assert len(names) == len(set(names))
    assert all(isinstance(values[name], int | float) for name in names)
    assert directive["Namespace"] == "AgentHosting"
    assert directive["Dimensions"] == [["agent"], ["agent", "bundle"]]
    assert (values["agent"], values["bundle"], values["run_id"]) == ("answers", "b", "r")
    assert values.keys() == {"_aws", "agent", "bundle", "run_id", *names}


def test_a_line_is_stamped_in_milliseconds() -> None:
    assert line(RunFigures())["_aws"]["Timestamp"] == 1_800_000_000_500


@given(st.floats(0, 1) | st.sampled_from([0, 1]), st.floats(0, 1))
def test_a_score_takes_the_place_of_one_of_the_same_name(first: float, second: float) -> None:
    scores: dict[str, float] = {}
    add_score(scores, "grounding", first)
    add_score(scores, "grounding", second)
    assert scores == {"grounding": second}


@pytest.mark.parametrize("value", [-0.001, 1.001, float("nan"), float("inf"), True, False, 2])
def test_a_score_outside_of_0_to_1_is_refused(value: float) -> None:
    scores = {"grounding": 0.5}
    with pytest.raises(ScoreInvalid, match="must be from 0 to 1"):
        add_score(scores, "grounding", value)
    assert scores == {"grounding": 0.5}


@pytest.mark.parametrize("name", ["", "Grounding", "1st", "a-b", "a b", "a\n", "_a", "é", "a" * 41])
def test_a_name_that_makes_no_metric_is_refused(name: str) -> None:
    scores: dict[str, float] = {}
    with pytest.raises(ScoreInvalid, match="a name is a letter"):
        add_score(scores, name, 0.5)
    assert scores == {}


@given(st.from_regex("[a-z][a-z0-9_]{0,39}", fullmatch=True))
def test_each_other_name_is_taken(name: str) -> None:
    scores: dict[str, float] = {}
    add_score(scores, name, 0.5)
    assert scores == {name: 0.5}


def test_one_score_more_than_allowed_is_refused_and_known_ones_still_change() -> None:
    scores: dict[str, float] = {}
    for number in range(MOST_SCORES):
        add_score(scores, f"s{number}", 0.5)
    with pytest.raises(ScoreInvalid, match="one more than the 10 allowed"):
        add_score(scores, "another", 0.5)
    add_score(scores, "s0", 1)
    assert (len(scores), scores["s0"]) == (MOST_SCORES, 1.0)
