"""`agent-hosting gate`: what has to be put right first ends with 2, and says how."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from agent_hosting_cli.main import app
from tests.evaluation.conftest import LENIENT, MODEL, Desk, gate, question


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--stack", "none"], r"Pulumi.none.yaml is missing; the stacks are local"),
        (
            ["--endpoint", "http://models.example.com/v1"],
            "--endpoint is 'http://models.example.com/v1'; an https",
        ),
        ([], "model_endpoint is missing; give it there, or name one with --endpoint URL"),
        (["--results", "report.json"], "--results FILE and --format go together"),
        (["--format", "pytest"], "--results FILE and --format go together"),
        (["--results", "none.json", "--format", "junit"], "--format is 'junit'; known are deepeval"),
        (["--out", "evidence.txt"], "--out is 'evidence.txt'; a file that ends in .json"),
        (["--against", "none.json"], "none.json cannot be read"),
        (["--at-once", "0"], "--at-once"),
    ],
)
def test_a_mistake_of_use_ends_with_2_and_says_what_to_do(
    desk: Desk, arguments: list[str], said: str
) -> None:
    desk.cases(question("one"))
    result = gate(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr.replace("\n", "")
    assert isinstance(result.exception, SystemExit)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda desk: (desk.folder / "gates.yaml").write_text("scorers: []"), "gates.yaml: scorers is []"),
        (
            lambda desk: (desk.folder / "evaluation" / "cases.jsonl").write_text("{"),
            "cases.jsonl:1: '{' is no",
        ),
        (
            lambda desk: (desk.folder / "evaluation" / "cases.jsonl").unlink(),
            "does not exist: write one case",
        ),
        (lambda desk: (desk.folder / "agent.py").write_text("1 / 0"), "agent.py:1: importing the agent's"),
        (lambda desk: (desk.folder / "agent.yaml").write_text("a: 1"), "Correct the manifest"),
        (
            lambda desk: desk.project.stack_file("local").write_text("a"),
            "agent-hosting:agents cannot be read",
        ),
        (
            lambda desk: desk.stack("local", source="agents/helper", model_endpoint="${MODEL_OF_NOBODY}"),
            "MODEL_OF_NOBODY is not set: the embedded cloud does not run. Start it with `make up`",
        ),
    ],
)
def test_what_is_wrong_with_an_agents_files_ends_with_2_and_no_traceback(
    desk: Desk, spoil: Callable[[Desk], Any], said: str
) -> None:
    desk.cases(question("one"))
    desk.stack("local", source="agents/helper", model_endpoint="http://127.0.0.1:9/v1")
    spoil(desk)
    result = gate()
    assert result.exit_code == 2
    assert said in result.stderr.replace("\n", "")
    assert "Traceback" not in result.output


def test_an_agent_that_the_stack_has_not_is_refused_with_those_it_has(desk: Desk) -> None:
    result = CliRunner().invoke(app, ["gate", "nobody"])
    assert result.exit_code == 2
    assert "has no agent 'nobody'; it has helper" in result.stderr


def test_evidence_of_another_agent_is_not_compared_with(desk: Desk, echo: str) -> None:
    desk.gates(**LENIENT)
    desk.cases(question("one"))
    gate("--endpoint", echo, "--out", "other.json")
    held = json.loads((desk.project.root / "other.json").read_text())
    (desk.project.root / "other.json").write_text(json.dumps({**held, "agent": "other"}))
    result = gate("--endpoint", echo, "--against", "other.json")
    assert result.exit_code == 2
    assert "is evidence of 'other', and 'helper' is judged" in result.stderr


def test_a_model_that_is_away_fails_the_cases_and_a_judge_that_is_away_ends_the_evaluation(
    desk: Desk, echo: str
) -> None:
    desk.gates(**LENIENT)
    desk.cases(question("one"))
    result = gate("--endpoint", "http://127.0.0.1:9/v1", "--timeout", "0.3")
    assert result.exit_code == 1
    assert "line-1: PARKED, ModelUnavailable" in result.stdout or "TIMED_OUT" in result.stdout
    desk.gates(
        scorers=[{"kind": "judge", "metric": "tone", "rubric": "polite?"}],
        judge={**MODEL, "endpoint": "http://127.0.0.1:9/v1"},
    )
    result = gate("--endpoint", echo, "--timeout", "1")
    assert result.exit_code == 2
    assert "the judge's model does not answer" in result.stderr
