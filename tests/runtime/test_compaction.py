"""Segments: a long run is resumed by reading few items, and replays the same."""

from collections.abc import Callable
from typing import Any

import pytest

from agent_runtime.errors import CheckpointUnavailable
from agent_runtime.run import Run
from tests.runtime.durable import RUN, Durable, Killed


def steps_agent(durable: Durable, steps: int) -> Callable[[Run], dict[str, Any]]:
    return lambda run: {"found": [run.step(f"step-{n}", durable.note, f"{n}", n) for n in range(steps)]}


@pytest.fixture(autouse=True)
def _often(durable: Durable) -> None:
    durable.bundle = durable.make_bundle(max_steps=300)
    durable.compact_every = 10


def read_by_take_over(durable: Durable) -> tuple[int, int]:
    """(queries, items they gave) when the next worker takes the run."""
    durable.faulty.calls.clear()
    found: list[int] = []
    client, query = durable.faulty.client, durable.faulty.client.query

    class Counting:
        def __getattr__(self, name: str) -> Any:
            return getattr(client, name)

        def query(self, **request: Any) -> Any:
            reply = query(**request)
            found.append(len(reply["Items"]))
            return reply

    durable.faulty.client = Counting()
    try:
        durable.take()
    finally:
        durable.faulty.client = client
    return durable.faulty.calls["query"], sum(found)


def test_a_long_run_is_resumed_by_one_query_of_few_items(durable: Durable) -> None:
    agent = steps_agent(durable, 105)
    assert durable.result(agent) == {"found": list(range(105))}
    assert read_by_take_over(durable) == (1, 15)  # 10 segments and 5 steps
    worked = durable.work(agent)
    assert worked.output == {"found": list(range(105))}
    assert len(worked.replayed) == 105
    assert set(durable.executed.values()) == {1}


def test_without_compaction_every_step_is_read(durable: Durable) -> None:
    durable.compact_every = 0
    durable.result(steps_agent(durable, 25))
    assert read_by_take_over(durable) == (1, 25)


def test_a_run_that_was_compacted_by_several_workers_is_whole(durable: Durable) -> None:
    def agent(run: Run) -> dict[str, Any]:
        found = []
        for n in range(60):
            found.append(run.step(f"step-{n}", durable.note, f"{n}", n))
            if n in (7, 9, 10, 34, 50) and durable.executed[f"killed {n}"] == 0:
                durable.note(f"killed {n}")
                raise Killed
        return {"found": found}

    for _ in range(5):
        durable.work(agent)
    assert durable.result(agent) == {"found": list(range(60))}
    assert set(durable.executed.values()) == {1}
    assert read_by_take_over(durable) == (1, 6)


@pytest.mark.parametrize("lost", ["segment", "head"])
def test_a_segment_is_torn_from_its_head_without_harm(durable: Durable, lost: str) -> None:
    agent = steps_agent(durable, 25)

    def tear(request: dict[str, Any]) -> None:
        is_segment = request.get("Item", {}).get("sk", {}).get("S", "").startswith("stepseg#")
        is_head = "#compacted_to" in request.get("UpdateExpression", "")
        if is_segment if lost == "segment" else is_head:
            raise Killed

    operation = "put_item" if lost == "segment" else "update_item"
    durable.faulty.before[operation] = tear
    durable.work(agent)
    durable.faulty.before.clear()
    assert durable.executed.total() == 10
    assert durable.result(agent) == {"found": list(range(25))}
    assert durable.result(agent) == {"found": list(range(25))}
    assert durable.executed.total() == 25


def test_parallel_nested_and_failed_steps_are_replayed_from_a_segment(durable: Durable) -> None:
    def agent(run: Run) -> dict[str, Any]:
        parallel = run.gather("each", lambda n: durable.note(f"each-{n}", n), [1, 2, 3])
        nested = run.step("outer", lambda: run.step("inner", durable.note, "inner"))
        try:
            run.gather("bad", lambda n: durable.note(f"bad-{n}", n) // 0, [1, 2])
        except ZeroDivisionError:
            nested += " caught"
        sent = run.effect("send", lambda idempotency_key: durable.note("sent"))
        rest = [run.step(f"rest-{n}", durable.note, f"rest-{n}") for n in range(10)]
        return {"found": [parallel, nested, sent, rest]}

    first = durable.result(agent)
    assert read_by_take_over(durable) == (1, 5)
    assert durable.result(agent) == first
    assert set(durable.executed.values()) == {1}


def test_parallel_steps_that_end_a_segment_are_in_it(durable: Durable) -> None:
    durable.compact_every = 2

    def agent(run: Run) -> dict[str, Any]:
        for n in range(10):
            run.step(f"plan-{n}", int)
            run.gather(f"do-{n}", lambda m: m, [1, 2])
        return {}

    durable.result(agent)
    assert read_by_take_over(durable)[1] <= 12


def test_results_in_s3_are_found_through_a_segment(durable: Durable) -> None:
    durable.store = durable.aws.store(durable.faulty, inline_bytes=100)

    def agent(run: Run) -> dict[str, Any]:
        return {"found": [run.step(f"step-{n}", durable.note, f"{n}", f"{n}" * 200) for n in range(12)]}

    first = durable.result(agent)
    assert durable.result(agent) == first
    assert set(durable.executed.values()) == {1}
    names = durable.store.step_names("acme", RUN)
    assert names == tuple(f"step-{n}" for n in range(12))


def test_a_stale_worker_does_not_move_the_head_by_its_segment(durable: Durable) -> None:
    stale = durable.take()
    durable.work(steps_agent(durable, 10), stale)
    durable.result(steps_agent(durable, 30))
    head = durable.store.find_head("acme", RUN)
    with pytest.raises(Exception, match="no longer held"):
        durable.store.leased.compacted(stale.lease, 10)
    assert durable.store.find_head("acme", RUN) == head
    assert head is not None
    assert head["compacted_to"] == 30


def test_a_table_that_fails_at_a_segment_costs_no_step(durable: Durable) -> None:
    def refuse(request: dict[str, Any]) -> None:
        if request["Item"]["sk"]["S"].startswith("stepseg#"):
            request["TableName"] = "elsewhere"

    durable.faulty.before["put_item"] = refuse
    with pytest.raises(CheckpointUnavailable):
        durable.work(steps_agent(durable, 12))
    durable.faulty.before.clear()
    assert durable.result(steps_agent(durable, 12)) == {"found": list(range(12))}
    assert set(durable.executed.values()) == {1}
