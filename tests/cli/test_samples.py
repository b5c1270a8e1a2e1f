"""Candidates for an evaluation set, out of runs of production that were put aside."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from agent_hosting_cli import deployed, main
from agent_hosting_cli.deployed import Deployed
from agent_hosting_cli.evaluation.cases import read_cases
from agent_hosting_cli.project import UserError
from agent_hosting_cli.samples import candidates, lines
from agent_runtime.records import RunStatus
from agent_runtime.samples import Sample, SampleStore
from tests.runtime.pretended import CONTROL, TABLE, Aws, pretended_aws
from tests.runtime.stores import _moto_client

BUNDLE = "a" * 12


class World:
    def __init__(self, aws: Aws) -> None:
        self.aws = aws
        self.told: list[str] = []
        clients = {"dynamodb": aws.dynamodb, "s3": aws.s3}
        outputs = {"checkpoint_table_name": TABLE, "control_table_name": CONTROL}
        self.found = Deployed("answers", outputs, clients.__getitem__)

    def ran(self, number: int, given: Any, output: dict[str, Any]) -> str:
        """A run that is done and put aside; its id."""
        run_id, store = f"{number:032x}", self.aws.store()
        opened = store.open_run(run_id=run_id, tenant="acme", input=given, bundle_id=BUNDLE, lease_seconds=60)
        assert opened.lease is not None
        store.leased.finish(opened.lease, RunStatus.DONE, output=output)
        finished = int(self.aws.clock.now * 1000) + number
        sample = Sample("acme", run_id, BUNDLE, finished, opened.lease.expires_at)
        SampleStore(store.table, "answers").add(sample)
        return run_id

    def candidates(self, most: int = 100) -> list[dict[str, Any]]:
        return candidates(self.found, most, self.told.append)


@pytest.fixture
def world() -> Iterator[World]:
    with pretended_aws(_moto_client()) as aws:
        aws.clock.now = 4_000_000_000  # the command reads with the machine's own clock
        yield World(aws)


def test_a_candidate_is_a_case_whose_output_is_only_observed(world: World, tmp_path: Path) -> None:
    run_id = world.ran(1, {"question": "wie oft?"}, {"answer": "täglich"})
    found = world.candidates()
    path = tmp_path / "cases.jsonl"
    path.write_text(lines(found))
    (case,) = read_cases(path).cases
    assert (case.id, case.input, case.expected) == (f"sample-{run_id}", {"question": "wie oft?"}, None)
    assert case.observed is not None
    assert case.observed.model_dump() == {
        "output": {"answer": "täglich"},
        "run_id": run_id,
        "bundle_id": BUNDLE,
    }


def test_the_newest_come_first_and_no_more_than_wanted(world: World) -> None:
    runs = [world.ran(number, {}, {}) for number in range(4)]
    found = [case["observed"]["run_id"] for case in world.candidates(most=2)]
    assert found == [runs[3], runs[2]]


def test_what_makes_no_case_is_told_and_left_out(world: World) -> None:
    kept = world.ran(1, {}, {})
    large, odd, gone = world.ran(2, {}, {"text": "x" * 400_000}), world.ran(3, [1], {}), world.ran(4, {}, {})
    key = {"pk": {"S": f"answers#acme#{gone}"}, "sk": {"S": "run"}}
    world.aws.dynamodb.delete_item(TableName=TABLE, Key=key)
    assert [case["id"] for case in world.candidates()] == [f"sample-{kept}"]
    assert sorted(world.told) == sorted(
        [
            f"run {large} is left out: its input or output is too large for a line",
            f"run {odd} is left out: its input is no object",
            f"run {gone} is left out: it has expired",
        ]
    )


def test_a_table_that_does_not_answer_is_told_in_words(world: World) -> None:
    world.aws.dynamodb.delete_table(TableName=TABLE)
    with pytest.raises(UserError, match="refused: ResourceNotFoundException"):
        world.candidates()


def test_the_command_writes_a_file_or_to_standard_output(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.ran(1, {"question": "?"}, {"answer": "!"})
    monkeypatch.setattr(main, "find_project", lambda _: None)
    monkeypatch.setattr(deployed, "deployed", lambda *_: world.found)
    path = tmp_path / "new" / "found.jsonl"
    written = CliRunner().invoke(main.app, ["samples", "answers", "--output", str(path)])
    assert written.exit_code == 0
    printed = CliRunner().invoke(main.app, ["samples", "answers", "--most", "5"])
    assert printed.stdout == path.read_text()
    assert json.loads(printed.stdout)["input"] == {"question": "?"}
