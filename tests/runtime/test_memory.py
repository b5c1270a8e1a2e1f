"""What a run changes of its session's memory counts once, with its end, and not at all if it has none."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from agent_runtime.bundle import MemorySpec
from agent_runtime.errors import (
    LeaseLost,
    MemoryGone,
    MemoryInStep,
    MemoryTooLarge,
    MemoryUnavailable,
    ResultNotJson,
    SessionBusy,
)
from agent_runtime.outcomes import RunOutcome
from agent_runtime.records import RunRequest, RunStatus
from agent_runtime.run import Run
from agent_runtime.runner import Runner
from agent_runtime.scopes import Scope, current_scope
from agent_runtime.session_keys import session_pk
from agent_runtime.turns import Turn
from tests.runtime.durable import Killed

Agent = Callable[[Run], Any]


class Talk:
    """One session of an agent with memory, and its runs."""

    def __init__(self, aws: Any, faulty: Any, model: Any, make_bundle: Any) -> None:
        self.aws, self.faulty, self.model, self.make_bundle = aws, faulty, model, make_bundle
        self.spec: MemorySpec | None = MemorySpec(snapshots=3, snapshot_days=2)
        self.session: str | None = "s"
        self.turn_number = 0

    def runner(self, agent: Agent, **more: Any) -> Runner:
        bundle = self.make_bundle(memory=self.spec, **more)
        return self.aws.runner(agent, self.model, bundle, self.aws.store(self.faulty))

    def turn(self, agent: Agent, *, run_id: str = "", **more: Any) -> RunOutcome:
        self.turn_number += 1
        request = RunRequest(run_id or f"{self.turn_number:032x}", "acme", {}, self.session)
        return self.runner(agent, **more).run(request, lease_seconds=30, remaining_seconds=lambda: 30.0)

    def remembers(self) -> dict[str, Any]:
        """What the next run finds."""
        found: dict[str, Any] = {}

        def look(run: Run) -> dict[str, Any]:
            found.update(run.memory)
            return {}

        assert self.turn(look).error is None
        return found

    @property
    def record(self) -> Any:
        turns = self.runner(lambda _run: {}).turns
        assert turns is not None
        return turns.sessions.find("acme", "s")

    def versions(self) -> list[int]:
        turns = self.runner(lambda _run: {}).turns
        assert turns is not None
        kept = turns.snapshots.kept(session_pk("answers", "acme", "s"), self.record.memory.key)
        return [snapshot.version for snapshot in kept]


@pytest.fixture
def talk(aws: Any, faulty: Any, model: Any, make_bundle: Any) -> Talk:
    return Talk(aws, faulty, model, make_bundle)


def sets(**values: Any) -> Agent:
    def agent(run: Run) -> dict[str, Any]:
        run.memory.update(values)
        return dict(run.memory)

    return agent


def test_the_next_run_of_a_session_finds_what_this_one_left(talk: Talk) -> None:
    assert talk.turn(sets(name="Ada", facts=[1, (2, 3)])).memory is not None
    assert talk.remembers() == {"name": "Ada", "facts": [1, [2, 3]]}
    assert (talk.record.turns, talk.record.memory_version, talk.record.lease_expires_at) == (2, 1, 0)


def test_what_is_changed_within_a_value_and_what_is_deleted_is_kept_too(talk: Talk) -> None:
    talk.turn(sets(facts=["a"], old=1))

    def agent(run: Run) -> dict[str, Any]:
        run.memory["facts"].append("b")
        del run.memory["old"]
        return {}

    figures = talk.turn(agent).memory
    assert talk.remembers() == {"facts": ["a", "b"]}
    assert figures is not None
    assert (figures.keys, figures.changed, figures.gained_bytes) == (1, 1.0, 4 - len(',"old":1'))


def test_a_run_that_changes_nothing_makes_no_version(talk: Talk) -> None:
    talk.turn(sets(a=1))
    assert talk.turn(sets(a=1)).memory is None
    assert talk.turn(lambda _run: {}).memory is None
    assert talk.record.memory_version == 1


def fails(run: Run) -> Any:
    run.memory["a"] = "never"
    raise ValueError("told to fail")


def asks(run: Run) -> Any:
    run.memory["a"] = "never"
    return {"is": run.approve("ask", summary="may it?")}


@pytest.mark.parametrize("agent", [fails, asks])
def test_a_run_that_fails_or_waits_leaves_nothing_and_gives_its_session_back(
    talk: Talk, agent: Agent
) -> None:
    talk.turn(sets(a=1))
    assert talk.turn(agent).status is not RunStatus.DONE
    assert talk.record.turns == 1
    assert talk.remembers() == {"a": 1}


def test_a_run_that_goes_on_begins_from_the_version_it_began_with(talk: Talk) -> None:
    seen: list[dict[str, Any]] = []
    failing = [True]

    def agent(run: Run) -> dict[str, Any]:
        seen.append(dict(run.memory))
        run.memory["mine"] = run.step("think", lambda: 1)
        if failing.pop() if failing else False:
            raise ValueError("told to fail")
        return {}

    talk.turn(sets(a=1))
    talk.turn(agent, run_id="f" * 32)
    talk.turn(sets(a=2, b=2))
    assert talk.turn(agent, run_id="f" * 32).status is RunStatus.DONE
    assert seen == [{"a": 1}, {"a": 1}]
    assert talk.remembers() == {"a": 2, "b": 2, "mine": 1}, "its changes are laid over the others'"


def test_what_two_runs_changed_is_the_later_one_s_and_is_counted(talk: Talk) -> None:
    talk.turn(sets(a=0, b=0))
    talk.turn(fails, run_id="f" * 32)
    talk.turn(sets(a=1, b=1))
    figures = talk.turn(sets(a=2, c=2), run_id="f" * 32).memory
    assert talk.remembers() == {"a": 2, "b": 1, "c": 2}
    assert figures is not None
    assert figures.contested == 1


def test_a_run_whose_version_is_no_longer_kept_says_so(talk: Talk) -> None:
    talk.turn(sets(a=0))
    talk.turn(fails, run_id="f" * 32)
    for number in range(1, 5):
        talk.turn(sets(a=number))
    outcome = talk.turn(fails, run_id="f" * 32)
    assert isinstance(outcome.error, MemoryGone)
    assert talk.remembers() == {"a": 4}


@pytest.mark.parametrize("dies_at", ["snapshot", "pointer", "end"])
@pytest.mark.parametrize("is_after", [False, True])
def test_a_death_at_any_write_of_the_end_loses_nothing_and_doubles_nothing(
    talk: Talk, aws: Any, faulty: Any, dies_at: str, is_after: bool
) -> None:
    talk.turn(sets(count=1))

    def agent(run: Run) -> dict[str, Any]:
        run.memory["count"] += 1
        return {}

    def is_it(request: dict[str, Any]) -> bool:
        key: str = (request.get("Item") or request["Key"])["sk"]["S"]
        given = request.get("ExpressionAttributeValues", {})
        return {
            "snapshot": key.startswith("memory#"),
            "pointer": key == "session" and ":new_memory_key" in given,
            "end": key == "run" and ":new_output" in given,
        }[dies_at]

    def die(request: dict[str, Any]) -> None:
        if is_it(request):
            operation = aws.dynamodb.put_item if "Item" in request else aws.dynamodb.update_item
            if is_after:
                operation(**request)
            raise Killed

    faulty.before = {"put_item": die, "update_item": die}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "agent_runtime.turns.Turn.give_back", lambda _self: None
        )  # as of a process that is gone
        with pytest.raises(Killed):
            talk.turn(agent, run_id="f" * 32)
    faulty.before = {}
    aws.clock.now += 31
    assert talk.turn(agent, run_id="f" * 32).status is RunStatus.DONE
    assert talk.remembers() == {"count": 2}
    assert (talk.record.memory_version, talk.record.turns) == (2, 3)


def test_a_run_that_had_counted_before_its_death_does_not_undo_what_came_after_it(
    talk: Talk, aws: Any, faulty: Any
) -> None:
    def agent(run: Run) -> dict[str, Any]:
        run.memory["runs"] = [*run.memory.get("runs", []), run.run_id[-1]]
        return {}

    def die(request: dict[str, Any]) -> None:
        if ":new_output" in request["ExpressionAttributeValues"]:
            raise Killed

    faulty.before = {"update_item": die}
    with pytest.raises(Killed):
        talk.turn(agent, run_id="f" * 32)
    faulty.before = {}
    talk.turn(agent, run_id="e" * 32)
    aws.clock.now += 31
    assert talk.turn(agent, run_id="f" * 32).status is RunStatus.DONE
    assert talk.remembers() == {"runs": ["f", "e"]}


def test_a_late_worker_writes_neither_the_version_nor_the_pointer(talk: Talk, aws: Any) -> None:
    def late(run: Run) -> dict[str, Any]:
        run.memory["a"] = "late"
        aws.clock.now += 91
        talk.turn(sets(a="other"))
        return {}

    with pytest.raises(LeaseLost):
        talk.turn(late)
    assert talk.remembers() == {"a": "other"}


def test_a_session_in_a_turn_lets_no_other_begin(talk: Talk) -> None:
    def agent(_run: Run) -> dict[str, Any]:
        with pytest.raises(SessionBusy):
            talk.turn(sets(a=1))
        return {}

    assert talk.turn(agent).error is None


def test_versions_are_kept_by_count_and_by_age_and_what_is_dropped_is_emptied(talk: Talk, aws: Any) -> None:
    for number in range(1, 6):
        talk.turn(sets(a=number))
    assert talk.versions() == [5, 4, 3]
    items = {i["version"]["N"]: i for i in aws.items() if i["sk"]["S"].startswith("memory#")}
    assert {n for n, item in items.items() if "body" not in item} == {"1", "2"}
    aws.clock.now += 3 * 86_400
    assert talk.versions() == [5]
    talk.turn(sets(a=6))
    assert talk.versions() == [6, 5], "the one before it was the present one until now"


def test_a_large_memory_lies_in_the_bucket_and_one_over_the_limit_is_refused(talk: Talk, aws: Any) -> None:
    talk.turn(sets(big="x" * 400_000))
    (item,) = [i for i in aws.items() if i["sk"]["S"].startswith("memory#")]
    assert json.loads(item["body_blob"]["S"])["key"].startswith("answers/acme/sessions/s/memory-")
    assert len(talk.remembers()["big"]) == 400_000
    outcome = talk.turn(sets(big="x" * 5_000_000))
    assert isinstance(outcome.error, MemoryTooLarge)
    assert "4194304 are allowed" in str(outcome.error)
    assert len(talk.remembers()["big"]) == 400_000


@pytest.mark.parametrize("value", [{1, 2}, float("nan"), object()])
def test_what_json_cannot_hold_is_refused_where_it_is_set(talk: Talk, value: Any) -> None:
    assert isinstance(talk.turn(sets(a=value)).error, ResultNotJson)
    assert isinstance(talk.turn(lambda run: run.memory.__setitem__(7, 1)).error, ResultNotJson)  # type: ignore[index]

    def within(run: Run) -> Any:
        run.memory["a"] = []
        run.memory["a"].append(value)
        return {}

    assert isinstance(talk.turn(within).error, ResultNotJson)
    assert talk.remembers() == {}


def test_memory_is_not_changed_inside_a_step_where_what_is_read_is_a_copy(talk: Talk) -> None:
    talk.turn(sets(facts=["a"]))

    def reads(run: Run) -> dict[str, Any]:
        return run.step("in", lambda: {"seen": [*run.memory["facts"], run.memory["facts"].append("lost")]})

    assert talk.turn(reads).output == {"seen": ["a", None]}
    inside = talk.turn(lambda run: run.step("in", lambda: run.memory.update(a=1)))
    assert isinstance(inside.error, MemoryInStep)
    assert talk.remembers() == {"facts": ["a"]}


def test_without_a_manifest_s_memory_or_without_a_session_it_says_what_is_needed(
    talk: Talk, aws: Any
) -> None:
    talk.session = None
    outcome = talk.turn(sets(a=1))
    assert isinstance(outcome.error, MemoryUnavailable)
    assert "needs a session" in str(outcome.error)
    talk.session, talk.spec = "s", None
    outcome = talk.turn(sets(a=1))
    assert isinstance(outcome.error, MemoryUnavailable)
    assert "agent.yaml" in str(outcome.error)
    assert not [item for item in aws.items() if "session-" in item["pk"]["S"]], "only agents with memory pay"


def test_a_copy_sees_what_the_run_saw_that_it_copies_and_leaves_nothing(talk: Talk, aws: Any) -> None:
    from agent_runtime.copies import copy_id

    talk.turn(sets(a=1))
    talk.turn(sets(a=2), run_id="e" * 32)
    request = RunRequest(copy_id("0" * 12, "e" * 32), "acme", {}, None)
    seen: list[Any] = []

    def agent(run: Run) -> dict[str, Any]:
        seen.append(dict(run.memory))
        run.memory["a"] = "never"
        return {}

    runner = talk.runner(agent)
    outcome = runner.run(request, lease_seconds=30, remaining_seconds=lambda: 30.0)
    assert (outcome.error, outcome.memory, seen) == (None, None, [{"a": 1}])
    assert talk.remembers() == {"a": 2}


def test_a_memory_that_is_used_and_never_changed_is_renewed_before_it_expires(talk: Talk, aws: Any) -> None:
    talk.turn(sets(a=1, big="x" * 400_000))
    (first,) = [i for i in aws.items() if i["sk"]["S"].startswith("memory#")]
    for _ in range(4):
        aws.clock.now += 20 * 86_400
        assert talk.remembers()["a"] == 1
    (item,) = [i for i in aws.items() if i["sk"]["S"].startswith("memory#")]
    assert int(item["expires_at"]["N"]) >= int(first["expires_at"]["N"]) + 80 * 86_400
    assert talk.record.memory_version == 1


def test_what_a_turn_costs(talk: Talk, faulty: Any) -> None:
    """Writes of a turn without steps: two for the run itself, two for its session, one for the version; once
    the count is reached, one more for the version that is dropped."""

    def writes(agent: Agent) -> tuple[int, int]:
        faulty.calls.clear()
        talk.turn(agent)
        return faulty.calls["put_item"] + faulty.calls["update_item"], faulty.calls["get_item"]

    spec, talk.spec = talk.spec, None
    assert writes(lambda _run: {}) == (2, 0)
    talk.spec = spec
    assert writes(sets(a=1)) == (2 + 3 + 1 + 1, 0), "a session that begins, and its release's note of it"
    assert writes(lambda _run: {}) == (2 + 2, 0)
    assert writes(sets(a=2)) == (2 + 2 + 1, 1)
    assert writes(sets(a=3)) == (2 + 2 + 1, 1)
    assert writes(sets(a=4)) == (2 + 2 + 1 + 1, 1)


def test_the_same_run_s_version_is_not_overwritten_by_a_worker_that_lost_the_session(
    talk: Talk, aws: Any
) -> None:
    late = talk.runner(sets()).begin_turn("acme", "s", "f" * 32, 30)
    assert late is not None
    aws.clock.now += 31
    talk.turn(sets(a="heir"), run_id="f" * 32)
    memory = late.memory("")
    token = current_scope.set(Scope(()))
    memory["a"] = "late"
    with pytest.raises(LeaseLost, match="version 1 of the memory was written in epoch 2"):
        late.commit(memory)
    current_scope.reset(token)
    assert talk.remembers() == {"a": "heir"}


def test_a_turn_whose_function_died_for_its_caller_holds_the_session_for_its_lease_alone(
    talk: Talk, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(_run: Any) -> Any:
        raise Killed

    with monkeypatch.context() as dead:
        dead.setattr(Turn, "give_back", lambda _: None)
        with pytest.raises(Killed):
            talk.turn(die)
    aws.clock.now += 29
    with pytest.raises(SessionBusy):
        talk.turn(sets(a=1))
    aws.clock.now += 1
    talk.turn(sets(a=1))
    assert talk.remembers() == {"a": 1}
