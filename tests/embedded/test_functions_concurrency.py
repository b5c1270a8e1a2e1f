import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from botocore.exceptions import ClientError

from embedded_aws.functions.pool import LIFETIME_SECONDS
from tests.embedded.functions_world import HOLD, Gateway, World, serving, world

CODE = (
    HOLD
    + """
def handler(event, context):
    if event.get("hold"): hold()
    return os.getpid()
"""
)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    gateway = Gateway()
    with serving(gateway) as gateway.url:
        yield gateway


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def aws(gateway: Gateway, clock: Clock) -> Iterator[World]:
    with world(gateway, clock=clock, idle_seconds=60, max_processes=3) as made:
        yield made


def test_calls_at_the_same_time_get_processes_of_their_own(aws: World) -> None:
    name = aws.function(CODE)
    with ThreadPoolExecutor(2) as calls:
        running = [calls.submit(aws.answer, name, {"hold": True}) for _ in range(2)]
        for released in [aws.arrived(), aws.arrived()]:
            released.set()
        pids = {call.result() for call in running}
    assert len(pids) == 2
    assert aws.functions.pids() == sorted(pids)


def test_an_idle_process_is_ended_after_a_while(aws: World, clock: Clock) -> None:
    name = aws.function(CODE)
    pid = aws.answer(name)
    clock.now += 59
    aws.functions.end_idle()
    assert psutil.pid_exists(pid)
    clock.now += 1
    aws.functions.end_idle()
    assert not psutil.pid_exists(pid)
    assert aws.answer(name) != pid


def test_a_process_ends_before_its_credentials_do(aws: World, clock: Clock) -> None:
    name = aws.function(CODE)
    pid = aws.answer(name)
    clock.now += LIFETIME_SECONDS
    assert aws.answer(name) == pid
    assert not psutil.pid_exists(pid)


def test_the_oldest_idle_process_makes_room_for_another_function(aws: World) -> None:
    pids = [aws.answer(aws.function(CODE)) for _ in range(4)]
    assert not psutil.pid_exists(pids[0])
    assert aws.functions.pids() == sorted(pids[1:])


def test_more_running_calls_than_the_machine_has_places_are_refused(aws: World) -> None:
    name = aws.function(CODE)
    with ThreadPoolExecutor(3) as calls:
        running = [calls.submit(aws.answer, name, {"hold": True}) for _ in range(3)]
        held = [aws.arrived() for _ in range(3)]
        with pytest.raises(ClientError) as refused:
            aws.invoke(name)
        for released in held:
            released.set()
        assert len({call.result() for call in running}) == 3
    assert refused.value.response["Error"]["Code"] == "TooManyRequestsException"
    assert refused.value.response["Reason"] == "ConcurrentInvocationLimitExceeded"


def test_calls_above_the_reserved_concurrency_are_refused(aws: World) -> None:
    name, refusals = aws.function(CODE), []
    aws.client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    running = threading.Thread(target=aws.answer, args=(name, {"hold": True}))
    running.start()
    released = aws.arrived()
    with pytest.raises(ClientError) as refused:
        aws.invoke(name)
    refusals.append(refused.value.response)
    released.set()
    running.join()
    assert refusals[0]["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert refusals[0]["Error"]["Code"] == "TooManyRequestsException"
    assert refusals[0]["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert aws.answer(name)


def test_reserved_concurrency_of_zero_refuses_all(aws: World) -> None:
    name = aws.function(CODE)
    aws.client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    with pytest.raises(ClientError, match="TooManyRequestsException"):
        aws.invoke(name)
    aws.client("lambda").delete_function_concurrency(FunctionName=name)
    assert aws.answer(name)
