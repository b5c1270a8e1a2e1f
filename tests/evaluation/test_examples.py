"""The first example passes its gate on the embedded model server, and the guide's snippets hold."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from agent_hosting_cli.evaluation.cases import Case
from agent_hosting_cli.evaluation.results import CaseResult
from agent_hosting_cli.evaluation.scorers.own import Own
from agent_hosting_cli.evaluation.settings import read_settings
from agent_hosting_cli.main import app
from embedded_aws.model_server import ModelServer
from tests.unhurried import unhurried

ROOT = Path(__file__).parents[2]


def test_the_handbook_passes_its_gate_on_the_embedded_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, serve: Callable[[Any], str]
) -> None:
    for name in ("examples", "stacks"):
        shutil.copytree(ROOT / name, tmp_path / name)
    unhurried(tmp_path / "examples/01-first-turn/gates.yaml")
    shutil.copy(ROOT / "Pulumi.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    endpoint = serve(ModelServer())
    result = CliRunner().invoke(app, ["gate", "handbook", "--endpoint", endpoint, "--at-once", "2", "--json"])
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    metrics = said["evidence"]["metrics"]
    assert metrics["task_success"]["samples"] >= 30
    assert metrics["grounding"]["samples"] >= 30
    assert said["failed"] == []
    assert metrics["task_success"]["value"] == metrics["grounding"]["value"] == 1


def _snippet(language: str) -> str:
    page = (ROOT / "docs" / "gates.md").read_text()
    found = re.search(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def test_the_gates_on_the_page_are_read(tmp_path: Path) -> None:
    (tmp_path / "gates.yaml").write_text(_snippet("yaml"))
    assert {spec.kind for spec in read_settings(tmp_path).scorers} >= {"completed", "judge", "python"}


def test_the_scorer_on_the_page_scores(tmp_path: Path) -> None:
    (tmp_path / "scores.py").write_text(_snippet("python"))
    scorer = Own("brevity", "scores:brevity", tmp_path)
    short, long = ({"answer": "a " * words} for words in (10, 100))
    case = Case(id="a", input={})
    assert scorer.score(case, CaseResult("a", "DONE", 1.0, output=short)) == 1
    assert scorer.score(case, CaseResult("a", "DONE", 1.0, output=long)) == 0.5


def test_each_line_of_cases_on_the_page_is_a_case() -> None:
    for line in _snippet("json").splitlines():
        assert Case.model_validate(json.loads(line)).input
