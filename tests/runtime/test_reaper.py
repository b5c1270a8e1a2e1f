"""What the reaper does with runs whose time has come."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.errors import LeaseLost
from agent_runtime.heads import GRACE_SECONDS, QUEUED_SECONDS
from agent_runtime.hosts.queue import RunMessage
from agent_runtime.reaper import LONGEST_PAUSE_SECONDS, Reaper, Verdict, judge
from agent_runtime.records import ENDED, Lease, RunStatus

NOW = 1_800_000_000_000
BUNDLES = frozenset({"b1"})
HOLD = [status for status in RunStatus if status not in ENDED and status is not RunStatus.RUNNING]


def head(status: RunStatus = RunStatus.QUEUED, **changes: Any) -> dict[str, Any]:
    given = {"bundle_id": "b1", "due_at": NOW, "lease_expires_at": NOW - 60_000, "takes": 1, "resends": 0}
    return {"status": status.value, **given, **changes}


def judged(item: dict[str, Any], now: int = NOW) -> Verdict | None:
    return judge(item, now=now, max_receives=5, bundles=BUNDLES)


@pytest.mark.parametrize(
    ("item", "verdict"),
    [
        *((head(status), None) for status in ENDED),
        *((head(status), Verdict(sends=True, due_at=NOW + 240_000)) for status in HOLD),
        (head(due_at=NOW + 1), None),
        (head(RunStatus.RUNNING, lease_expires_at=NOW + 1), None),
        (head(RunStatus.RUNNING), Verdict(sends=True, due_at=NOW + 240_000)),
        (head(RunStatus.RUNNING, takes=4), Verdict(sends=True, due_at=NOW + 240_000)),
        (head(RunStatus.RUNNING, takes=5), Verdict(reason="its worker died 5 times")),
        (head(RunStatus.RUNNING, takes=6), Verdict(reason="its worker died 6 times")),
        (head(takes=99), Verdict(sends=True, due_at=NOW + 240_000)),
        (head(resends=1), Verdict(sends=True, due_at=NOW + 480_000)),
        (head(resends=40), Verdict(sends=True, due_at=NOW + LONGEST_PAUSE_SECONDS * 1000)),
        (head(bundle_id="b0"), Verdict(reason="its release b0 is no longer deployed")),
        (head(RunStatus.RUNNING, bundle_id="b0", lease_expires_at=NOW + 1), None),
    ],
)
def test_a_run_is_judged_by_its_head(item: dict[str, Any], verdict: Verdict | None) -> None:
    assert judged(item) == verdict


@given(
    status=st.sampled_from(RunStatus),
    due_in=st.integers(-(10**9), 10**9),
    lease_in=st.integers(-(10**9), 10**9),
    takes=st.integers(0, 20),
    resends=st.integers(0, 10**4),
    bundle=st.sampled_from(["b1", "b0"]),
)
def test_neither_an_ended_run_nor_one_that_is_worked_on_is_touched(
    status: RunStatus, due_in: int, lease_in: int, takes: int, resends: int, bundle: str
) -> None:
    times = {"due_at": NOW + due_in, "lease_expires_at": NOW + lease_in}
    verdict = judged(head(status, takes=takes, resends=resends, bundle_id=bundle, **times))
    if verdict is None:
        return
    assert status not in ENDED
    assert due_in <= 0
    assert not (status is RunStatus.RUNNING and lease_in > 0)
    assert verdict.sends == (verdict.reason is None)
    if verdict.sends:  # looked at again, later and within a bounded time
        assert 2 * QUEUED_SECONDS * 1000 <= verdict.due_at - NOW <= LONGEST_PAUSE_SECONDS * 1000


@given(max_receives=st.integers(1, 12), deaths=st.integers(0, 30))
def test_a_run_that_kills_its_workers_is_ended_within_as_many_rounds(max_receives: int, deaths: int) -> None:
    now, item, rounds = NOW, head(RunStatus.RUNNING, takes=1), 0
    while (verdict := judge(item, now=now, max_receives=max_receives, bundles=BUNDLES)) is not None:
        if verdict.reason is not None or rounds == deaths:
            break
        rounds += 1
        now = verdict.due_at
        item = head(RunStatus.RUNNING, takes=item["takes"] + 1, due_at=now, lease_expires_at=now - 60_000)
    assert rounds <= max_receives - 1
    if deaths >= max_receives:
        assert verdict is not None
        assert verdict.reason == f"its worker died {max_receives} times"


class Rounds:
    """A reaper on a table, and what it sent."""

    def __init__(self, aws: Any, max_receives: int = 3) -> None:
        self.aws, self.store = aws, aws.store()
        self.sent: list[str] = []
        self.counted: list[str] = []
        self.reaper = self.reaper_of(self.store, self._send, max_receives)

    def reaper_of(self, store: Any, send: Any, max_receives: int = 3) -> Reaper:
        count = lambda head: self.counted.append(head["run_id"])  # noqa: E731
        return Reaper(store, send, bundles=BUNDLES, max_receives=max_receives, measure=count)

    def _send(self, message: RunMessage) -> None:
        assert (message.agent, message.tenant, message.bundle_id) == ("answers", "acme", "b1")
        self.sent.append(message.run_id)

    def submit(self, run_id: str, bundle_id: str = "b1") -> None:
        self.store.submit(run_id=run_id, tenant="acme", input={}, bundle_id=bundle_id)

    def take(self, run_id: str) -> Lease:
        lease = self.store.take_run(run_id=run_id, tenant="acme", bundle_id="b1", lease_seconds=60).lease
        assert lease is not None
        return lease

    def after(self, seconds: float) -> dict[str, int]:
        self.aws.clock.now += seconds
        return self.reaper.run()


@pytest.fixture
def rounds(aws: Any) -> Rounds:
    return Rounds(aws)


def test_runs_of_every_shard_are_found(rounds: Rounds) -> None:
    runs = [f"{n:032x}" for n in range(16)]
    for run_id in runs:
        rounds.submit(run_id)
    assert rounds.after(QUEUED_SECONDS - 1) == {"due": 0, "sent": 0, "dead": 0}
    assert rounds.after(1) == {"due": 16, "sent": 16, "dead": 0}
    assert sorted(rounds.sent) == runs
    assert rounds.after(1) == {"due": 0, "sent": 0, "dead": 0}


def test_a_run_that_ended_is_out_of_the_index(rounds: Rounds) -> None:
    for n, status in enumerate([RunStatus.DONE, RunStatus.DEAD]):
        rounds.submit(f"{n:032x}")
        rounds.store.leased.finish(rounds.take(f"{n:032x}"), status)
    assert not any("due_at" in item or "due_shard" in item for item in rounds.aws.items())
    assert rounds.after(10**6) == {"due": 0, "sent": 0, "dead": 0}


def test_a_run_whose_lease_is_kept_is_left_alone_and_one_whose_lease_ends_is_sent(rounds: Rounds) -> None:
    rounds.submit("0" * 32)
    lease = rounds.take("0" * 32)
    for _ in range(10):
        assert rounds.after(30)["sent"] == 0
        rounds.store.leased.extend_lease(lease, 60)
    assert rounds.after(60 + GRACE_SECONDS)["sent"] == 1


def test_a_run_without_a_release_is_ended_with_its_reason(rounds: Rounds) -> None:
    rounds.submit("0" * 32, bundle_id="b0")
    assert rounds.after(QUEUED_SECONDS) == {"due": 1, "sent": 0, "dead": 1}
    record = rounds.store.get_run("acme", "0" * 32)
    assert (record.status, record.error) == (RunStatus.DEAD, "its release b0 is no longer deployed")


def test_a_run_that_kills_its_workers_is_ended_on_the_table_too(rounds: Rounds) -> None:
    rounds.submit("0" * 32)
    for takes in (1, 2, 3):
        rounds.take("0" * 32)
        counts = rounds.after(60 + GRACE_SECONDS)
        assert counts == {"due": 1, "sent": int(takes < 3), "dead": int(takes == 3)}
    assert rounds.store.get_run("acme", "0" * 32).error == "its worker died 3 times"
    assert rounds.counted == ["0" * 32]


def test_a_worker_that_takes_the_run_while_it_is_judged_keeps_it(rounds: Rounds, faulty: Any) -> None:
    rounds.submit("0" * 32)
    rounds.reaper = rounds.reaper_of(rounds.aws.store(faulty), rounds._send)
    faulty.before["update_item"] = lambda _: rounds.take("0" * 32)
    assert rounds.after(QUEUED_SECONDS) == {"due": 1, "sent": 0, "dead": 0}
    assert rounds.store.get_run("acme", "0" * 32).status is RunStatus.RUNNING


def test_a_reaper_that_dies_before_it_sends_is_followed_by_the_next(rounds: Rounds) -> None:
    rounds.submit("0" * 32)

    def die(_: RunMessage) -> None:
        raise KeyboardInterrupt

    doomed = rounds.reaper_of(rounds.store, die)
    rounds.aws.clock.now += QUEUED_SECONDS
    with pytest.raises(KeyboardInterrupt):
        doomed.run()
    assert rounds.after(1)["sent"] == 0
    assert rounds.after(2 * QUEUED_SECONDS)["sent"] == 1


def test_a_queue_that_does_not_answer_keeps_no_other_run_waiting(rounds: Rounds) -> None:
    for n in range(4):
        rounds.submit(f"{n:032x}")

    def send(message: RunMessage) -> None:
        if message.run_id == "0" * 32:
            raise ConnectionError("the queue is gone")
        rounds.sent.append(message.run_id)

    reaper = rounds.reaper_of(rounds.store, send)
    rounds.aws.clock.now += QUEUED_SECONDS
    with suppress(ConnectionError):
        reaper.run()
    assert rounds.sent == [f"{n:032x}" for n in range(1, 4)]


def test_a_run_given_up_takes_no_more_steps_from_the_worker_that_was_thought_dead(rounds: Rounds) -> None:
    rounds.submit("0" * 32)
    for _ in range(3):
        stale = rounds.take("0" * 32)
        rounds.after(60 + GRACE_SECONDS)
    assert rounds.store.get_run("acme", "0" * 32).status is RunStatus.DEAD
    before = rounds.aws.items()
    with pytest.raises(LeaseLost):
        rounds.store.steps.save(stale, (1,), "late", "1")
    assert rounds.aws.items() == before
