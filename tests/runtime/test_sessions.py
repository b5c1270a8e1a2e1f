"""A session is in one turn at a time, and stays on the release that took it first."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from agent_runtime.errors import CheckpointError, LeaseLost, SessionBusy, SessionElsewhere
from agent_runtime.heads import GRACE_SECONDS
from agent_runtime.session_records import MemoryPointer
from agent_runtime.sessions import Sessions

Make = Callable[..., Sessions]
SECONDS = 30.0


@pytest.fixture
def make(aws: Any, faulty: Any) -> Make:
    """Sessions of the agent `answers`, for an owner and a bundle."""

    def sessions(owner: str = "pod-0", bundle_id: str = "b1", **more: Any) -> Sessions:
        table = aws.store(faulty).table
        given: dict[str, Any] = {"agent": "answers", "clock": aws.clock, "address": f"http://{owner}"}
        return Sessions(table, owner=owner, bundle_id=bundle_id, **(given | more))

    return sessions


def take(sessions: Sessions, run_id: str = "1", session: str = "s") -> Any:
    return sessions.take("acme", session, run_id=run_id, seconds=SECONDS)


def test_a_new_session_is_pinned_to_the_release_that_takes_it(make: Make) -> None:
    sessions = make()
    assert sessions.find("acme", "s") is None
    lease = take(sessions)
    found = sessions.find("acme", "s")
    assert found is not None
    assert (found.bundle_id, found.owner, found.address) == ("b1", "pod-0", "http://pod-0")
    assert (found.epoch, found.turns, found.memory_version) == (lease.epoch, 0, 0) == (1, 0, 0)


def test_a_session_that_is_held_is_busy_for_everyone_with_the_time_to_wait(make: Make, aws: Any) -> None:
    take(make())
    aws.clock.now += 10
    for owner, run_id, seconds in (("pod-0", "2", 80), ("pod-1", "2", 80), ("pod-0", "1", 20)):
        with pytest.raises(SessionBusy) as busy:
            take(make(owner), run_id)
        assert (busy.value.owner, busy.value.address) == ("pod-0", "http://pod-0")
        assert busy.value.retry_after_seconds == seconds


def test_a_session_that_was_given_back_is_taken_at_once_and_remembers_where_it_was(make: Make) -> None:
    first = make()
    first.release(take(first), has_ended=True)
    found = first.find("acme", "s")
    assert found is not None
    assert (found.is_held(0), found.address, found.turns) == (False, "http://pod-0", 1)
    assert take(make("pod-1"), "2").epoch == 2


def test_the_lease_of_a_dead_owner_runs_out_and_what_it_does_later_is_refused(make: Make, aws: Any) -> None:
    dead, heir = make(), make("pod-1")
    lost = take(dead)
    aws.clock.now += SECONDS + GRACE_SECONDS
    held = take(heir, "2")
    assert held.epoch == lost.epoch + 1
    for late in (lambda: dead.extend(lost, 60), lambda: dead.release(lost, has_ended=True)):
        with pytest.raises(LeaseLost):
            late()
    heir.extend(held, 60)


def test_a_turn_whose_owner_died_is_taken_up_again_before_another_one_begins(make: Make, aws: Any) -> None:
    take(make())
    aws.clock.now += SECONDS + 1
    with pytest.raises(SessionBusy) as busy:
        take(make("pod-1"), "2")
    assert busy.value.retry_after_seconds == GRACE_SECONDS - 1
    assert take(make("pod-1"), "1").epoch == 2


def test_a_turn_that_is_awaited_is_taken_up_at_once_and_others_wait_for_it(make: Make, aws: Any) -> None:
    sessions = make()
    sessions.release(take(sessions), is_awaited=True)
    with pytest.raises(SessionBusy) as busy:
        take(make("pod-1"), "2")
    assert busy.value.retry_after_seconds == GRACE_SECONDS
    assert take(make("pod-1"), "1").epoch == 2
    aws.clock.now += SECONDS + GRACE_SECONDS
    assert take(make("pod-1"), "2").epoch == 3


def test_a_turn_that_does_not_come_back_by_itself_is_waited_for_no_longer_than_its_lease(
    make: Make, aws: Any
) -> None:
    make().take("acme", "s", run_id="1", seconds=SECONDS, comes_back=False)
    aws.clock.now += SECONDS - 1
    with pytest.raises(SessionBusy) as busy:
        take(make("pod-1"), "2")
    assert busy.value.retry_after_seconds == 1
    aws.clock.now += 1
    assert take(make("pod-1"), "2").epoch == 2, "which has a message, and is waited for:"
    aws.clock.now += SECONDS
    with pytest.raises(SessionBusy):
        take(make("pod-2"), "3")


def test_a_lease_that_was_given_back_can_be_neither_extended_nor_given_back_again(make: Make) -> None:
    sessions = make()
    lease = take(sessions)
    sessions.release(lease)
    with pytest.raises(LeaseLost):
        sessions.extend(lease, 60)
    with pytest.raises(LeaseLost):
        sessions.release(lease, has_ended=True)


def test_extending_keeps_others_away(make: Make, aws: Any) -> None:
    sessions = make()
    lease = take(sessions)
    aws.clock.now += SECONDS - 1
    sessions.extend(lease, SECONDS)
    aws.clock.now += SECONDS - 1
    with pytest.raises(SessionBusy):
        take(make("pod-1"), "2")


def test_another_release_is_told_where_the_session_lives_held_or_not(make: Make) -> None:
    first, other = make(), make("pod-9", "b2")
    lease = take(first)
    for _ in range(2):
        with pytest.raises(SessionElsewhere) as elsewhere:
            take(other, "2")
        assert (elsewhere.value.bundle_id, elsewhere.value.address) == ("b1", "http://pod-0")
        if first.find("acme", "s").is_held(first.now()):  # type: ignore[union-attr]
            first.release(lease)


def test_a_session_is_moved_only_while_nobody_holds_it(make: Make) -> None:
    first, other = make(), make("pod-9", "b2")
    lease = take(first)
    assert not other.repin("acme", "s", "b1", "b2")
    first.release(lease)
    assert not other.repin("acme", "s", "b3", "b2")
    assert other.repin("acme", "s", "b1", "b2")
    assert other.repin("acme", "s", "b1", "b2"), "moving it again leaves it there"
    assert take(other, "2").epoch == 2
    with pytest.raises(SessionElsewhere):
        take(first, "3")


def test_the_memory_is_moved_in_the_write_that_gives_the_session_back(make: Make) -> None:
    sessions = make()
    pointer = MemoryPointer(1, "memory#0000000001#1", "b1", 5)
    sessions.release(take(sessions), has_ended=True, memory=pointer)
    assert take(sessions, "2").memory == pointer


def test_a_run_that_ends_twice_is_one_turn(make: Make) -> None:
    sessions = make()
    for run_id in ("1", "1", "2"):
        sessions.release(take(sessions, run_id), has_ended=True)
    found = sessions.find("acme", "s")
    assert found is not None
    assert found.turns == 2


def test_an_expired_session_begins_anew_and_its_epoch_goes_on(make: Make, aws: Any) -> None:
    first, heir = make(retention_days=1), make("pod-1", "b2", retention_days=1)
    lost = take(first)
    first.release(lost, memory=MemoryPointer(1, "memory#0000000001#1", "b1", 5))
    aws.clock.now += 86_401
    assert first.find("acme", "s") is None
    again = take(heir, "2")
    assert (again.epoch, again.memory) == (2, MemoryPointer())
    with pytest.raises(LeaseLost):
        first.extend(lost, 60)


@pytest.mark.parametrize("again", [False, True])
def test_a_lost_answer_is_told_from_somebody_else_s_write(make: Make, faulty: Any, again: bool) -> None:
    sessions = make()
    if again:
        sessions.release(take(sessions))
    faulty.lost["update_item"] = faulty.lost["put_item"] = 1
    lease = take(sessions)
    assert lease.epoch == 1 + again
    faulty.lost["update_item"] = 1
    sessions.extend(lease, 60)
    faulty.lost["update_item"] = 1
    sessions.release(lease, has_ended=True)
    assert sessions.find("acme", "s").turns == 1  # type: ignore[union-attr]


def test_a_turn_costs_two_writes_for_its_session_and_the_first_turn_one_more(make: Make, faulty: Any) -> None:
    sessions = make()
    sessions.release(take(sessions), has_ended=True)
    assert (faulty.calls["update_item"], faulty.calls["put_item"], faulty.calls["get_item"]) == (2, 1, 0)
    faulty.calls.clear()
    sessions.release(take(sessions, "2"), has_ended=True)
    assert (faulty.calls["update_item"], faulty.calls["put_item"], faulty.calls["get_item"]) == (2, 0, 0)


def test_of_eight_owners_at_once_one_has_the_session(make: Make) -> None:
    def tries(number: int) -> int:
        try:
            return take(make(f"pod-{number}"), str(number)).epoch
        except SessionBusy:
            return 0

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(tries, range(8))) == [0] * 7 + [1]


@pytest.mark.parametrize("session", ["with spaces", "ü#x", "a/b", "~x", "s" * 255])
def test_any_name_of_a_session_has_a_partition_of_its_own_below_the_agent_s(
    make: Make, aws: Any, session: str
) -> None:
    take(make(), session=session)
    (item,) = aws.items()
    assert item["pk"]["S"].startswith("answers#acme#session-")
    assert item["pk"]["S"].count("#") == 2
    assert make().find("acme", session) is not None


def test_a_tenant_cannot_name_another_tenant_s_session(make: Make) -> None:
    take(make())
    assert make().find("globex", "s") is None
    with pytest.raises(CheckpointError):
        make().find("acme#session-s", "s")
