"""What people do with the memories of a deployed agent's sessions."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner

from agent_hosting_cli import deployed, main
from agent_hosting_cli.deployed import Deployed
from agent_hosting_cli.memories import Memories
from agent_hosting_cli.project import UserError
from agent_runtime.bundle import Bundle, MemorySpec, ModelSpec
from agent_runtime.metrics import RunFigures, metrics_line
from agent_runtime.records import RunRequest
from agent_runtime.rollout.record import Phase, Record
from agent_runtime.run import Run
from agent_runtime.turns import MemoryFigures
from tests.rollout.samples import plan
from tests.rollout.tables import Table
from tests.runtime.pretended import BUCKET, CONTROL, TABLE, Aws, pretended_aws
from tests.runtime.stores import _moto_client


class World:
    """An agent whose sessions were written to by two releases: `old`, and `new` after it."""

    def __init__(self, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
        self.aws = aws
        self.old, self.new = bundle("old"), bundle("new")
        self.number = 0
        outputs = {
            "checkpoint_table_name": TABLE,
            "checkpoint_bucket_name": BUCKET,
            "control_table_name": CONTROL,
        }
        self.found = Deployed("answers", outputs, self._client)
        monkeypatch.setattr(deployed, "deployed", lambda *_: self.found)

    def _client(self, service: str) -> Any:
        session: Any = boto3.session.Session()
        return self.aws.dynamodb if service == "dynamodb" else session.client(service)

    def turn(self, release: Bundle, session: str, **values: Any) -> None:
        def agent(run: Run) -> dict[str, Any]:
            run.memory.update(values)
            return {}

        self.number += 1
        request = RunRequest(f"{self.number:032x}", "demo", {}, session)
        runner = self.aws.runner(agent, None, release)
        assert runner.run(request, lease_seconds=30, remaining_seconds=lambda: 30.0).error is None

    def moves(self, session: str) -> None:
        turns = self.aws.runner(lambda _: {}, None, self.new).turns
        assert turns is not None
        assert turns.sessions.repin("demo", session, self.old.bundle_id, self.new.bundle_id)

    def command(self, *words: str) -> Any:
        return CliRunner().invoke(main.app, list(words))


def bundle(name: str) -> Bundle:
    model = ModelSpec(
        provider="openai",
        name="embedded-v1",
        input_usd_per_million_tokens=1.0,
        output_usd_per_million_tokens=10.0,
    )
    return Bundle(
        entrypoint="agent:answer",
        model=model,
        prompts={},
        code={name: "0" * 64},
        memory=MemorySpec(),
        checkpoint_version=1,
        max_steps=10,
        max_model_calls=3,
        runtime_fingerprint="test",
    )


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with pretended_aws(_moto_client()) as aws:
        aws.clock.now = 4_000_000_000  # the command reads with the machine's own clock
        yield World(aws, monkeypatch)


def test_versions_are_listed_shown_and_restored(world: World) -> None:
    world.turn(world.old, "s", name="Ada")
    world.turn(world.old, "s", name="Eve")
    found = json.loads(world.command("memory", "list", "answers", "--session", "s", "--json").stdout)
    assert [(kept["version"], kept["bundle_id"]) for kept in found] == [
        (2, world.old.bundle_id),
        (1, world.old.bundle_id),
    ]
    assert found[0].keys() == {"version", "bundle_id", "run_id", "created_at", "bytes", "sha256", "why"}
    shown = world.command("memory", "show", "answers", "--session", "s", "--version", "1")
    assert json.loads(shown.stdout) == {"name": "Ada"}
    restored = world.command(
        "memory", "restore", "answers", "--session", "s", "--version", "1", "--why", "she is not Eve"
    )
    assert restored.stdout == "version 3 has the content of version 1\n"
    assert json.loads(world.command("memory", "show", "answers", "--session", "s").stdout) == {"name": "Ada"}
    (newest, *_) = Memories(world.found).versions("demo", "s")
    assert newest["why"].startswith("she is not Eve (by arn:aws:")


def test_a_session_without_a_memory_and_a_version_that_is_not_kept_are_told(world: World) -> None:
    memories = Memories(world.found)
    with pytest.raises(UserError, match="session 'x' of tenant 'demo' remembers nothing, or has expired"):
        memories.versions("demo", "x")
    world.turn(world.old, "s", a=1)
    with pytest.raises(UserError, match="version 9 of the session's memory is not kept; kept are 1"):
        memories.content("demo", "s", 9)


def test_a_rollback_with_memory_undoes_what_the_release_wrote_and_may_be_said_again(world: World) -> None:
    for session in ("s-1", "s-2"):
        world.turn(world.old, session, a="good")
        world.moves(session)
        world.turn(world.new, session, a="bad")
    record = Record(world.new.bundle_id, previous=world.old.bundle_id, phase=Phase.WATCH)
    put_rollout(world, record)
    words = ("release", "rollback", "answers", "--why", "it lies", "--with-memory", "--json")
    done = world.command(*words)
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["release"] == world.new.bundle_id
    assert report["shares"] == {world.old.bundle_id: 10_000}
    assert report["memory"]["counts"]["restored"] == 2
    for session in ("s-1", "s-2"):
        assert Memories(world.found).content("demo", session, None) == {"a": "good"}

    again = world.command(*words, "--release", world.new.bundle_id)
    assert again.exit_code == 0, again.output
    report = json.loads(again.stdout)
    assert (report["memory"]["counts"]["restored"], report["memory"]["counts"]["unchanged"]) == (0, 2)
    assert report["version"] == record.version + 1, "the traffic was moved once"


def test_while_a_session_is_in_a_turn_the_command_ends_with_1_and_names_it(world: World) -> None:
    world.turn(world.old, "s", a="good")
    world.moves("s")
    world.turn(world.new, "s", a="bad")
    put_rollout(world, Record(world.new.bundle_id, previous=world.old.bundle_id, phase=Phase.WATCH))
    turn = world.aws.runner(lambda _: {}, None, world.new).begin_turn("demo", "s", "other", 30)
    assert turn is not None
    words = ("release", "rollback", "answers", "--why", "it lies", "--with-memory")
    done = world.command(*words)
    assert done.exit_code == 1
    assert "  busy: demo s\n" in done.stdout
    turn.give_back()
    assert world.command(*words, "--release", world.new.bundle_id).exit_code == 0
    assert Memories(world.found).content("demo", "s", None) == {"a": "good"}


def test_two_releases_are_compared_by_what_runs_make_of_their_memories(world: World) -> None:
    cloudwatch = boto3.session.Session().client("cloudwatch")
    now = 1_800_000_000.0
    for release, gained in ((world.old, 100), (world.new, 1_000)):
        figures = RunFigures(memory=MemoryFigures(2_000, gained, 10, 0.1, 0))
        line = json.loads(
            metrics_line(
                agent="answers", bundle_id=release.bundle_id, run_id="r", figures=figures, now=now - 600
            )
        )
        dimensions = [{"Name": name, "Value": line[name]} for name in ("agent", "bundle")]
        for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]:
            data = {
                "MetricName": metric["Name"],
                "Dimensions": dimensions,
                "Timestamp": now - 600,
                "Value": line[metric["Name"]],
            }
            cloudwatch.put_metric_data(Namespace="AgentHosting", MetricData=[data] * 40)
    found = Memories(world.found, clock=lambda: now).compare(world.old.bundle_id, world.new.bundle_id, 1)
    assert [(drift["metric"], drift["verdict"]) for drift in found] == [
        ("memory_growth_bytes", "drifted"),
        ("memory_churn", "steady"),
    ]
    assert (found[0]["first"], found[0]["last"]) == (100, 1_000)
    refused = world.command("memory", "compare", "answers", "--release", "a")
    assert isinstance(refused.exception, UserError)
    assert "two are compared" in str(refused.exception)


def put_rollout(world: World, record: Record) -> None:
    """The traffic record and the plan of an agent with both releases."""
    releases = (world.old.bundle_id, world.new.bundle_id)
    Table(world.aws.dynamodb).fill(record, plan(host="ecs", releases=releases))
