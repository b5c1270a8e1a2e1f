"""The trail of a process: entry, head, act, whatever is lost in between."""

import time
from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.audit.entries import read_entry
from agent_runtime.audit.trail import KINDS, NOT_KEPT, must_be_kept, told
from agent_runtime.audit.writer import BATCH_BYTES, CHAIN_SECONDS, EVENT_BYTES, MOST_WAITING, batch_size
from agent_runtime.errors import AuditUnavailable
from tests.runtime.audit_world import GROUP, AuditWorld
from tests.runtime.pretended import Aws


@pytest.fixture
def world(aws: Aws) -> AuditWorld:
    return AuditWorld(aws)


def down(_request: Any) -> None:
    raise ClientError({"Error": {"Code": "ServiceUnavailableException"}}, "PutLogEvents")


def kept(world: AuditWorld) -> list[dict[str, Any]]:
    return [read_entry(line.text).told for line in world.lines()]


def test_what_must_be_kept_is_kept_before_the_act(world: AuditWorld) -> None:
    world.trail().record("secret-read", run_id="r1", tenant="acme", step="fetch", name="api-key")
    (entry,) = kept(world)
    day = time.strftime("%Y%m%d", time.gmtime(world.aws.clock.now))
    assert entry["writer"].startswith(f"{day}-worker-")
    assert {name: entry[name] for name in ("agent", "kind", "run_id", "tenant", "step", "what", "seq")} == {
        "agent": "answers",
        "kind": "secret-read",
        "run_id": "r1",
        "tenant": "acme",
        "step": "fetch",
        "what": {"name": "api-key"},
        "seq": 1,
    }
    (head,) = world.heads().values()
    assert (head.seq, head.hash) == (1, entry["hash"])
    assert world.verify().findings == []


def test_what_may_wait_is_kept_by_the_next_that_may_not_and_in_its_order(world: AuditWorld) -> None:
    trail = world.trail()
    trail.record("tool-call", effect="read", tool="search")
    assert kept(world) == []
    trail.record("tool-call", effect="write", tool="send")
    assert [entry["what"]["tool"] for entry in kept(world)] == ["search", "send"]
    assert world.logs.calls["put_log_events"] == 1


def test_what_may_wait_is_kept_by_a_flush_and_a_second_flush_does_nothing(world: AuditWorld) -> None:
    trail = world.trail()
    trail.record("approval-asked", run_id="r1")
    trail.flush()
    trail.flush()
    assert len(kept(world)) == 1
    assert world.logs.calls["put_log_events"] == 1


def test_what_has_waited_for_long_is_taken_along(world: AuditWorld) -> None:
    trail = world.trail()
    trail.record("guard-tripped")
    world.aws.clock.now += 6
    trail.record("tool-call", effect="read")
    assert len(kept(world)) == 2


def test_an_act_is_refused_while_the_trail_cannot_be_written(world: AuditWorld) -> None:
    trail = world.trail()
    world.logs.before["put_log_events"] = down
    with pytest.raises(AuditUnavailable, match="ServiceUnavailableException"):
        trail.record("tool-call", effect="destructive", tool="drop")
    trail.record("tool-call", effect="read")  # goes on
    with pytest.raises(AuditUnavailable):
        trail.flush()
    world.logs.before.clear()
    trail.flush()
    assert [entry["what"]["effect"] for entry in kept(world)] == ["destructive", "read"]
    assert world.verify().findings == []


def test_how_an_act_came_out_waits_while_the_trail_cannot_be_written(world: AuditWorld) -> None:
    trail = world.trail()
    trail.record("tool-call", effect="write", tool="send")
    world.logs.before["put_log_events"] = down
    trail.record("tool-call", tool="send", outcome="done")  # it is done: nobody may be asked whether it was
    world.logs.before.clear()
    trail.flush()
    assert [entry["what"].get("outcome") for entry in kept(world)] == [None, "done"]


def test_an_act_is_refused_while_its_head_cannot_be_written(world: AuditWorld) -> None:
    trail = world.trail()
    trail.record("secret-read")
    world.dynamodb.before["update_item"] = down
    with pytest.raises(AuditUnavailable):
        trail.record("secret-read")
    assert world.verify().findings == []  # an entry that its head does not tell of yet
    world.dynamodb.before.clear()
    trail.flush()
    assert [head.seq for head in world.heads().values()] == [2]
    assert len(kept(world)) == 2  # not sent again: only its head was missing


@pytest.mark.parametrize("lost", ["create_log_stream", "put_log_events"])
def test_an_answer_that_was_lost_costs_no_entry(world: AuditWorld, lost: str) -> None:
    trail = world.trail()
    world.logs.lost[lost] = 1
    with pytest.raises(AuditUnavailable, match="ReadTimeoutError"):
        trail.record("secret-read", name="a")
    trail.record("secret-read", name="b")
    assert world.verify().findings == []
    assert world.verify().entries == 2


def test_a_head_whose_answer_was_lost_is_moved_again(world: AuditWorld) -> None:
    trail = world.trail()
    trail.record("secret-read")
    world.dynamodb.lost["update_item"] = 1
    with pytest.raises(AuditUnavailable):
        trail.record("secret-read")
    trail.flush()
    assert world.verify().findings == []


