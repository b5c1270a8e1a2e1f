"""`agent-hosting gate`: from an agent's folder to a judgement, through the command line."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import Result

from agent_hosting_cli.evaluation.files import evidence_of_file
from agent_runtime.bundle import bundle_files
from tests.evaluation.conftest import LENIENT, MODEL, Desk, gate, question

Serve = Callable[[Callable[[str], str]], str]


def judged(result: Result) -> dict[str, Any]:
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return json.loads(result.stdout)


def test_a_gate_that_is_met_ends_with_0_and_leaves_evidence_and_picture(desk: Desk, echo: str) -> None:
    desk.gates(**LENIENT)
    desk.cases(question("one", expected="you said: ONE"), question("two"))
    result = gate("--endpoint", echo, "--json")
    assert result.exit_code == 0, result.output
    said = judged(result)
    evidence = evidence_of_file(next((desk.project.root / "build" / "evidence").glob("helper-*.json")))
    assert said["passes"] is True
    assert said["evidence"] == evidence.model_dump(mode="json")
    assert (evidence.agent, evidence.source) == ("helper", "agent-hosting gate")
    assert evidence.metrics["task_success"].samples == 2
    assert evidence.metrics["cost_per_run_usd"].value == pytest.approx(0.0002)
    assert len(evidence.cases_sha256) == 64
    assert (desk.project.root / said["files"]["picture"]).read_text().startswith("<svg")
    assert "the agent prints" not in result.stdout


def test_a_gate_that_is_missed_ends_with_1_and_says_which_case_failed(desk: Desk, echo: str) -> None:
    desk.gates(**LENIENT)
    desk.cases(question("one"), question("two", id="bad", expected="three"), {"input": {"fails": True}})
    result = gate("--endpoint", echo)
    assert result.exit_code == 1
    assert "missed" in result.stdout
    assert "line-3: FAILED, RuntimeError" in result.stdout
    assert "bad: DONE, task_success 0" in result.stdout
    assert "does not pass its gate" in result.stdout
    assert "sk-do-not-show" not in result.output
    lines = next((desk.project.root / "build" / "evidence").glob("*.cases.jsonl")).read_text().splitlines()
    assert [json.loads(line)["scores"]["task_success"] for line in lines] == [1, 0, 0]


def test_a_metric_that_applies_to_no_case_is_not_measured_and_misses_its_threshold(
    desk: Desk, echo: str
) -> None:
    desk.gates(minimum_samples=1)
    desk.cases(question("one"))
    result = gate("--endpoint", echo, "--json")
    reasons = {one["metric"]: one["reason"] for one in judged(result)["judgements"]}
    assert result.exit_code == 1
    assert reasons["grounding"] == "grounding was not measured"
    assert reasons["tool_call_accuracy"] == "tool_call_accuracy was not measured"
    assert reasons["task_success"] is None


def test_too_few_cases_are_no_evidence(desk: Desk, echo: str) -> None:
    desk.gates(thresholds=LENIENT["thresholds"])
    desk.cases(question("one"))
    result = gate("--endpoint", echo, "--json")
    assert result.exit_code == 1
    assert judged(result)["judgements"][0]["reason"] == "task_success has 1 samples, and 30 are needed"


def test_citations_tool_calls_and_escalations_are_measured(desk: Desk, echo: str) -> None:
    desk.gates(minimum_samples=1)
    desk.cases(
        {
            "input": {"question": "?", "cites": ["a.md"], "tools": ["search"]},
            "must_cite": ["a.md", "b.md"],
            "required_tools": ["search", "lookup"],
        },
        {"input": {"question": "?", "person": True}},
    )
    metrics = judged(gate("--endpoint", echo, "--json"))["evidence"]["metrics"]
    shown = {name: (one["value"], one["samples"]) for name, one in metrics.items()}
    assert shown["grounding"] == (0.5, 1)
    assert shown["tool_call_accuracy"] == (0.5, 1)
    assert shown["escalation_rate"] == (0.5, 2)
    assert shown["task_success"] == (0.5, 2)


def test_the_judge_is_asked_through_the_same_model_and_billed_apart(desk: Desk, model: Serve) -> None:
    endpoint = model(lambda text: '{"score": 0.75}' if '"output"' in text else "polite")
    scorers = [{"kind": "judge", "metric": "tone", "rubric": "Is it polite?", "field": "answer"}]
    desk.gates(minimum_samples=1, thresholds={"tone": {"at_least": 0.7}}, scorers=scorers)
    desk.cases(question("one"), question("two"))
    result = gate("--endpoint", endpoint, "--json")
    said = judged(result)
    assert result.exit_code == 0
    assert said["judge"] == {"calls": 2, "cost_usd": 0.0004, "unreadable": 0}
    assert said["evidence"]["metrics"]["tone"]["value"] == 0.75
    assert said["evidence"]["metrics"]["cost_per_run_usd"]["value"] == pytest.approx(0.0002)


def test_the_evidence_of_the_stable_bundle_stands_beside_it(desk: Desk, echo: str) -> None:
    desk.gates(**LENIENT)
    desk.cases(question("one"))
    assert gate("--endpoint", echo, "--out", "stable.json").exit_code == 0
    result = gate("--endpoint", echo, "--against", "stable.json")
    assert result.exit_code == 0
    assert "stable" in result.stdout
    assert "stable bundle" in next((desk.project.root / "build" / "evidence").glob("*.svg")).read_text()


def test_what_measures_an_agent_does_not_change_its_bundle(desk: Desk, echo: str) -> None:
    def bundle() -> str:
        return judged(gate("--endpoint", echo, "--json"))["evidence"]["bundle_id"]

    desk.cases(question("one"))
    before = bundle()
    desk.gates(**LENIENT)
    desk.cases(question("one"), question("two"))
    assert bundle() == before
    assert bundle_files(desk.folder) == ["agent.py", "agent.yaml"]
    desk.stack("local", source="agents/helper", model={**MODEL, "name": "small-v2"})
    assert bundle() != before


def test_results_of_another_tool_are_judged_without_running_anything(desk: Desk) -> None:
    (desk.folder / "agent.py").write_text("raise SystemExit\n")
    desk.gates(minimum_samples=2, thresholds={"task_success": {"at_least": 0.5}})
    tests = [{"nodeid": str(n), "outcome": outcome} for n, outcome in enumerate(["passed", "failed"])]
    (desk.project.root / "report.json").write_text(json.dumps({"tests": tests}))
    result = gate("--results", "report.json", "--format", "pytest", "--json")
    said = judged(result)
    assert result.exit_code == 0
    assert (said["evidence"]["source"], said["evidence"]["cases_sha256"]) == ("pytest", "")


def test_a_stack_that_is_not_local_needs_its_secret(
    desk: Desk, echo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.gates(**LENIENT)
    desk.cases(question("one"))
    desk.stack("dev", source="agents/helper", model_endpoint=echo)
    result = gate("--stack", "dev")
    assert result.exit_code == 2
    assert "set the environment variable AGENT_SECRET_HELPER_MODEL_API_KEY" in result.stderr
    monkeypatch.setenv("AGENT_SECRET_HELPER_MODEL_API_KEY", "sk-do-not-show")
    result = gate("--stack", "dev")
    assert result.exit_code == 0, result.output
    assert "sk-do-not-show" not in result.output


def test_a_stack_of_releases_is_evaluated_by_the_working_tree(desk: Desk, echo: str) -> None:
    desk.gates(**LENIENT)
    desk.cases(question("one"))
    desk.stack("prod", releases=["0123456789ab"], model_endpoint="https://models.example.com/v1")
    assert gate("--stack", "prod", "--endpoint", echo).exit_code == 2  # the secret has no value
    desk.manifest(secrets=[], model={**MODEL, "api_key_secret": None})
    assert gate("--stack", "prod", "--endpoint", echo).exit_code == 0
