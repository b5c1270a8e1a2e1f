"""What comes back to the queue: failures of a batch, of a part of it, and throttles."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from moto.awslambda.models import EventSourceMapping
from moto.sqs.models import Message, Queue

from embedded_aws.functions import Invocation
from embedded_aws.pollers.delivery import Delivery
from tests.embedded.functions_world import ACCOUNT, REGION, serving
from tests.embedded.pollers_world import RAISE, AskingGateway, Call, Polled, end_visibility, polled

PARTIAL: Any = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}
TEN = [f"run-{number}" for number in range(10)]


@pytest.fixture(scope="module")
def gateway() -> Iterator[AskingGateway]:
    gateway = AskingGateway()
    with serving(gateway) as gateway.url:
        yield gateway


@pytest.fixture(scope="module")
def aws(gateway: AskingGateway) -> Iterator[Polled]:
    with polled(gateway) as made:
        yield made


@pytest.fixture(scope="module")
def function(aws: Polled) -> str:
    """One for all: its process stays warm."""
    return aws.function()


def failed(call: Call, *bodies: str) -> Any:
    return {"batchItemFailures": [{"itemIdentifier": one} for one in call.ids(*bodies)]}


@pytest.mark.parametrize("settings", [{}, PARTIAL])
def test_an_error_returns_the_whole_batch_when_its_visibility_ends(
    aws: Polled, function: str, settings: Any
) -> None:
    queue = aws.queue()
    queue.send("1", "2")
    mapping = aws.mapping(queue, function, **settings)
    aws.called().answer(RAISE)
    aws.settled(mapping)
    assert queue.held() == (0, 2)
    assert aws.result(mapping) == "PROBLEM: Function call failed"
    end_visibility(queue)
    again = aws.called()
    assert again.bodies == ["1", "2"]
    assert [record["attributes"]["ApproximateReceiveCount"] for record in again.records] == ["2", "2"]
    again.answer(None)
    aws.settled(mapping)
    assert queue.held() == (0, 0)


@pytest.mark.parametrize("bad", [TEN[:1], TEN[3:6], TEN[:9], TEN])
def test_only_the_reported_messages_of_ten_come_back(aws: Polled, function: str, bad: list[str]) -> None:
    queue = aws.queue()
    queue.send(*TEN)
    mapping = aws.mapping(queue, function, **PARTIAL)
    call = aws.called()
    assert call.bodies == TEN
    call.answer(failed(call, *bad))
    aws.settled(mapping)
    assert queue.held() == (0, len(bad))
    assert aws.result(mapping) == f"PROBLEM: {len(bad)} messages failed"
    end_visibility(queue)
    again = aws.called()
    assert again.bodies == bad
    again.answer(None)


@pytest.mark.parametrize("answer", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}])
def test_no_failures_are_success(aws: Polled, function: str, answer: Any) -> None:
    assert left_after(aws, function, lambda _call: answer) == 0


@pytest.mark.parametrize(
    "answer",
    [
        "done",
        ["message"],
        {"batchItemFailures": "all"},
        {"batchItemFailures": ["message"]},
        {"batchItemFailures": [{"id": "message"}]},
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"itemIdentifier": {}}]},
        {"batchItemFailures": [{"itemIdentifier": "of another batch"}]},
    ],
    ids=json.dumps,
)
def test_a_malformed_answer_fails_the_whole_batch(aws: Polled, function: str, answer: Any) -> None:
    assert left_after(aws, function, lambda _call: answer) == 3


def test_an_unknown_id_beside_a_known_one_fails_the_whole_batch(aws: Polled, function: str) -> None:
    def answer(call: Call) -> Any:
        return {"batchItemFailures": [*failed(call, "1")["batchItemFailures"], {"itemIdentifier": "unknown"}]}

    assert left_after(aws, function, answer) == 3


def test_reported_failures_count_only_where_the_mapping_asks_for_them(aws: Polled, function: str) -> None:
    assert left_after(aws, function, lambda call: failed(call, "1", "2", "3"), settings={}) == 0


def test_all_after_the_first_failure_of_a_fifo_group_come_again_in_order(aws: Polled, function: str) -> None:
    queue = aws.queue(fifo=True)
    queue.send("1", "2", "3", "4", group="a")
    mapping = aws.mapping(queue, function, **PARTIAL)
    call = aws.called()
    call.answer(failed(call, "2", "3", "4"))
    aws.settled(mapping)
    queue.send("5", group="a")
    assert queue.held() == (1, 3)
    end_visibility(queue)
    again = aws.called()
    assert again.bodies == ["2", "3", "4", "5"]
    again.answer(None)


def test_a_message_that_fails_too_often_goes_to_the_dead_letter_queue(aws: Polled, function: str) -> None:
    queue, dead = aws.queue(), aws.queue()
    policy = json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 2})
    queue.sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={"RedrivePolicy": policy})
    queue.send("poison")
    mapping = aws.mapping(queue, function)
    for _ in range(2):
        aws.called().answer(RAISE)
        aws.settled(mapping)
        end_visibility(queue)
    assert dead.bodies(WaitTimeSeconds=10) == ["poison"]


def test_a_throttled_batch_stays_in_flight_until_there_is_a_place(aws: Polled) -> None:
    queue, name, lambda_ = aws.queue(), aws.function(), aws.aws.client("lambda")
    lambda_.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    aws.aws.invoke(name, {"Records": []}, InvocationType="Event")
    holding = aws.called()
    queue.send("work")
    mapping = aws.mapping(queue, name)
    poller = aws.pollers._pollers[mapping]
    with poller._changed:
        assert poller._changed.wait_for(lambda: bool(poller._delivering), 20)
    assert queue.held() == (0, 1)
    holding.answer(None)
    call = aws.called()
    assert call.records[0]["attributes"]["ApproximateReceiveCount"] == "1"
    call.answer(None)
    aws.settled(mapping)
    assert queue.held() == (0, 0)


def test_a_throttled_batch_is_given_up_when_its_messages_are_visible_again() -> None:
    calls: list[bytes] = []
    stopped = threading.Event()

    def throttled(_region: str, _function: str, _qualifier: str | None, payload: bytes) -> Invocation:
        calls.append(payload)
        if len(calls) > 2:
            stopped.set()
        return Invocation(429)

    queue = Queue("throttled", REGION, ACCOUNT)
    mapping = EventSourceMapping(
        {
            **{"RegionName": REGION, "AccountId": ACCOUNT, "FunctionName": "f", "FunctionArn": "arn"},
            "EventSourceArn": queue.queue_arn,
        }
    )
    Delivery(throttled, stopped, print).deliver(mapping, queue, [Message("id", "work")], time.monotonic())
    assert len(calls) == 1
    assert mapping.last_processing_result == "PROBLEM: Function call was throttled"  # type: ignore[attr-defined]


def left_after(aws: Polled, function: str, answer: Callable[[Call], Any], *, settings: Any = PARTIAL) -> int:
    """How many of three messages stay in the queue."""
    queue = aws.queue()
    queue.send("1", "2", "3")
    mapping = aws.mapping(queue, function, **settings)
    call = aws.called()
    call.answer(answer(call))
    aws.settled(mapping)
    aws.update(mapping, Enabled=False)
    visible, in_flight = queue.held()
    assert visible == 0
    return in_flight
