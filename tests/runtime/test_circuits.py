"""Circuits that an agent's processes share through the table."""

from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.errors import CircuitOpen
from agent_runtime.guards.breakers import DEFAULT_RULE
from agent_runtime.guards.circuits import LOOK_SECONDS, Circuits
from tests.runtime.audit_world import Told
from tests.runtime.faulty import FaultyClient
from tests.runtime.pretended import TABLE, Aws

NAME = "model:openai:small-v1"
OPEN_SECONDS = DEFAULT_RULE.open_seconds


class Down(Exception):
    """The other side does not work."""


class Refused(Exception):
    """The other side works, and says no."""


def outage(error: Exception) -> float | None:
    return 0.0 if isinstance(error, Down) else None


@pytest.fixture
def process(aws: Aws) -> Callable[..., Circuits]:
    """A process of the agent, with its own knowledge of the circuits."""

    def make(client: Any = None, **more: Any) -> Circuits:
        table = CheckpointTable(client or aws.dynamodb, TABLE)
        return Circuits(table, "answers", clock=aws.clock, monotonic=aws.clock, **more)

    return make


def call(circuits: Circuits, error: Exception | None = None) -> None:
    with circuits.guarding(NAME, outage):
        if error is not None:
            raise error


def fail(circuits: Circuits, times: int = DEFAULT_RULE.outages) -> None:
    for _ in range(times):
        with pytest.raises(Down):
            call(circuits, Down())


def test_all_is_well_costs_a_read_now_and_then_and_no_write(aws: Aws, process: Any) -> None:
    client = FaultyClient(aws.dynamodb)
    circuits = process(client)
    for _ in range(20):
        call(circuits)
    assert client.calls == {"get_item": 1}
    aws.clock.now += LOOK_SECONDS
    call(circuits)
    assert client.calls == {"get_item": 2}


def test_one_process_learns_what_others_have_found(aws: Aws, process: Any) -> None:
    first, second, third = process(), process(), process()
    call(third)
    fail(first, 3)
    fail(second, 2)
    with pytest.raises(CircuitOpen) as error:
        call(second)
    assert 0 < error.value.retry_after_seconds <= OPEN_SECONDS
    aws.clock.now += LOOK_SECONDS
    for circuits in (first, third):
        with pytest.raises(CircuitOpen):
            call(circuits)


def test_the_probe_closes_it_for_everybody(aws: Aws, process: Any) -> None:
    first, second = process(), process()
    fail(first)
    aws.clock.now += OPEN_SECONDS
    call(second)
    aws.clock.now += LOOK_SECONDS
    for circuits in (first, second, process()):
        call(circuits)


def test_while_one_probes_nobody_else_calls(aws: Aws, process: Any) -> None:
    first, second = process(), process()
    fail(first)
    aws.clock.now += OPEN_SECONDS
    with first.guarding(NAME, outage):
        for circuits in (first, second):
            with pytest.raises(CircuitOpen):
                call(circuits)
    aws.clock.now += LOOK_SECONDS
    call(second)


def test_a_probe_that_fails_opens_it_for_longer_and_one_that_is_refused_is_given_back(
    aws: Aws, process: Any
) -> None:
    circuits = process()
    fail(circuits)
    aws.clock.now += OPEN_SECONDS
    with pytest.raises(Refused):
        call(circuits, Refused())
    fail(circuits, 1)
    aws.clock.now += OPEN_SECONDS
    with pytest.raises(CircuitOpen):
        call(circuits)
    aws.clock.now += OPEN_SECONDS
    call(circuits)


def test_a_process_that_dies_with_the_probe_does_not_keep_it(aws: Aws, process: Any) -> None:
    fail(process())
    aws.clock.now += OPEN_SECONDS
    process().enter(NAME)
    aws.clock.now += DEFAULT_RULE.probe_seconds - 1
    with pytest.raises(CircuitOpen):
        call(process())
    aws.clock.now += 1
    call(process())