def test_nothing_more_is_recorded_when_too_much_waits(world: AuditWorld) -> None:
    trail = world.trail()
    world.logs.before["create_log_stream"] = down
    for _ in range(MOST_WAITING):
        trail.record("tool-call", effect="read")
    with pytest.raises(AuditUnavailable, match="1000 entries wait"):
        trail.record("tool-call", effect="read")
    world.logs.before.clear()
    trail.flush()
    trail.record("tool-call", effect="read")
    trail.flush()
    assert world.verify().entries == MOST_WAITING + 1


def test_a_chain_whose_head_was_moved_on_by_another_is_left_and_another_begun(world: AuditWorld) -> None:
    trail = world.trail()
    trail.record("secret-read", name="a")
    (writer,) = world.heads()
    world.anchors().move(writer, 9, "f" * 64, 0)
    with pytest.raises(AuditUnavailable, match="ahead of entry 2"):
        trail.record("secret-read", name="b")
    trail.record("secret-read", name="c")
    assert len(world.heads()) == 2
    assert [finding.entry for finding in world.verify().findings] == [f"{writer}/3"]


def test_a_chain_lasts_a_day(world: AuditWorld) -> None:
    trail = world.trail()
    trail.record("secret-read")
    world.aws.clock.now += CHAIN_SECONDS
    trail.record("secret-read")
    days = {writer.partition("-")[0] for writer in world.heads()}
    assert len(days) == 2
    assert world.verify().findings == []


def test_a_clock_that_goes_back_reorders_nothing(world: AuditWorld) -> None:
    trail = world.trail()
    for name in ("a", "b", "c"):
        trail.record("secret-read", name=name)
        world.aws.clock.now -= 30
    assert [entry["what"]["name"] for entry in kept(world)] == ["a", "b", "c"]
    assert world.verify().findings == []


def test_entries_whose_time_cloudwatch_refuses_count_as_not_kept(world: AuditWorld) -> None:
    class Refusing:
        exceptions = world.logs.exceptions
        create_log_stream = world.logs.create_log_stream

        @staticmethod
        def put_log_events(**_: Any) -> dict[str, Any]:
            return {"rejectedLogEventsInfo": {"tooNewLogEventStartIndex": 0}}

    trail = world.trail()
    trail._logs = Refusing
    with pytest.raises(AuditUnavailable, match="is this clock right"):
        trail.record("secret-read")


def test_heads_are_kept_longer_than_entries_and_then_go_by_themselves(world: AuditWorld) -> None:
    world.trail().record("secret-read")
    (item,) = world.aws.items("control")
    began = int(item["began_at"]["N"])
    assert int(item["expires_at"]["N"]) == began // 1000 + (365 + 7) * 86_400
    assert item["agent"]["S"] == "answers#audit"


@pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)
def test_threads_write_one_chain_and_each_entry_once(aws: Aws) -> None:
    world = AuditWorld(aws)
    trail, barrier = world.trail(), Barrier(8)  # its lock lets one thread at a time to moto's logs

    def work(number: int) -> None:
        barrier.wait(10)
        for turn in range(5):
            trail.record("secret-read", run_id=f"{number}", name=f"{turn}")

    threads = [Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    checked = world.verify()
    assert (checked.entries, checked.chains, checked.findings) == (40, 1, [])
    assert world.logs.calls["put_log_events"] <= 40


@given(st.lists(st.tuples(st.integers(0, 3 * 86_400_000), st.integers(1, 400_000)), min_size=1, max_size=12))
def test_no_request_is_larger_or_spans_more_than_cloudwatch_takes(given_lines: list[tuple[int, int]]) -> None:
    sealed = [(at, "x" * size) for at, size in sorted(given_lines)]
    while sealed:
        count = batch_size(sealed)
        batch, sealed = sealed[:count], sealed[count:]
        assert count == 1 or sum(len(line) + EVENT_BYTES for _, line in batch) <= BATCH_BYTES
        assert batch[-1][0] - batch[0][0] < CHAIN_SECONDS * 1000


def test_what_may_wait_is_little() -> None:
    waiting = {kind for kind in KINDS if not must_be_kept(kind, {})}
    assert waiting == {"approval-asked", "cap-reached", "guard-tripped"}
    assert not must_be_kept("tool-call", {"effect": "read"})
    assert must_be_kept("tool-call", {"effect": "write"})
    assert must_be_kept("tool-call", {})
    assert not must_be_kept("tool-call", {"outcome": "done"})
    assert not must_be_kept("secret-read", {"again": True})


def test_what_makes_an_agent_safer_is_done_though_its_trail_is_down(world: AuditWorld) -> None:
    done: list[str] = []
    world.logs.before["create_log_stream"] = down
    trail = world.trail()

    def stop(record_with: Any) -> None:
        with told(record_with, "run-stopped", run_id="r1", who="anna"):
            done.append("stopped")

    with pytest.raises(AuditUnavailable):
        stop(trail)
    stop(NOT_KEPT)
    assert done == ["stopped", "stopped"]


def test_the_group_is_the_only_one_that_is_written_to(world: AuditWorld) -> None:
    seen: list[str] = []
    note: Callable[[dict[str, Any]], None] = lambda request: seen.append(request["logGroupName"])  # noqa: E731
    world.logs.before = {"create_log_stream": note, "put_log_events": note}
    world.trail().record("secret-read")
    assert seen == [GROUP, GROUP]
