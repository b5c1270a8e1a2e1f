"""The commands that look at runs of all agents, stop them and let them go on."""

import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from agent_hosting_cli import deployed, kill_switch, main, run_commands
from agent_hosting_cli.deployed import Deployed
from agent_hosting_cli.kill_switch import KillSwitch
from agent_hosting_cli.project import UserError
from agent_hosting_cli.run_commands import age_of
from agent_hosting_cli.runs import AgentRuns
from agent_runtime.blobs import BlobStore
from agent_runtime.brake import BrakeReader, engage
from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.errors import CheckpointUnavailable
from agent_runtime.open_runs import Wanted, open_heads
from agent_runtime.records import RunStatus, Usage
from tests.runtime.audit_world import Told
from tests.runtime.pretended import BUCKET, CONTROL, TABLE, Aws, pretended_aws
from tests.runtime.stores import dynamodb_local_fixture  # noqa: F401

BUNDLE, LEASE_SECONDS = "b" * 12, 90.0


class World:
    """Two agents in one table: `review` with a queue, and `handbook` on Lambda."""

    def __init__(self, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
        self.aws, self.now = aws, 0.0
        outputs = {"checkpoint_table_name": TABLE, "control_table_name": CONTROL}
        queues = {"queue_urls": {BUNDLE: aws.queue().url}}
        exported: dict[str, Any] = {
            "review": {**outputs, **queues, "host": "ecs"},
            "handbook": {**outputs, "queue_urls": {}, "host": "lambda"},
            "address": "https://example.com",
        }
        monkeypatch.setattr(deployed, "outputs_of", lambda *_: (exported, self._client))
        self.agents = [
            AgentRuns(Deployed(name, exported[name], self._client)) for name in ("handbook", "review")
        ]
        monkeypatch.setattr(kill_switch, "SETTLE_SECONDS", 0.0)
        monkeypatch.setattr(kill_switch, "_LOOK_SECONDS", 0.0)

    def _client(self, service: str) -> Any:
        session: Any = boto3.session.Session()
        return self.aws.dynamodb if service == "dynamodb" else session.client(service)

    def store(self, agent: str = "review") -> CheckpointStore:
        blobs = BlobStore(self.aws.s3, BUCKET)
        return CheckpointStore(self.aws.dynamodb, TABLE, blobs, agent=agent, clock=self.aws.clock)

    def submit(self, number: int, tenant: str = "acme") -> str:
        run_id = f"{number:032x}"
        self.store().submit(run_id=run_id, tenant=tenant, input={"text": "private"}, bundle_id=BUNDLE)
        return run_id

    def take(self, run_id: str, tenant: str = "acme") -> Any:
        opened = self.store().take_run(
            run_id=run_id, tenant=tenant, bundle_id=BUNDLE, lease_seconds=LEASE_SECONDS
        )
        return opened.lease

    def turn(self, number: int) -> str:
        run_id, store = f"{number:032x}", self.store("handbook")
        opened = store.open_run(run_id=run_id, tenant="demo", input={}, bundle_id="c" * 12, lease_seconds=30)
        assert opened.lease is not None
        store.leased.finish(opened.lease, RunStatus.PARKED, error="the brake is engaged: spent")
        return run_id

    def switch(self, sleep: Callable[[float], None] = lambda _: None) -> KillSwitch:
        def pass_time(seconds: float) -> None:
            self.now += max(seconds, 1.0)
            sleep(seconds)

        return KillSwitch(self.agents, "enough", clock=lambda: self.now, sleep=pass_time, at_once=4)

    def status(self, run_id: str, tenant: str = "acme") -> RunStatus:
        record = self.store().get_run(tenant, run_id)
        assert record is not None
        return record.status

    def command(self, *words: str) -> Any:
        return CliRunner().invoke(main.app, list(words))

    def listed(self, *words: str) -> list[dict[str, Any]]:
        return json.loads(self.command("runs", "list", "--json", *words).stdout)


@pytest.fixture
def world(dynamodb_local: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with pretended_aws(dynamodb_local) as aws:
        aws.clock.now = 4_000_000_000  # the command reads with the machine's own clock
        yield World(aws, monkeypatch)


def test_runs_of_every_host_are_listed_and_filtered_without_what_callers_said(world: World) -> None:
    first, second, turn = world.submit(1), world.submit(2, "other"), world.turn(3)
    found = world.listed()
    assert {(run["agent"], run["host"], run["run_id"]) for run in found} == {
        ("review", "ecs", first),
        ("review", "ecs", second),
        ("handbook", "lambda", turn),
    }
    assert "private" not in str(found)
    assert [run["run_id"] for run in world.listed("--tenant", "other")] == [second]
    assert [run["run_id"] for run in world.listed("--status", "parked")] == [turn]
    assert [run["run_id"] for run in world.listed("--agent", "handbook", "--bundle", "c" * 12)] == [turn]
    assert world.listed("--bundle", "d" * 12) == []
    shown = world.command("runs", "list")
    assert first in shown.stdout
    refused = world.command("runs", "list", "--status", "asleep")
    assert isinstance(refused.exception, UserError)
    assert "a status is one of QUEUED" in str(refused.exception)


def test_ended_runs_are_listed_on_request(world: World) -> None:
    run_id = world.submit(1)
    world.store().leased.finish(world.take(run_id), RunStatus.DONE, output={})
    assert world.listed() == []
    assert [run["status"] for run in world.listed("--ended", "--hours", "1")] == ["DONE"]
    assert world.command("runs", "list").stdout == "no run fits\n"


def test_what_each_run_cost_is_told_the_dearest_first(world: World) -> None:
    world.aws.clock.now = time.time() - 3 * 86_400
    for number, tenant, usd in ((1, "acme", 0.1), (2, "other", 0.3), (3, "acme", 0.2)):
        lease = world.take(world.submit(number, tenant), tenant)
        used = Usage(input_tokens=7, output_tokens=3, cost_usd=usd, model_calls=number)
        world.store().leased.finish(lease, RunStatus.DONE, output={}, usage=used)
    world.submit(4)

    def spend(*words: str) -> Any:
        return world.command("spend", "review", "--stack", "dev", "--by", "run", *words)

    def told(*words: str) -> list[tuple[str, float, int]]:
        lines = json.loads(spend("--json", *words).stdout)
        return [(line["name"][-1], line["usd"], line["calls"]) for line in lines]

    assert told() == [("2", 0.3, 2), ("3", 0.2, 3), ("1", 0.1, 1), ("4", 0.0, 0)]
    assert told("--tenant", "acme") == [("3", 0.2, 3), ("1", 0.1, 1), ("4", 0.0, 0)]
    assert "0.600000 USD in all" in spend().stdout
    assert told("--days", "2") == [], "they were begun three days ago"
    assert len(told("--days", "4")) == 4


def test_one_run_is_shown_as_far_as_it_is(world: World) -> None:
    run_id = world.submit(1)
    world.store().steps.save(world.take(run_id), (1,), "plan", '"a private plan"')
    shown = json.loads(world.command("runs", "show", run_id, "--json").stdout)
    assert (shown["agent"], shown["tenant"], shown["status"]) == ("review", "acme", "RUNNING")
    assert [step["name"] for step in shown["steps"]] == ["plan"]
    assert "private" not in str(shown)
    assert "plan" in world.command("runs", "show", run_id, "--tenant", "acme").stdout
    missing = world.command("runs", "show", "e" * 32)
    assert "no run" in str(missing.exception)


def test_the_kill_switch_stops_everything_everywhere_and_proves_it(world: World) -> None:
    queued, waiting, turn = world.submit(1), world.submit(2), world.turn(4)
    world.store().leased.suspend(
        world.take(waiting), RunStatus.WAITING_APPROVAL, due_at=world.aws.clock.now + 60
    )
    done = world.command("runs", "stop", "--all", "--why", "enough", "--yes", "--json")
    assert done.exit_code == 0, done.output
    outcome = json.loads(done.stdout)
    assert {line["run_id"]: line["proof"] for line in outcome["stopped"]} == dict.fromkeys(
        (queued, waiting, turn), "nobody worked on it"
    )
    assert (outcome["not_stopped"], outcome["braked"]) == ([], ["handbook", "review"])
    for agent in ("handbook", "review"):
        assert BrakeReader(world.aws.dynamodb, CONTROL, agent).reason() == "stopped by a person: enough"
    again = world.command("runs", "stop", "--all", "--why", "enough", "--yes", "--json")
    assert (again.exit_code, json.loads(again.stdout)["braked"]) == (0, [])


def test_a_worker_that_lets_go_is_waited_for(world: World) -> None:
    run_id = world.submit(1)
    lease = world.take(run_id)
    looks: list[float] = []

    def worker_notices(_: float) -> None:
        looks.append(world.now)
        if len(looks) == 3:
            world.store().leased.left(lease)

    outcome = world.switch(worker_notices).stop(Wanted(tenant="acme"), brakes=False, wait_seconds=60)
    assert [line["proof"] for line in outcome.stopped] == ["its worker has let it go"]
    assert not outcome.not_stopped


def test_a_worker_that_is_silent_is_named_unless_its_lease_runs_out_in_time(world: World) -> None:
    run_id = world.submit(1)
    world.take(run_id)
    outcome = world.switch().stop(Wanted(run_id=run_id), brakes=False, wait_seconds=20)
    assert [(line["run_id"], line["was"]) for line in outcome.not_stopped] == [(run_id, "RUNNING")]
    assert "may still be under way" in outcome.not_stopped[0]["reason"]
    outcome = world.switch().stop(Wanted(run_id=run_id), brakes=False, wait_seconds=LEASE_SECONDS + 10)
    assert [line["proof"] for line in outcome.stopped] == ["its lease is over, and its worker silent"]


def test_a_worker_that_is_still_in_a_step_is_no_proof_when_its_lease_is_over(world: World) -> None:
    run_id = world.submit(1)
    lease = world.take(run_id)

    def beats(_: float) -> None:
        if world.now % 30 == 0:
            world.store().leased.still_at_work(lease)

    def stops(wait_seconds: float, sleep: Callable[[float], None]) -> Any:
        return world.switch(sleep).stop(Wanted(run_id=run_id), brakes=False, wait_seconds=wait_seconds)

    (line,) = stops(10 * LEASE_SECONDS, beats).not_stopped
    assert "its worker lives and is still in one" in line["reason"]
    silent = stops(3 * LEASE_SECONDS, lambda _: None)
    assert [line["proof"] for line in silent.stopped] == ["its lease is over, and its worker silent"]


def test_the_command_shows_which_proof_there_is_of_each_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_commands.console, "width", 200)
    queued, held = world.submit(1), world.submit(2)
    world.take(held)
    done = world.command("runs", "stop", "--all", "--why", "w", "--yes", "--wait", "0")
    assert done.exit_code == 1
    told = {run: line for line in done.stdout.splitlines() for run in (queued, held) if run in line}
    assert re.search(r"QUEUED +yes +nobody worked on it", told[queued])
    assert re.search(r"RUNNING +no +no later step of it counts", told[held])


def test_the_command_ends_with_1_and_names_what_is_not_proven(world: World) -> None:
    run_id = world.submit(1)
    world.take(run_id)
    done = world.command("runs", "stop", "--run", run_id, "--why", "w", "--yes", "--wait", "0", "--json")
    assert done.exit_code == 1
    assert [line["run_id"] for line in json.loads(done.stdout)["not_stopped"]] == [run_id]


def test_what_fails_for_one_agent_stops_the_runs_of_the_others_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, turn = world.submit(1), world.turn(2)

    def engages(client: Any, table: str, agent: str, **more: Any) -> bool:
        if agent == "handbook":
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "UpdateItem")
        return engage(client, table, agent, **more)

    monkeypatch.setattr(kill_switch, "engage", engages)
    done = world.command("runs", "stop", "--all", "--why", "enough", "--yes", "--json")
    outcome = json.loads(done.stdout)
    assert done.exit_code == 1
    assert {line["run_id"] for line in outcome["stopped"]} == {run_id, turn}
    assert outcome["braked"] == ["review"]
    ((agent, reason),) = ((line["agent"], line["reason"]) for line in outcome["failed"])
    assert (agent, "ThrottlingException" in reason) == ("handbook", True)


