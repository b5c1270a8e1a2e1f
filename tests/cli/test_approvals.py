"""The commands with which people answer what runs ask."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from agent_hosting_cli.project import UserError
from agent_runtime.approvals import Approval, Approvals
from agent_runtime.records import RunStatus
from tests.cli.test_runs import BUNDLE, World
from tests.runtime.pretended import pretended_aws
from tests.runtime.stores import _moto_client


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with pretended_aws(_moto_client()) as aws:
        aws.clock.now = 4_000_000_000  # the command reads with the machine's own clock
        made = World(aws, monkeypatch)
        aws.sqs.purge_queue(QueueUrl=aws.queue().url)
        yield made


def asks(world: World, number: int, summary: str = "send 100 letters", *, is_doubt: bool = False) -> str:
    """A run that waits; the id of its question."""
    run_id = world.submit(number)
    lease, store = world.take(run_id), world.store()
    until = world.aws.clock.now + 60 * number
    question = Approval(run_id, (2,), "send", summary, until, is_doubt=is_doubt)
    Approvals(store.table, world.aws.clock).ask(lease, question)
    store.leased.suspend(lease, RunStatus.WAITING_APPROVAL, due_at=until)
    return question.approval_id


def said(world: World, *words: str) -> Any:
    done = world.command("approvals", *words, "--json")
    assert done.exit_code == 0, (done.output, done.exception)
    return json.loads(done.stdout)


def refused(world: World, *words: str) -> str:
    done = world.command("approvals", *words)
    assert isinstance(done.exception, UserError)
    return str(done.exception)


def test_what_runs_ask_is_listed_with_the_most_urgent_first(world: World) -> None:
    late, soon = asks(world, 2), asks(world, 1)
    found = said(world, "list")
    assert [line["approval_id"] for line in found] == [soon, late]
    assert {line["agent"] for line in found} == {"review"}
    assert found[0]["summary"] == "send 100 letters"
    assert (found[0]["tenant"], found[0]["kind"], found[0]["at_expiry"]) == ("acme", "approval", "deny")
    assert soon in world.command("approvals", "list").stdout
    assert said(world, "list", "--tenant", "other") == []
    assert world.command("approvals", "list", "--agent", "handbook").stdout == "no run asks anything\n"
    shown = world.command("approvals", "show", soon).stdout
    assert "send 100 letters" in shown
    assert "tenant acme, by agent review" in shown
    assert "silence is a no" in shown


@pytest.mark.parametrize("verdict", ["approve", "deny"])
def test_an_answer_reaches_the_run_at_once_and_the_second_is_told_whose_was_first(
    world: World, verdict: str
) -> None:
    asked = asks(world, 1)
    done = said(world, verdict, asked)
    assert (done["decision"], done["reaches_the_run"]) == (verdict, "now")
    assert done["decided_by"].startswith("arn:aws:")
    assert world.status(asked.split(".")[0]) is RunStatus.QUEUED
    (message,) = world.aws.queue().receive(10, 0, 0)
    assert json.loads(message.body) == {
        "schema_version": 1,
        "agent": "review",
        "run_id": asked.split(".")[0],
        "tenant": "acme",
        "bundle_id": BUNDLE,
    }
    other = {"approve": "deny", "deny": "approve"}[verdict]
    assert f"{done['decided_by']} has decided before: {verdict}" in refused(world, other, asked)
    assert said(world, "show", asked)["verdict"] == verdict
    assert said(world, "list") == []


def test_what_became_of_an_effect_is_settled(world: World) -> None:
    asked = asks(world, 1, "it is not known whether 'pay' happened", is_doubt=True)
    assert said(world, "list")[0]["kind"] == "doubt"
    assert "takes deny, happened, retry" in refused(world, "approve", asked)
    assert "--result is no JSON" in refused(world, "settle", asked, "--happened", "--result", "{")
    assert "leave it out with --retry" in refused(world, "settle", asked, "--retry", "--result", "1")
    assert said(world, "settle", asked, "--happened", "--result", '{"id": 7}')["decision"] == "happened"
    found = Approvals(world.store().table).find(f"review#acme#{asked.split('.')[0]}", (2,))
    assert found is not None
    assert found["result"] == '{"id": 7}'


@pytest.mark.parametrize("wrong", ["x", "0" * 32, f"{'0' * 32}.x", f"{'0' * 31}.000001"])
def test_what_is_no_question_is_told(world: World, wrong: str) -> None:
    assert "is no id of a question" in refused(world, "deny", wrong)


def test_a_question_that_nobody_asked_is_told(world: World) -> None:
    asked = asks(world, 1)
    assert "has not asked" in refused(world, "show", asked.replace("000002", "000003"))
    assert "there is no such question" in refused(world, "deny", asked.replace("000002", "000003"))
    assert "no run" in refused(world, "deny", f"{'e' * 32}.000002")


def test_a_decision_for_a_release_that_is_gone_is_told(world: World) -> None:
    asked = asks(world, 1)
    for one in world.agents:
        one.deployed.outputs["queue_urls"] = {"d" * 12: "x"} if one.agent == "review" else {}
    assert "no longer deployed" in said(world, "approve", asked)["reaches_the_run"]
