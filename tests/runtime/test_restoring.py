"""Versions of a memory brought back, one by one and for all that a release wrote."""

from collections import Counter
from typing import Any

import pytest

from agent_runtime.errors import MemoryGone, SessionBusy
from agent_runtime.restoring import Outcome, Restorer
from agent_runtime.run import Run
from agent_runtime.sessions import Sessions
from agent_runtime.snapshots import Snapshots
from tests.runtime.test_memory import Talk, sets


@pytest.fixture
def talk(aws: Any, faulty: Any, model: Any, make_bundle: Any) -> Talk:
    return Talk(aws, faulty, model, make_bundle)


@pytest.fixture
def restorer(aws: Any) -> Restorer:
    store = aws.store()
    sessions = Sessions(store.table, agent="answers", bundle_id="", owner="operator", clock=aws.clock)
    return Restorer(sessions, Snapshots(store.table, store.blobs, "answers", aws.clock))


BAD: dict[str, Any] = {"code": {"agent.py": "b" * 64}, "checkpoint_version": 1}
GOOD: dict[str, Any] = {"checkpoint_version": 1}


def moved(talk: Talk, session: str, before: dict[str, Any], after: dict[str, Any]) -> tuple[str, str]:
    """A session handed from one release to another; ids of the two."""
    first, second = (talk.runner(sets(), **changes).turns for changes in (before, after))
    assert first is not None
    assert second is not None
    ids = (first.sessions.bundle_id, second.sessions.bundle_id)
    assert second.sessions.repin("acme", session, *ids)
    return ids


def test_a_restored_version_is_a_new_one_and_nothing_is_lost(talk: Talk, restorer: Restorer) -> None:
    talk.turn(sets(a=1))
    talk.turn(sets(a=2))
    done = restorer.restore("acme", "s", 1, "it was wrong")
    assert (done.outcome, done.was, done.content_of, done.version) == (Outcome.RESTORED, 2, 1, 3)
    assert [s.version for s in restorer.versions("acme", "s")] == [3, 2, 1]
    assert restorer.versions("acme", "s")[0].why == "it was wrong"
    assert restorer.content("acme", "s", 2) == {"a": 2}
    assert talk.remembers() == restorer.content("acme", "s") == {"a": 1}


def test_restoring_the_present_version_does_nothing_and_one_that_is_not_kept_is_told(
    talk: Talk, restorer: Restorer
) -> None:
    talk.turn(sets(a=1))
    assert restorer.restore("acme", "s", 1, "why").outcome is Outcome.UNCHANGED
    with pytest.raises(MemoryGone, match="version 7 of the session's memory is not kept; kept are 1"):
        restorer.restore("acme", "s", 7, "why")
    assert talk.remembers() == {"a": 1}, "the session was given back"
    assert restorer.versions("acme", "unknown") == []


def test_while_a_turn_goes_on_nothing_is_restored(talk: Talk, restorer: Restorer) -> None:
    talk.turn(sets(a=1))

    def agent(run: Run) -> dict[str, Any]:
        run.memory["a"] = 2
        with pytest.raises(SessionBusy):
            restorer.restore("acme", "s", 1, "why")
        return {}

    assert talk.turn(agent).error is None
    assert talk.remembers() == {"a": 2}


def test_what_a_release_wrote_is_taken_back_once_for_every_session(talk: Talk, restorer: Restorer) -> None:
    bad = ""
    for name in ("s-1", "s-2"):
        talk.session = name
        talk.turn(sets(a=f"good of {name}"), **GOOD)
        _, bad = moved(talk, name, GOOD, BAD)
        for number in (1, 2):
            talk.turn(sets(a=f"bad {number}"), **BAD)
    talk.session = "began-on-it"
    talk.turn(sets(a="bad"), **BAD)
    talk.session = "never-touched"
    talk.turn(sets(a="good"), **GOOD)

    done = {restored.session: restored.outcome for restored in restorer.take_back(bad, "it is bad")}
    assert done == {
        "s-1": Outcome.RESTORED,
        "s-2": Outcome.RESTORED,
        "began-on-it": Outcome.NO_EARLIER,
    }
    for name in ("s-1", "s-2"):
        assert restorer.content("acme", name) == {"a": f"good of {name}"}
        assert len(restorer.versions("acme", name)) == 3, "as many as are kept"
    again = Counter(restored.outcome for restored in restorer.take_back(bad, "it is bad"))
    assert again == {Outcome.UNCHANGED: 2, Outcome.NO_EARLIER: 1}


def test_a_session_in_a_turn_is_told_and_left_for_the_next_call(talk: Talk, restorer: Restorer) -> None:
    talk.turn(sets(a="good"), **GOOD)
    _, bad = moved(talk, "s", GOOD, BAD)
    talk.turn(sets(a="bad"), **BAD)
    outcomes: list[Outcome] = []

    def agent(_run: Run) -> dict[str, Any]:
        outcomes.extend(restored.outcome for restored in restorer.take_back(bad, "why"))
        return {}

    talk.turn(agent, **BAD)
    outcomes.extend(restored.outcome for restored in restorer.take_back(bad, "why"))
    assert outcomes == [Outcome.BUSY, Outcome.RESTORED]


def test_more_sessions_than_one_page_holds_are_all_seen(
    talk: Talk, restorer: Restorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_runtime.restoring.PAGE", 2)
    for number in range(5):
        talk.session = f"s-{number}"
        talk.turn(sets(a=1), **BAD)
    runner = talk.runner(sets(), **BAD)
    assert runner.turns is not None
    found = list(restorer.take_back(runner.turns.sessions.bundle_id, "why"))
    assert sorted(restored.session for restored in found) == [f"s-{number}" for number in range(5)]
