"""Which failed calls are tried again, how often, and after which pause."""

import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.errors import CheckpointUnavailable, ModelUnavailable
from agent_runtime.retries import (
    ATTEMPTS,
    BUDGET,
    FIRST_PAUSE_SECONDS,
    LONGEST_PAUSE_SECONDS,
    Retries,
    is_transient,
)
from tests.runtime.durable import Durable


def aws_error(code: str, status: int = 400) -> ClientError:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "Operation")


class Failing:
    """Fails `times` times, then works."""

    def __init__(self, times: int, error: Exception | None = None) -> None:
        self.times, self.calls = times, 0
        self.error = error or ConnectionResetError("reset")

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self.times:
            raise self.error
        return "worked"


@pytest.mark.parametrize(
    ("error", "is_worth_a_try"),
    [
        (aws_error("ThrottlingException"), True),
        (aws_error("ProvisionedThroughputExceededException"), True),
        (aws_error("SlowDown", 503), True),
        (aws_error("Whatever", 500), True),
        (aws_error("AccessDenied", 403), False),
        (aws_error("ValidationException"), False),
        (ReadTimeoutError(endpoint_url="http://127.0.0.1"), True),
        (ConnectionResetError(), True),
        (TimeoutError(), True),
        (FileNotFoundError(), False),
        (PermissionError(), False),
        (ValueError(), False),
        (ModelUnavailable("retried where it arose"), False),
        (CheckpointUnavailable("retried where it arose"), False),
    ],
)
def test_only_what_may_pass_in_a_moment_is_tried_again(error: Exception, is_worth_a_try: bool) -> None:
    assert is_transient(error) is is_worth_a_try


@given(times=st.integers(0, 8))
def test_a_call_is_tried_so_often_and_its_last_error_raised_as_it_came(times: int) -> None:
    failing, pauses = Failing(times), []
    retries = Retries(sleep=pauses.append)
    if times < ATTEMPTS:
        assert retries.call(failing) == "worked"
    else:
        with pytest.raises(ConnectionResetError) as raised:
            retries.call(failing)
        assert raised.value is failing.error
    assert failing.calls == min(times + 1, ATTEMPTS)
    assert len(pauses) == failing.calls - 1


def test_an_error_that_will_last_is_not_tried_again_even_after_one_that_passed() -> None:
    errors: list[Exception] = [ConnectionResetError(), ValueError("lasting")]

    def work() -> None:
        raise errors.pop(0)

    with pytest.raises(ValueError, match="lasting"):
        Retries(sleep=lambda _: None).call(work)
    assert errors == []


def test_pauses_are_drawn_from_the_whole_of_a_range_that_grows() -> None:
    drawn: list[list[float]] = [[] for _ in range(ATTEMPTS - 1)]
    for _ in range(300):
        pauses: list[float] = []
        with pytest.raises(ConnectionResetError):
            Retries(sleep=pauses.append).call(Failing(9))
        for found, pause in zip(drawn, pauses, strict=True):
            found.append(pause)
    tops = [FIRST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2]
    for found, top in zip(drawn, tops, strict=True):
        assert 0 <= min(found) < top * 0.1
        assert top * 0.9 < max(found) <= top <= LONGEST_PAUSE_SECONDS


@given(failures=st.lists(st.integers(0, 6), max_size=12))
def test_a_run_spends_no_more_retries_than_its_budget(failures: list[int]) -> None:
    pauses: list[float] = []
    retries = Retries(sleep=pauses.append)
    for times in failures:
        try:
            retries.call(Failing(times))
        except ConnectionResetError:
            continue
    assert len(pauses) <= BUDGET


def test_the_whole_budget_can_be_spent() -> None:
    pauses: list[float] = []
    retries = Retries(sleep=pauses.append)
    for _ in range(4):
        with pytest.raises(ConnectionResetError):
            retries.call(Failing(9))
    assert len(pauses) == BUDGET


def test_parallel_steps_share_the_budget() -> None:
    pauses: list[float] = []
    retries = Retries(sleep=pauses.append)

    def work() -> None:
        for _ in range(5):
            with pytest.raises(ConnectionResetError):
                retries.call(Failing(9))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(pauses) <= BUDGET


def test_nothing_is_tried_again_when_no_time_is_left() -> None:
    failing, pauses = Failing(1), []
    with pytest.raises(OSError):
        Retries(sleep=pauses.append, may_pause=lambda _: False).call(failing)
    assert (failing.calls, pauses) == (1, [])


def test_the_error_of_a_call_that_has_no_time_for_another_try_is_raised_as_it_came() -> None:
    failing = Failing(1)
    with pytest.raises(ConnectionResetError):
        Retries(sleep=lambda _: None, may_pause=lambda _: False).call(failing)


def test_a_step_is_tried_again_within_the_time_of_its_run(durable: Durable) -> None:
    failing = Failing(2)
    assert durable.result(lambda run: {"x": run.step("try", failing)}) == {"x": "worked"}
    assert (failing.calls, len(durable.pauses)) == (3, 2)
    durable.seconds_left = 0
    failing = Failing(2)
    assert isinstance(
        durable.work(lambda run: {"x": (run.step("try", int), run.step("more", failing))}).error, OSError
    )
    assert failing.calls == 1
