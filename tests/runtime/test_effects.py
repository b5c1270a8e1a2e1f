"""Steps that act on the outside: claimed before, with one key for all times, or asked about."""

from typing import Any

import pytest

from agent_runtime.approvals import Decision
from agent_runtime.errors import NestedStep, StepInDoubt, Suspended
from agent_runtime.people import decide
from agent_runtime.records import RunStatus
from agent_runtime.run import Run
from tests.runtime.durable import RUN, Durable, Killed


class Outside:
    """A system that is acted on, and whose caller may die at it."""

    def __init__(self, durable: Durable) -> None:
        self._durable = durable
        self.keys: list[str | None] = []
        self.states: list[str] = []
        """State of the step's item at each time."""
        self.dies = 0

    def __call__(self, idempotency_key: str | None = None) -> str:
        self.keys.append(idempotency_key)
        self.states.append(self._durable.items()["000001"]["state"]["S"])
        if self.dies:
            self.dies -= 1
            raise Killed
        return "sent"


@pytest.fixture
def outside(durable: Durable) -> Outside:
    return Outside(durable)


def answer(durable: Durable, verdict: str, result: Any = None) -> None:
    decide(durable.store, "acme", RUN, (1,), Decision(verdict, "ann", result))


def test_an_effect_is_claimed_before_it_happens(durable: Durable, outside: Outside) -> None:
    assert durable.result(lambda run: {"x": run.effect("send", outside)}) == {"x": "sent"}
    assert outside.states == ["CLAIMED"]
    assert durable.items()["000001"]["state"] == {"S": "DONE"}


def test_an_effect_gets_the_same_key_however_often_it_is_done(durable: Durable, outside: Outside) -> None:
    outside.dies = 3
    for _ in range(3):
        durable.work(lambda run: {"x": run.effect("send", outside)})
    assert durable.result(lambda run: {"x": run.effect("send", outside)}) == {"x": "sent"}
    assert len(outside.keys) == 4
    assert len(set(outside.keys)) == 1
    assert len(outside.keys[0] or "") == 32


def test_no_two_effects_have_the_same_key(durable: Durable) -> None:
    keys: set[str] = set()

    def agent(run: Run) -> dict[str, Any]:
        for _ in range(3):
            run.effect("send", lambda idempotency_key: keys.add(idempotency_key))
        run.gather(
            "each", lambda n: run.effect("send", lambda idempotency_key: keys.add(idempotency_key)), "ab"
        )
        return {}

    durable.work(agent)
    durable.run_id = "1" * 32
    durable.work(agent)
    assert len(keys) == 10


def test_a_completed_effect_is_not_done_again(durable: Durable, outside: Outside) -> None:
    for _ in range(2):
        durable.result(lambda run: {"x": run.effect("send", outside, takes_key=False)})
    assert outside.keys == [None]


def test_an_effect_without_a_key_that_may_have_happened_is_asked_about(
    durable: Durable, outside: Outside
) -> None:
    outside.dies = 1
    durable.work(lambda run: {"x": run.effect("send", outside, takes_key=False)})
    for _ in range(2):  # asked once, however often the run is taken meanwhile
        error = durable.work(lambda run: {"x": run.effect("send", outside, takes_key=False)}).error
        assert isinstance(error, Suspended)
        assert (error.status, error.asked) == (RunStatus.WAITING_APPROVAL, (1,))
        assert str(error) == "waits for a person: it is not known whether 'send' happened"
    assert durable.items()["000001"]["state"] == {"S": "IN_DOUBT"}
    assert outside.keys == [None]
    (question,) = [item for item in durable.aws.items() if item["sk"]["S"].startswith("approval#")]
    assert question["decision"] == {"S": "PENDING"}


@pytest.mark.parametrize(
    ("verdict", "output", "times"), [("happened", {"x": {"id": 7}}, 1), ("retry", {"x": "sent"}, 2)]
)
def test_a_person_says_what_became_of_an_effect_in_doubt(
    durable: Durable, outside: Outside, verdict: str, output: Any, times: int
) -> None:
    def agent(run: Run) -> dict[str, Any]:
        return {"x": run.effect("send", outside, takes_key=False)}

    outside.dies = 1
    durable.work(agent)
    durable.work(agent)
    answer(durable, verdict, {"id": 7})
    for _ in range(2):
        assert durable.result(agent) == output
    assert len(outside.keys) == times


@pytest.mark.parametrize("verdict", ["deny", None])
def test_an_effect_that_nobody_vouches_for_is_neither_done_again_nor_passed_over(
    durable: Durable, outside: Outside, verdict: str | None
) -> None:
    def agent(run: Run) -> dict[str, Any]:
        return {"x": run.effect("send", outside, takes_key=False)}

    outside.dies = 1
    durable.work(agent)
    durable.work(agent)
    if verdict is None:
        durable.aws.clock.now += 7 * 86_400
    else:
        answer(durable, verdict)
    error = durable.work(agent).error
    assert isinstance(error, StepInDoubt)
    said = "nobody: the time for it was over said: deny" if verdict is None else f"ann said: {verdict}"
    assert str(error) == f"'send' may have happened; {said}"
    assert outside.keys == [None]


def test_an_effect_that_dies_again_after_its_retry_is_asked_about_again(
    durable: Durable, outside: Outside
) -> None:

    def agent(run: Run) -> dict[str, Any]:
        return {"x": run.effect("send", outside, takes_key=False)}

    outside.dies = 2
    durable.work(agent)
    durable.work(agent)
    answer(durable, "retry")
    durable.work(agent)
    assert isinstance(durable.work(agent).error, Suspended)
    assert len(outside.keys) == 2


def test_a_claim_that_is_refused_does_not_let_the_effect_begin(durable: Durable, outside: Outside) -> None:
    run = durable.take()
    durable.faulty.before["put_item"] = lambda request: request.update(TableName="elsewhere")
    with pytest.raises(Exception, match="refused: ResourceNotFoundException"):
        durable.work(lambda run: {"x": run.effect("send", outside)}, run)
    assert outside.keys == []


def test_an_effect_inside_an_effect_is_refused(durable: Durable, outside: Outside) -> None:
    def send(run: Run, idempotency_key: str) -> None:
        run.effect("inner", outside)

    assert isinstance(durable.work(lambda run: {"x": run.effect("send", send, run)}).error, NestedStep)
    assert outside.keys == []


def test_an_effect_without_a_key_is_not_retried_by_itself(durable: Durable) -> None:
    def send(**_: Any) -> None:
        durable.note("sent")
        raise ConnectionResetError

    error = durable.work(lambda run: {"x": run.effect("send", send, takes_key=False)}).error
    assert isinstance(error, ConnectionResetError)
    assert durable.executed["sent"] == 1
    error = durable.work(lambda run: {"x": run.effect("send", send)}).error
    assert isinstance(error, ConnectionResetError)
    assert durable.executed["sent"] == 5
