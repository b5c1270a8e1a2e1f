"""What a reviewer sees of a deployed agent's trail, and what tampering comes to."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.logs.models import logs_backends
from typer.testing import CliRunner

from agent_hosting_cli import deployed, main
from agent_hosting_cli.deployed import Deployed
from agent_hosting_cli.project import UserError
from agent_runtime.audit.export import Exporter
from tests.runtime.audit_world import GROUP, AuditWorld
from tests.runtime.pretended import CONTROL, TABLE, pretended_aws
from tests.runtime.stores import _moto_client

LOCKED = "answers-audit-export"


class World(AuditWorld):
    def __init__(self, aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(aws)
        aws.s3.create_bucket(Bucket=LOCKED)
        outputs = {
            "checkpoint_table_name": TABLE,
            "control_table_name": CONTROL,
            "audit_log_group_name": GROUP,
            "audit_bucket_name": LOCKED,
            "audit_retention_days": 365,
        }
        self.found = Deployed("answers", outputs, self._client)
        monkeypatch.setattr(deployed, "audited", lambda *_: self.found)
        trail = self.trail()
        for number in range(3):
            trail.record("secret-read", run_id=f"run-{number}", tenant="acme", step="charge", secret="key")
        self.trail("status").record("approval-decided", run_id="run-1", who="anna", verdict="approve")
        self.worker = next(writer for writer in self.heads() if "-worker-" in writer)

    def _client(self, service: str) -> Any:
        session: Any = boto3.session.Session()
        return self.aws.dynamodb if service == "dynamodb" else session.client(service)

    def export(self) -> None:
        logs, s3 = self.logs.client, self.aws.s3
        Exporter(logs, GROUP, s3, LOCKED, self.anchors(), agent="answers", clock=self.aws.clock).run()

    def events(self) -> list[Any]:
        """The lines of the worker's chain where moto keeps them: nobody can alter those of AWS so."""
        region = self.logs.client.meta.region_name
        return logs_backends[ACCOUNT][region].groups[GROUP].streams[self.worker].events


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with pretended_aws(_moto_client()) as aws:
        yield World(aws, monkeypatch)


def call(*words: str) -> Any:
    return CliRunner().invoke(main.app, ["audit", *words], env={"COLUMNS": "250"})


def verified(*, whole: bool) -> dict[str, Any]:
    done = call("verify", "answers", "--json")
    assert done.exit_code == (0 if whole else 1), done.output
    told: dict[str, Any] = json.loads(done.output)
    assert told["whole"] is whole
    return told


def test_entries_are_shown_by_run_and_kind(world: World) -> None:
    shown = json.loads(call("show", "answers", "--json").output)
    assert [(one["kind"], one["run_id"]) for one in shown if "-worker-" in one["entry"]] == [
        ("secret-read", "run-0"),
        ("secret-read", "run-1"),
        ("secret-read", "run-2"),
    ]
    of_run = json.loads(call("show", "answers", "--run", "run-1", "--json").output)
    assert {one["kind"] for one in of_run} == {"secret-read", "approval-decided"}
    (decided,) = json.loads(call("show", "answers", "--kind", "approval-decided", "--json").output)
    assert (decided["who"], decided["what"]) == ("anna", {"verdict": "approve"})
    table = call("show", "answers", "--run", "run-1").output
    assert "anna" in table
    assert "charge" in table


def test_an_unknown_kind_is_told(world: World) -> None:
    done = call("show", "answers", "--kind", "secrets")
    assert "secret-read" in str(done.exception)


def test_a_trail_that_nobody_touched_is_whole_before_and_after_its_export(world: World) -> None:
    assert verified(whole=True)["exported"] == 0
    world.export()
    told = verified(whole=True)
    assert (told["entries"], told["chains"], told["exported"]) == (4, 2, 4)
    assert "whole: 4 entries in 2 chains, 4 of them locked" in call("verify", "answers").output


def test_an_entry_that_was_removed_is_named(world: World) -> None:
    del world.events()[1]
    (found,) = verified(whole=False)["findings"]
    assert (found["entry"], found["is"], found["where"]) == (f"{world.worker}/2", "removed", "log")
    said = call("verify", "answers").output
    assert f"{world.worker}/2 is removed in the log" in said
    assert "NOT WHOLE" in said


def test_an_entry_that_was_altered_is_named_and_shown_as_such(world: World) -> None:
    world.events()[0].message = world.events()[0].message.replace("run-0", "run-9")
    assert [(f["entry"], f["is"]) for f in verified(whole=False)["findings"]] == [
        (f"{world.worker}/1", "altered")
    ]
    shown = json.loads(call("show", "answers", "--json").output)
    assert [one["altered"] for one in shown if "altered" in one] == ["its hash is not that of what it says"]


def test_a_chain_that_lost_its_end_or_all_of_it_is_found(world: World) -> None:
    del world.events()[2]
    assert verified(whole=False)["findings"][0]["is"] == "truncated"
    world.logs.client.delete_log_stream(logGroupName=GROUP, logStreamName=world.worker)
    (found,) = verified(whole=False)["findings"]
    assert (found["entry"], found["is"]) == (f"{world.worker}/1", "truncated")


def test_an_export_that_was_taken_away_is_found(world: World) -> None:
    world.export()
    world.aws.s3.delete_object(Bucket=LOCKED, Key="answers/manifests/00000001.json")
    (found,) = verified(whole=False)["findings"]
    assert (found["entry"], found["is"], found["where"]) == ("manifest/1", "truncated", "export")


def test_what_cannot_be_read_is_neither_whole_nor_not(world: World) -> None:
    del world.found.outputs["audit_log_group_name"]
    done = call("verify", "answers")
    assert done.exit_code == 2


def test_the_tool_gateway_has_a_trail_under_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway, agent = {"name": "tools", "control_table_name": "c"}, {"checkpoint_table_name": "t"}
    outputs: dict[str, Any] = {"tool_gateway": gateway, "handbook": agent}
    monkeypatch.setattr(deployed, "outputs_of", lambda *_: (outputs, boto3.client))
    project: Any = None
    assert deployed.audited(project, "prod", "tools").outputs == gateway
    assert deployed.audited(project, "prod", "handbook").outputs == agent
    with pytest.raises(UserError):
        deployed.audited(project, "prod", "other")
