"""The resident remembers what it is told, in the session that it was told in."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.examples import asking, packed

Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def release(aws: Any, serve: Callable[[Any], str], tmp_path: Path) -> Iterator[dict[str, str]]:
    with packed("03-resident", tmp_path, aws, serve) as environment:
        yield environment


@pytest.fixture
def ask(
    release: dict[str, str], http_event: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> Ask:
    return asking(release, http_event, monkeypatch)


def test_what_was_told_in_one_turn_is_answered_in_a_later_one(ask: Ask) -> None:
    told = ask("Please remember that our service is called Harbour. It is owned by Noor.", session="s-1")
    assert told["output"] == {
        "answer": "I will remember: Our service is called Harbour. It is owned by Noor.",
        "turn": 1,
        "facts": 2,
    }
    assert told["usage"]["cost_usd"] == 0
    assert ask("The team meets on Monday", session="s-1")["output"]["facts"] == 3
    asked = ask("What is our service called?", session="s-1")
    assert asked["output"] == {"answer": "Our service is called Harbour. [1]", "turn": 3, "facts": 3}
    assert [step["name"] for step in asked["steps"]] == ["listen", "recall", "answer"]
    assert asked["usage"]["cost_usd"] > 0


def test_a_turn_that_tells_and_asks_answers_from_what_it_told(ask: Ask) -> None:
    run = ask("The deadline is in May. When is the deadline?", session="s-1")
    assert run["output"]["answer"] == "The deadline is in May. [1]"


def test_another_session_knows_nothing_of_it(ask: Ask) -> None:
    ask("Our service is called Harbour.", session="s-1")
    run = ask("What is our service called?", session="s-2")
    assert run["output"] == {"answer": "You have not told me.", "turn": 1, "facts": 0}
    assert run["usage"]["cost_usd"] == 0


def test_without_a_session_nothing_is_remembered(ask: Ask) -> None:
    for _ in range(2):
        assert ask("The team meets on Monday. When does the team meet?")["output"]["turn"] == 1


def test_a_turn_that_is_asked_for_again_counts_once(ask: Ask) -> None:
    first, again = (ask("The team meets on Monday.", "k", session="s-1") for _ in range(2))
    assert again["run_id"] == first["run_id"]
    assert all(step["replayed"] for step in again["steps"])
    assert ask("When does the team meet?", session="s-1")["output"]["turn"] == 2


def test_what_is_told_twice_is_remembered_once_and_the_oldest_goes_first(ask: Ask) -> None:
    for sentence in ("The team meets on Monday.", "Lunch is at noon.", "The team meets on Monday."):
        ask(sentence, session="s-1")
    many = " ".join(f"Number {n} is known." for n in range(199))
    assert ask(many, session="s-1")["output"]["facts"] == 200
    assert ask("When is lunch?", session="s-1")["output"]["answer"] == "You have not told me."
    assert ask("When does the team meet?", session="s-1")["output"]["answer"].startswith("The team meets")
