"""A copy of a run: it thinks anew, and nothing outside hears of it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.bundle import Bundle, ToolSpec
from agent_runtime.copies import agreement, copied_run, copy_id
from agent_runtime.outcomes import RunOutcome
from agent_runtime.records import RunRequest, RunStatus
from agent_runtime.run import Run
from tests.runtime.lambdas import Api, Event

CALLER = "c" * 32
TOOLS = (ToolSpec(name="book"), ToolSpec(name="look", read_only=True))


class World:
    """One run of a caller's, and a copy of it by another bundle."""

    def __init__(self, aws: Any, model: Any, make_bundle: Callable[..., Bundle]) -> None:
        self.aws, self.model = aws, model
        self.stable = make_bundle(tools=TOOLS)
        self.candidate = make_bundle(tools=TOOLS, code={"agent.py": "1" * 64})
        self.done: list[str] = []
        """What happened outside."""

    def do(self, name: str) -> str:
        self.done.append(name)
        return f"{name} {len(self.done)}"

    def run(self, agent: Callable[[Run], Any], bundle: Bundle, run_id: str) -> RunOutcome:
        runner = self.aws.runner(agent, self.model, bundle)
        request = RunRequest(run_id, "acme", {"question": "why?"})
        return runner.run(request, lease_seconds=60, remaining_seconds=lambda: 60.0)

    def original(self, agent: Callable[[Run], Any]) -> RunOutcome:
        return self.run(agent, self.stable, CALLER)

    def copy(self, agent: Callable[[Run], Any]) -> RunOutcome:
        return self.run(agent, self.candidate, copy_id(self.candidate.bundle_id, CALLER))


@pytest.fixture
def world(aws: Any, model: Any, make_bundle: Callable[..., Bundle]) -> World:
    return World(aws, model, make_bundle)


def acting(world: World) -> Callable[[Run], Any]:
    def agent(run: Run) -> Any:
        sent = run.effect("send", lambda idempotency_key: world.do("send"))
        booked = run.step("book", lambda: world.do("book"))
        several = run.gather("book", lambda item: world.do(f"book {item}"), ["a", "b"])
        run.emit("told", sent)
        run.sleep("a while", 0)
        return {"sent": sent, "booked": booked, "several": several}

    return agent


def test_what_acts_outside_is_answered_from_the_run_that_is_copied(world: World) -> None:
    output = world.original(acting(world)).output
    happened = list(world.done)
    copy = world.copy(acting(world))
    assert world.done == happened
    assert (copy.output, copy.agreement) == (output, 1.0)
    assert copy.bundle_id == world.candidate.bundle_id


def test_steps_of_its_own_and_tools_that_only_read_are_done(world: World) -> None:
    def agent(run: Run) -> Any:
        run.step("look", lambda: world.do("look"))
        run.effect("look", lambda idempotency_key: world.do("look"))
        return {"x": run.step("think", lambda: world.do("think")), "y": run.model(messages=[]).text}

    world.original(agent)
    world.copy(agent)
    assert world.done == ["look", "look", "think"] * 2
    assert len(world.model.requests) == 2


def test_a_copy_that_would_act_where_the_run_did_not_has_diverged(world: World) -> None:
    world.original(lambda run: {"x": run.effect("send", lambda idempotency_key: world.do("send"))})
    copy = world.copy(lambda run: {"x": run.effect("pay", lambda idempotency_key: world.do("pay"))})
    assert world.done == ["send"]
    assert (copy.status, copy.agreement) == (RunStatus.FAILED, 0.0)
    assert "did no 'pay'" in str(copy.error)


def test_each_result_is_given_once_so_that_acting_twice_is_seen(world: World) -> None:
    def send(run: Run) -> Any:
        return run.effect("send", lambda idempotency_key: world.do("send"))

    world.original(lambda run: {"x": send(run)})
    assert world.copy(lambda run: {"x": send(run), "y": send(run)}).agreement == 0.0


