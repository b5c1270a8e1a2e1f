"""Which of the messages at hand begins next."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_runtime.hosts.held import Held, Job
from agent_runtime.hosts.queue import Received

SUSPECT = 3


def received(number: int, group: str, receives: int = 1) -> Received:
    return Received(f"m-{number}", f"handle-{number}", "{}", receives, 0, group)


def begun(held: Held) -> list[Job]:
    found: list[Job] = []
    while (job := held.begin()) is not None:
        found.append(job)
    return found


def groups(jobs: list[Job]) -> list[str]:
    return [job.received.group for job in jobs]


acts = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from("abc"), st.integers(1, SUSPECT + 1)),
        st.tuples(st.just("begin")),
        st.tuples(st.just("end"), st.integers(0, 9)),
    ),
    min_size=20,
    max_size=60,
)


@settings(max_examples=200)
@given(slots=st.integers(1, 6), tenant_slots=st.integers(1, 6), acts=acts)
def test_slots_are_shared_fairly_whatever_comes(slots: int, tenant_slots: int, acts: list[Any]) -> None:
    held = Held(slots, tenant_slots, SUSPECT)
    working: list[Job] = []
    for number, act in enumerate(acts):
        if act[0] == "add":
            held.add(received(number, *act[1:]))
        elif act[0] == "end" and working:
            held.end(working.pop(act[1] % len(working)))
        elif act[0] == "begin":
            before = Counter(groups(working))
            waiting = {group: list(queue) for group, queue in held.waiting.items()}
            suspects = list(held.suspects)
            is_alone = any(job.received.receive_count >= SUSPECT for job in working)
            job = held.begin()
            able = {group for group in waiting if before[group] < tenant_slots}
            if job is None:
                assert len(working) == slots or is_alone or (working if suspects else not able)
                continue
            working.append(job)
            group = job.received.group
            if job.received.receive_count >= SUSPECT:
                assert len(working) == 1
                assert job.received == suspects[0]
            else:
                assert not suspects
                assert not is_alone
                assert before[group] == min(before[name] for name in able)  # the fewest first
                assert before[group] < tenant_slots
                assert job.received == waiting[group][0]  # within a tenant in the order of coming
        assert len(working) <= slots
        assert set(held.working) == {job.received.message_id for job in working}
        assert held.wanted(100) >= 0
        assert held.wanted(100) <= 100
        if held.suspects or any(job.received.receive_count >= SUSPECT for job in working):
            assert held.wanted(100) == 0


@settings(max_examples=100)
@given(slots=st.integers(1, 8), tenants=st.lists(st.sampled_from("abcd"), min_size=1, max_size=40))
def test_everything_that_was_added_begins_once(slots: int, tenants: list[str]) -> None:
    held = Held(slots, max(1, slots // 2), SUSPECT)
    for number, tenant in enumerate(tenants):
        held.add(received(number, tenant))
    seen: list[str] = []
    while jobs := begun(held):
        for job in jobs:
            seen.append(job.received.message_id)
            held.end(job)
    assert sorted(seen) == sorted(f"m-{number}" for number in range(len(tenants)))


def test_a_tenant_with_one_run_goes_before_one_with_many() -> None:
    held = Held(4, 4, SUSPECT)
    for number in range(10):
        held.add(received(number, "loud"))
    jobs = begun(held)
    held.add(received(10, "quiet"))
    held.end(jobs[0])
    assert groups(begun(held)) == ["quiet"]


def test_a_tenant_has_no_more_than_its_share_even_when_slots_are_idle() -> None:
    held = Held(4, 2, SUSPECT)
    for number in range(10):
        held.add(received(number, "loud"))
    assert groups(begun(held)) == ["loud", "loud"]
    assert held.wanted(100) == 100 - 8  # it looks on for others
    held.add(received(10, "quiet"))
    assert groups(begun(held)) == ["quiet"]


def test_a_suspect_waits_for_an_empty_worker_and_is_alone() -> None:
    held = Held(4, 4, SUSPECT)
    held.add(received(0, "a"))
    first = begun(held)
    held.add(received(1, "b", SUSPECT))
    held.add(received(2, "a"))
    assert begun(held) == []
    held.end(first[0])
    alone = begun(held)
    assert groups(alone) == ["b"]
    held.end(alone[0])
    assert groups(begun(held)) == ["a"]


@pytest.mark.parametrize("is_given_up", [False, True])
def test_a_message_is_kept_while_it_is_ours(is_given_up: bool) -> None:
    held = Held(1, 1, SUSPECT)
    for number in range(3):
        held.add(received(number, "a"))
    (job,) = begun(held)
    job.is_given_up = is_given_up
    mine = [] if is_given_up else ["handle-0"]
    assert held.handles() == [*mine, "handle-1", "handle-2"]
    assert [message.message_id for message in held.take_waiting()] == ["m-1", "m-2"]
    assert held.handles() == mine


def test_a_busy_worker_keeps_as_many_in_reserve_as_it_has_slots() -> None:
    held = Held(4, 4, SUSPECT)
    assert held.wanted(100) == 4
    for number in range(6):
        held.add(received(number, "a"))
    begun(held)
    assert held.wanted(100) == 2
