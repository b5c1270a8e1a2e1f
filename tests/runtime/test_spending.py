"""A run spends what it may, asks a person at its own caps, and waits at those of its agent and tenant."""

import json
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from agent_runtime.approvals import Approvals, Decision
from agent_runtime.brake import reason_to_brake
from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.errors import (
    CapDenied,
    CapReached,
    CheckpointUnavailable,
    ModelUnavailable,
    StepLimitExceeded,
    Suspended,
)
from agent_runtime.models.client import Completion
from agent_runtime.run import Run
from agent_runtime.spend.alerts import Alerts, due
from agent_runtime.spend.caps import SpendCaps, nanos, windows_at
from agent_runtime.spend.ledger import Ledger
from agent_runtime.spend.settling import Settling
from tests.runtime.durable import Durable, Killed
from tests.runtime.pretended import TABLE, Aws


class Topic:
    """What was published, or refused while `fails`."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.fails = self.dies = False

    def publish(self, **request: Any) -> None:
        if self.dies:
            raise Killed
        if self.fails:
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1")
        self.messages.append({"subject": request["Subject"], **json.loads(request["Message"])})


@pytest.fixture
def topic() -> Topic:
    return Topic()


@pytest.fixture
def spending(durable: Durable, topic: Topic) -> Any:
    """Gives each worker of the run a ledger with these caps."""

    def with_caps(**caps: Any) -> Durable:
        aws, given = durable.aws, SpendCaps.model_validate(caps)
        table = CheckpointTable(aws.dynamodb, TABLE)
        ledger = Ledger(table, "answers", given, clock=aws.clock, monotonic=aws.clock)
        alerts = Alerts(table, "answers", given, topic, "arn", clock=aws.clock, monotonic=aws.clock)
        durable.extras = {"ledger": ledger, "alerts": alerts}
        return durable

    return with_caps


def chat(run: Run) -> dict[str, Any]:
    """Three model calls, a step each; one costs 100 input and 10 output tokens."""
    said = [run.model(messages=[{"role": "user", "content": "x"}], name=f"ask-{n}").text for n in range(3)]
    return {"said": len(said)}


def spent(aws: Aws) -> int:
    key = {"pk": {"S": "answers#spend"}, "sk": {"S": windows_at(aws.clock.now).day}}
    return int(aws.dynamodb.get_item(TableName=TABLE, Key=key)["Item"]["day"]["N"])


def decide(durable: Durable, error: Suspended, verdict: str) -> None:
    assert error.asked is not None
    pk = durable.store.heads.pk("acme", durable.run_id)
    Approvals(durable.store.table, durable.aws.clock).decide(pk, error.asked, Decision(verdict, "ann"))


def test_what_a_run_says_it_used_is_what_the_ledger_counts(spending: Any) -> None:
    durable = spending()
    worked = durable.work(chat)
    assert worked.output == {"said": 3}
    assert spent(durable.aws) == nanos(worked.run.progress.usage.cost_usd)


def test_replayed_steps_cost_nothing_again(spending: Any) -> None:
    durable = spending()
    durable.work(chat)
    before = spent(durable.aws)
    durable.work(chat)
    assert spent(durable.aws) == before


@pytest.mark.parametrize(
    "caps", [{"model_calls": 2}, {"tokens": 1200}, {"steps": 2}, {"usd": 0.0105}], ids=lambda c: next(iter(c))
)
def test_a_run_at_its_own_cap_asks_with_its_steps_kept_and_goes_on_when_it_may(
    spending: Any, caps: dict[str, Any]
) -> None:
    durable = spending(run=caps)
    stopped = durable.work(chat)
    assert isinstance(stopped.error, Suspended)
    assert stopped.error.status == "WAITING_APPROVAL"
    done = len(stopped.names)
    assert 0 < done < 3
    decide(durable, stopped.error, "approve")
    worked = durable.work(chat)
    for _ in range(3):  # where one more share does not suffice
        if isinstance(worked.error, Suspended):
            decide(durable, worked.error, "approve")
            worked = durable.work(chat)
    assert worked.output == {"said": 3}
    assert len(worked.replayed) >= done


def test_tools_count_and_model_calls_do_not(spending: Any) -> None:
    durable = spending(run={"tool_calls": 2})

    def agent(run: Run) -> dict[str, Any]:
        run.model(messages=[{"role": "user", "content": "x"}])
        return {"found": [run.step(f"search-{n}", durable.note, f"search-{n}") for n in range(3)]}

    stopped = durable.work(agent)
    assert isinstance(stopped.error, Suspended)
    assert stopped.names == ["model", "search-0", "search-1"]


def test_a_run_that_may_not_go_on_ends_even_if_it_catches_that(spending: Any) -> None:
    durable = spending(run={"model_calls": 1})

    def stubborn(run: Run) -> dict[str, Any]:
        try:
            return chat(run)
        except (CapDenied, Suspended):
            return chat(run)

    stopped = durable.work(stubborn)
    assert isinstance(stopped.error, Suspended)
    decide(durable, stopped.error, "deny")
    ended = durable.work(stubborn)
    assert isinstance(ended.error, CapDenied)
    assert len(durable.model.requests) == 1


@pytest.mark.parametrize("scope", ["agent", "tenant"])
def test_at_the_agents_or_the_tenants_cap_a_run_is_parked_and_spends_nothing(
    spending: Any, scope: str
) -> None:
    durable = spending(**{scope: {"day_usd": 0.0105}})
    stopped = durable.work(chat)
    assert isinstance(stopped.error, CapReached)
    before, asked = spent(durable.aws), len(durable.model.requests)
    assert isinstance(durable.work(chat).error, CapReached)
    assert (spent(durable.aws), len(durable.model.requests)) == (before, asked)
    durable.aws.clock.now += 86_400
    assert durable.work(chat).output == {"said": 3}


def test_a_model_that_refuses_costs_nothing_and_one_that_fell_silent_may_have(spending: Any) -> None:
    durable = spending()
    durable.model.answers = [ModelUnavailable("busy", retry_after_seconds=60)]
    durable.work(chat)
    assert spent(durable.aws) == 0
    durable.model.answers = [ModelUnavailable("silent", may_have_cost=True, retry_after_seconds=60)]
    durable.work(chat)
    assert spent(durable.aws) > 0


def test_a_reply_that_was_paid_for_is_kept_when_its_cost_cannot_be_counted(
    spending: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    durable = spending()

    def unreachable(*_: Any, **__: Any) -> None:
        raise CheckpointUnavailable("down")

    with monkeypatch.context() as patched:
        patched.setattr(Settling, "_settled", unreachable)
        assert durable.work(chat).output == {"said": 3}
    reserved = spent(durable.aws)
    asked = len(durable.model.requests)
    durable.aws.clock.now += 300
    assert durable.work(chat).output == {"said": 3}
    assert (spent(durable.aws), len(durable.model.requests)) == (reserved, asked)


@pytest.mark.parametrize(("tried", "held"), [({}, 120), ({"timeout_seconds": 300}, 360)])
def test_a_hold_outlasts_its_call_by_a_minute_however_long_its_worker_may_work(
    spending: Any, tried: dict[str, Any], held: int
) -> None:
    """On ECS and EKS a worker has no time that is over."""
    durable = spending()
    plain = durable.bundle.model
    durable.bundle = durable.make_bundle(model=plain.model_copy(update=tried))
    durable.work(chat)
    items = [item for item in durable.aws.items() if item["sk"]["S"].startswith("hold#")]
    assert {int(item["until"]["N"]) - int(durable.aws.clock.now) for item in items} == {held}


def test_a_call_that_ends_in_what_nobody_foresaw_may_have_cost(spending: Any) -> None:
    durable = spending()
    durable.model.answers = [ValueError("strange")]
    durable.work(chat)
    assert spent(durable.aws) > 0


def test_a_reply_without_counts_costs_the_most_that_it_may(spending: Any) -> None:
    durable = spending()
    durable.model.answers = [Completion("text", None, None)]
    durable.work(chat)
    assert spent(durable.aws) > 0


def test_the_manifests_own_limits_end_a_run_as_before(spending: Any) -> None:
    durable = spending(run={"steps": 100})
    durable.bundle = durable.make_bundle(max_steps=2)
    assert isinstance(durable.work(chat).error, StepLimitExceeded)


def test_each_threshold_is_told_once_in_its_window(spending: Any, topic: Topic) -> None:
    durable = spending(agent={"day_usd": 0.0105})
    durable.work(chat)
    durable.aws.clock.now += 6
    durable.work(chat)
    told = [(message["percent"], message["window"]) for message in topic.messages]
    assert told == sorted(set(told))
    assert (80, "day") in told
    assert (100, "day") in told, "a refused call has used the cap up"


def test_what_could_not_be_told_is_told_later(spending: Any, topic: Topic) -> None:
    durable = spending(agent={"month_usd": 0.031})
    durable.model.answers = [Completion("text", 100, 1000)] * 3
    topic.fails = True
    assert durable.work(chat).output == {"said": 3}
    assert not topic.messages
    topic.fails = False
    durable.aws.clock.now += 6
    durable.run_id = "1" * 32
    durable.work(chat)
    assert topic.messages


def test_what_a_process_was_killed_in_telling_another_tells(spending: Any, topic: Topic) -> None:
    """The brake would not be engaged for the rest of the window else."""
    durable = spending(agent={"day_usd": 0.0105})
    topic.dies = True
    durable.work(chat)
    assert not topic.messages
    topic.dies = False
    durable.aws.clock.now += 6
    durable.work(chat)
    durable.aws.clock.now += 61
    durable.work(chat)
    told = [(message["percent"], message["window"]) for message in topic.messages]
    assert sorted(told) == sorted(set(told)), "and no other tells it again"
    assert {(80, "day"), (100, "day")} <= set(told)


def test_a_month_is_told_of_once_and_not_every_day() -> None:
    caps = SpendCaps.model_validate({"agent": {"month_usd": 1}})
    windows = windows_at(1_800_000_000)
    found = due({"month": nanos(0.85)}, caps, windows)
    assert [(one.percent, one.window) for one in found] == [(80, "month")]
    assert due({"month": nanos(0.85), found[0].mark: 1}, caps, windows) == []


def test_the_brake_obeys_the_ledger_at_all_of_the_cap_and_not_before() -> None:
    def asks(percent: int) -> str | None:
        told = {"ledger": "answers", "percent": percent, "window": "day", "text": "used up"}
        return reason_to_brake("", json.dumps(told), 100)

    assert asks(80) is None
    assert asks(100) == "used up"