def test_a_run_is_stopped_with_proof_though_the_trail_is_down(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = world.submit(1)
    monkeypatch.setattr(Deployed, "trail", Told(down=True))
    done = world.command("runs", "stop", "--all", "--why", "enough", "--yes", "--json")
    outcome = json.loads(done.stdout)
    assert done.exit_code == 1
    assert [line["run_id"] for line in outcome["stopped"]] == [run_id]
    assert outcome["braked"] == ["handbook", "review"]
    assert [line["agent"] for line in outcome["failed"]] == ["handbook", "review", "review"]


def test_agents_whose_runs_cannot_be_listed_are_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = world.submit(1)
    world.turn(2)

    def lists(store: Any, wanted: Wanted) -> Any:
        if store.heads.agent == "handbook":
            raise CheckpointUnavailable("the table does not answer")
        return open_heads(store, wanted)

    monkeypatch.setattr(kill_switch, "open_heads", lists)
    outcome = world.switch().stop(Wanted(), brakes=False, wait_seconds=5)
    assert [line["run_id"] for line in outcome.stopped] == [run_id]
    assert [line["agent"] for line in outcome.failed] == ["handbook"]


def test_runs_that_begin_meanwhile_are_stopped_too(world: World) -> None:
    world.submit(1, "loud")
    begun = iter([lambda: world.submit(2, "loud"), lambda: world.submit(3, "loud")])
    outcome = world.switch(lambda _: next(begun, lambda: None)()).stop(
        Wanted(tenant="loud"), brakes=False, wait_seconds=5
    )
    assert len(outcome.stopped) == 3
    assert world.listed("--tenant", "loud", "--status", "queued") == []


def test_only_what_fits_is_stopped(world: World) -> None:
    mine, other = world.submit(1), world.submit(2, "other")
    assert world.command("runs", "stop", "--tenant", "acme", "--why", "w", "--yes").exit_code == 0
    assert (world.status(mine), world.status(other, "other")) == (RunStatus.PARKED, RunStatus.QUEUED)
    assert world.command("runs", "stop", "--bundle", "d" * 12, "--why", "w", "--yes").exit_code == 0
    assert world.status(other, "other") is RunStatus.QUEUED


def test_nothing_is_stopped_before_somebody_has_said_yes(world: World) -> None:
    run_id = world.submit(1)
    asked = CliRunner().invoke(main.app, ["runs", "stop", "--all", "--why", "w"], input="n\n")
    assert asked.exit_code == 1
    assert "1 runs will be stopped, and handbook, review will take no new ones" in asked.output
    assert world.status(run_id) is RunStatus.QUEUED
    assert BrakeReader(world.aws.dynamodb, CONTROL, "review").reason() is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "say which runs"),
        (("--all", "--tenant", "a"), "say which runs"),
        (("--tenant", "a", "--brake"), "a brake stops whole agents"),
        (("--agent", "nobody"), "no agent 'nobody'; it has handbook, review"),
    ],
)
def test_what_is_not_clear_is_refused(world: World, words: tuple[str, ...], said: str) -> None:
    refused = world.command("runs", "stop", "--why", "w", "--yes", *words)
    assert isinstance(refused.exception, UserError)
    assert said in str(refused.exception)