def test_a_decision_of_a_person_is_taken_over_and_nobody_is_asked_again(world: World) -> None:
    def agent(run: Run) -> Any:
        return {"yes": run.approve("pay", summary="pay?")}

    world.original(lambda run: {"yes": run.step("pay", lambda: True)})
    assert world.copy(agent).output == {"yes": True}


def test_an_effect_that_failed_fails_in_the_copy_too(world: World) -> None:
    def fail(idempotency_key: str) -> None:
        raise KeyError(idempotency_key)

    def agent(run: Run) -> Any:
        try:
            run.effect("send", fail)
        except KeyError:
            run.step("note", lambda: None)
            return {"sent": "no"}
        return {"sent": "yes"}

    world.original(agent)
    assert world.copy(agent).output == {"sent": "no"}


def test_a_copy_of_a_run_that_has_expired_has_nothing_to_be_answered_from(world: World) -> None:
    world.original(acting(world))
    world.aws.clock.now += 31 * 86_400
    assert world.copy(acting(world)).agreement == 0.0


def test_no_caller_finds_a_copy(api: Api, http_event: Event) -> None:
    run_id = api(http_event(body={"input": {"question": "why?"}}))[1]["run_id"]
    wanted = {"copy_of": {"tenant": "acme", "run_id": run_id}}
    made = api.raw(wanted)
    assert made["run_id"] == copy_id(api.bundle.bundle_id, run_id)
    assert made["output"] == {"answer": "an answer", "found": ["a"]}
    assert api(http_event("GET", f"/runs/{made['run_id']}"))[0] == 404


def test_a_copy_counts_beside_the_runs_and_not_among_them(api: Api, http_event: Event) -> None:
    run_id = api(http_event(body={"input": {"question": "why?"}}))[1]["run_id"]
    api.metrics.truncate(0)
    api.raw({"copy_of": {"tenant": "acme", "run_id": run_id}})
    (line,) = [json.loads(text.strip("\x00")) for text in api.metrics.getvalue().splitlines()]
    assert (line["Copies"], line["CopyErrors"], line["CopyAgreement"]) == (1, 0, 1.0)
    assert line["CopySpendUsd"] == 0.0002
    assert not {"Runs", "SpendUsd", "DurationMs"} & line.keys()


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        ({"tenant": "acme", "run_id": "0" * 32}, 404),
        ({"tenant": "acme"}, 400),
        ({"tenant": "a#b", "run_id": "0" * 32}, 400),
        ({"tenant": "acme", "run_id": "../x"}, 400),
        ("all", 400),
    ],
)
def test_a_copy_of_what_is_not_there_is_refused(api: Api, wanted: Any, status: int) -> None:
    assert api.raw({"copy_of": wanted})["problem"]["status"] == status
    assert api.metric_lines() == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@given(JSON, JSON)
def test_agreement_lies_between_0_and_1_is_whole_with_itself_and_the_same_both_ways(
    one: Any, other: Any
) -> None:
    assert agreement(one, one) == 1.0
    assert 0.0 <= agreement(one, other) <= 1.0
    assert agreement(one, other) == agreement(other, one)


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        ({"answer": "the pump runs at noon"}, {"answer": "The pump runs at noon."}, 1.0, 1.0),
        ({"answer": "the pump runs at noon"}, {"answer": "at noon the pump starts"}, 0.7, 0.9),
        ({"answer": "the pump runs at noon"}, {"answer": "no"}, 0.0, 0.0),
        ({"answer": "noon"}, {"reason": "noon"}, 0.0, 0.0),
    ],
)
def test_agreement_is_the_share_of_words_in_common(one: Any, other: Any, low: float, high: float) -> None:
    assert low <= agreement(one, other) <= high


def test_only_the_id_of_a_copy_names_a_run_that_is_copied() -> None:
    assert copied_run(copy_id("b" * 12, CALLER)) == CALLER
    assert copied_run(CALLER) is None
