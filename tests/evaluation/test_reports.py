"""Results of other tools become the metrics of an evaluation of ours, or are refused by what was expected."""

import json
from pathlib import Path
from typing import Any

import pytest

from agent_hosting_cli.evaluation.measures import measured
from agent_hosting_cli.evaluation.reports import FORMATS, read_report
from agent_hosting_cli.evaluation.reports.shape import metric_name
from agent_hosting_cli.project import UserError
from agent_runtime.rollout.gates import Measured
from tests.evaluation.report_samples import DEEPEVAL, INSPECT, PROMPTFOO, PYTEST, REPORTS


def read(folder: Path, kind: str, document: Any) -> dict[str, Measured]:
    path = folder / "report.json"
    path.write_text(json.dumps(document))
    return measured(read_report(path, kind))


def values(found: dict[str, Measured]) -> dict[str, tuple[float, int]]:
    return {name: (round(one.value, 6), one.samples) for name, one in found.items()}


def test_every_format_has_a_report_here() -> None:
    assert FORMATS.keys() == REPORTS.keys()


def test_tests_of_pytest_are_cases_and_their_metadata_tells_more(tmp_path: Path) -> None:
    assert values(read(tmp_path, "pytest", PYTEST)) == {
        "task_success": (0.333333, 3),
        "grounding": (0.5, 1),
        "p95_latency_ms": (1200, 1),
        "cost_per_run_usd": (0.02, 1),
        "escalation_rate": (0, 1),
    }


def test_a_collection_that_failed_is_no_evidence(tmp_path: Path) -> None:
    broken = {**PYTEST, "collectors": [{"nodeid": "test_b.py", "outcome": "failed", "longrepr": "…"}]}
    with pytest.raises(
        UserError, match=r"collectors\.0\.outcome is 'failed'; a collection that did not fail"
    ):
        read(tmp_path, "pytest", broken)


def test_results_of_promptfoo_from_its_cache_took_no_time(tmp_path: Path) -> None:
    expected = {
        "task_success": (0.5, 2),
        "grounding": (1, 1),
        "tone_of_voice": (0.5, 1),
        "p95_latency_ms": (840, 1),
        "cost_per_run_usd": (0.01, 1),
    }
    assert values(read(tmp_path, "promptfoo", PROMPTFOO)) == expected
    assert values(read(tmp_path, "promptfoo", PROMPTFOO["results"])) == expected  # of its library


def test_test_cases_of_deepeval_are_measured_by_the_agents_time_and_cost(tmp_path: Path) -> None:
    expected = {
        "task_success": (0.5, 2),
        "grounding": (0.9, 1),
        "tool_call_accuracy": (1, 1),
        "politeness": (0.8, 1),
        "p95_latency_ms": (1500, 1),
        "cost_per_run_usd": (0.003, 1),
    }
    assert values(read(tmp_path, "deepeval", DEEPEVAL)) == expected
    assert values(read(tmp_path, "deepeval", DEEPEVAL["testRunData"])) == expected


def test_a_sample_of_inspect_counts_once_however_many_epochs_it_ran(tmp_path: Path) -> None:
    assert values(read(tmp_path, "inspect", INSPECT)) == {
        "task_success": (0.25, 2),
        "p95_latency_ms": (4000, 2),
        "cost_per_run_usd": (0.002, 1),
    }


def test_scorers_of_inspect_count_for_the_metrics_they_are_named_for(tmp_path: Path) -> None:
    scores = {"task_success": {"value": "P"}, "rubric": {"value": {"grounding": 0.25, "note": "a"}}}
    log = {"status": "success", "samples": [{"id": 1, "epoch": 1, "scores": scores}]}
    assert values(read(tmp_path, "inspect", log)) == {"task_success": (0.5, 1), "grounding": (0.25, 1)}


@pytest.mark.parametrize(
    ("kind", "document", "said"),
    [
        (
            "pytest",
            {"summary": {"passed": 3}},
            r"tests is None; a list of tests, .*without --json-report-sum",
        ),
        ("pytest", {"tests": [{"outcome": "great"}]}, r"tests\.0\.outcome is 'great'; an outcome \(passed"),
        (
            "pytest",
            {"tests": [{"outcome": "passed", "metadata": {"grounding": 7}}]},
            r"tests\.0\.metadata\.grounding is 7; a score from 0 to 1 is expected of the format pytest",
        ),
        ("pytest", {"tests": [{"outcome": "skipped"}]}, "holds no case that was judged"),
        (
            "promptfoo",
            {"results": {"outputs": []}},
            r"results\.results is None; a list of results, as `promptfoo",
        ),
        ("promptfoo", {"results": [{"success": "yes"}]}, r"results\.0\.success is 'yes'; true or false"),
        ("promptfoo", {"results": [{"success": True, "latencyMs": -1}]}, r"a number of milliseconds"),
        ("deepeval", {"testRunData": {}}, r"testRunData\.testCases is None; a list of test cases"),
        ("deepeval", [1], r"testCases is None"),
        (
            "inspect",
            {"status": "error", "samples": []},
            r"status is 'error'; 'success' \(an evaluation that ran",
        ),
        ("inspect", {"status": "success"}, r"samples is None; a list of samples, .*without --header-only"),
        (
            "inspect",
            {"status": "success", "samples": [{"id": 1, "scores": {"a": {"value": 1}, "b": {"value": 1}}}]},
            r"samples\.0\.scores is .*; one scorer, or one of them named `task_success`",
        ),
        (
            "inspect",
            {"status": "success", "samples": [{"id": 1, "scores": {"a": {"value": "?"}}}]},
            r"a score from",
        ),
    ],
)
def test_another_shape_is_refused_by_what_was_expected(
    tmp_path: Path, kind: str, document: Any, said: str
) -> None:
    with pytest.raises(UserError, match=said) as error:
        read(tmp_path, kind, document)
    assert str(tmp_path / "report.json") in str(error.value)


@pytest.mark.parametrize("kind", sorted(FORMATS))
@pytest.mark.parametrize("other", sorted(FORMATS))
def test_a_report_of_another_tool_is_never_taken_for_ones_own(tmp_path: Path, kind: str, other: str) -> None:
    if kind != other:
        with pytest.raises(UserError, match="is expected of the format"):
            read(tmp_path, kind, REPORTS[other])


def test_a_file_that_is_none_and_a_format_that_is_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read: No such file"):
        read_report(tmp_path / "none.json", "pytest")
    (tmp_path / "log.eval").write_bytes(b"PK\x03\x04")
    with pytest.raises(UserError, match="is no JSON"):
        read_report(tmp_path / "log.eval", "inspect")
    with pytest.raises(UserError, match="known are deepeval, inspect, promptfoo, pytest"):
        read_report(tmp_path / "none.json", "junit")


def test_a_name_becomes_a_metrics_or_none() -> None:
    assert metric_name("Task Success [GEval]") == "task_success"
    assert metric_name("tool-call accuracy") == "tool_call_accuracy"
    assert metric_name("p95_latency_ms") is None
    assert metric_name("7 wonders") is None