def test_a_stopped_run_is_resumed_and_its_queue_told(world: World) -> None:
    run_id, turn = world.submit(1), world.turn(2)
    world.command("runs", "stop", "--all", "--no-brake", "--why", "w", "--yes")
    done = world.command("runs", "resume", run_id, "--why", "mended")
    assert done.stdout == f"run {run_id} of review goes on at once\n"
    assert world.status(run_id) is RunStatus.QUEUED
    (message,) = world.aws.queue().receive(10, 0, 0)
    assert json.loads(message.body)["run_id"] == run_id
    again = world.command("runs", "resume", run_id, "--why", "mended")
    assert "the run is QUEUED, and only one that is PARKED" in str(again.exception)
    done = world.command("runs", "resume", turn, "--why", "mended", "--json")
    assert json.loads(done.stdout)["goes_on"] == "when its caller asks again with the same key"


def test_who_stopped_a_run_and_let_it_go_on_is_on_the_trail(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    trail = Told()
    monkeypatch.setattr(Deployed, "trail", trail)
    run_id = world.submit(1)
    world.command("runs", "stop", "--run", run_id, "--why", "too dear", "--yes")
    world.command("runs", "resume", run_id, "--why", "mended")
    assert [(entry["kind"], entry["run_id"], entry["why"]) for entry in trail.entries] == [
        ("run-stopped", run_id, "too dear"),
        ("run-resumed", run_id, "mended"),
    ]


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (7200, "2 h"), (200_000, "2 d"), (-5, "0 s")],
)
def test_ages_are_told_in_words(seconds: int, told: str) -> None:
    assert age_of(1_000_000, 1_000 + seconds) == told