def test_a_probe_whose_call_may_take_longer_is_awaited_for_as_long(aws: Aws, process: Any) -> None:
    fail(process())
    aws.clock.now += OPEN_SECONDS
    process().enter(NAME, 900)
    aws.clock.now += 899
    with pytest.raises(CircuitOpen):
        call(process())
    aws.clock.now += 1
    call(process())


def test_a_probe_whose_time_was_over_says_nothing_of_the_one_that_came_after(aws: Aws, process: Any) -> None:
    slow, quick = process(), process()
    fail(slow)
    aws.clock.now += OPEN_SECONDS
    late = slow.enter(NAME)
    aws.clock.now += DEFAULT_RULE.probe_seconds
    with pytest.raises(Down):
        call(quick, Down())
    slow.succeeded(late)
    with pytest.raises(CircuitOpen):
        call(process())


def test_an_answer_that_is_lost_is_found_again(aws: Aws, process: Any) -> None:
    client = FaultyClient(aws.dynamodb)
    circuits = process(client)
    fail(circuits)
    aws.clock.now += OPEN_SECONDS
    client.lost["put_item"] = 1
    call(circuits)
    call(process())


class Refusing:
    """A client whose table refuses everything, or cannot be reached."""

    def __init__(self, client: Any, error: Exception) -> None:
        self.exceptions = client.exceptions
        self._error = error

    def __getattr__(self, name: str) -> Any:
        def call(**_: Any) -> Any:
            raise self._error

        return call


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "GetItem"),
        EndpointConnectionError(endpoint_url="http://127.0.0.1"),
    ],
)
def test_without_the_table_a_process_goes_by_what_it_knows(
    aws: Aws, process: Any, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    ignorant = process(Refusing(aws.dynamodb, error))
    call(ignorant)
    fail(ignorant, 1)
    knowing = process()
    fail(knowing)
    table: CheckpointTable = vars(knowing)["_table"]
    monkeypatch.setattr(table, "client", Refusing(aws.dynamodb, error))
    aws.clock.now += LOOK_SECONDS
    with pytest.raises(CircuitOpen):
        call(knowing)
    aws.clock.now += OPEN_SECONDS
    with pytest.raises(CircuitOpen):  # nobody can tell whether another process probes
        call(knowing)


def test_circuits_of_other_names_and_agents_are_their_own(aws: Aws, process: Any) -> None:
    fail(process())
    with process().guarding("tool:search", outage):
        pass
    other = Circuits(CheckpointTable(aws.dynamodb, TABLE), "other", clock=aws.clock, monotonic=aws.clock)
    call(other)
    keys = {item["pk"]["S"] for item in aws.items()}
    assert keys == {"answers#circuits"}, "an agent's role reaches its own partitions alone"


def test_an_opening_is_on_the_audit_trail_once(process: Any) -> None:
    told = Told()
    fail(process(audit=told))
    opened = {"guard": "circuit", "circuit": NAME, "seconds": 30}
    assert told.entries == [{"kind": "guard-tripped", **opened}]


@pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)
def test_of_many_threads_and_processes_one_probes(aws: Aws, process: Any) -> None:
    fail(process())
    aws.clock.now += OPEN_SECONDS
    processes = [process() for _ in range(4)]
    together, calls, refused = Barrier(16), list[str](), list[CircuitOpen]()

    def probe(circuits: Circuits) -> None:
        together.wait()
        try:
            permit = circuits.enter(NAME)
        except CircuitOpen as error:
            refused.append(error)
        else:
            calls.append(permit.name)

    threads = [Thread(target=probe, args=(processes[n % 4],)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert len(refused) == 15


@pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)
def test_outages_that_many_threads_meet_at_once_are_all_seen(aws: Aws, process: Any) -> None:
    processes = [process() for _ in range(4)]
    together = Barrier(8)

    def work(circuits: Circuits) -> None:
        permit = circuits.enter(NAME)
        together.wait()
        circuits.failed(permit)

    threads = [Thread(target=work, args=(processes[n % 4],)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with pytest.raises(CircuitOpen):
        process().enter(NAME)
