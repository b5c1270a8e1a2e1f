import json
from collections.abc import Iterator
from typing import Any

import pytest

from embedded_aws.functions import install
from tests.embedded.functions_world import HOLD, PATIENCE_SECONDS, Gateway, World, serving, world

CODE = (
    HOLD
    + """
def handler(event, context):
    print("attempt for", json.dumps(event))
    if isinstance(event, dict) and event.get("hold"): hold()
    if isinstance(event, dict) and event.get("fail"): raise ValueError("the tool is down")
    return {"done": True}
"""
).replace("import os", "import json, os")


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    gateway = Gateway()
    with serving(gateway) as gateway.url:
        yield gateway


@pytest.fixture
def aws(gateway: Gateway) -> Iterator[World]:
    with world(gateway) as made:
        undo = install(made.functions)
        yield made
        undo()


def send(aws: World, name: str, event: Any) -> None:
    assert aws.invoke(name, event, InvocationType="Event")["StatusCode"] == 202


def attempts(aws: World, name: str) -> int:
    assert aws.functions.wait_for_events(PATIENCE_SECONDS)
    return sum(line.startswith("attempt for") for line in aws.logged(f"/aws/lambda/{name}"))


def settings(aws: World, name: str, **given: Any) -> None:
    aws.client("lambda").put_function_event_invoke_config(FunctionName=name, **given)


def test_an_event_is_accepted_at_once_and_runs_later(aws: World) -> None:
    name = aws.function(CODE)
    send(aws, name, {"hold": True})
    aws.arrived().set()
    assert attempts(aws, name) == 1


@pytest.mark.parametrize(("retries", "runs"), [(None, 3), (0, 1), (1, 2)])
def test_a_failing_event_is_tried_again(aws: World, retries: int | None, runs: int) -> None:
    name = aws.function(CODE)
    if retries is not None:
        settings(aws, name, MaximumRetryAttempts=retries)
    send(aws, name, {"fail": True})
    assert attempts(aws, name) == runs


def test_an_event_that_fails_for_good_goes_to_its_destination(aws: World) -> None:
    url, arn = aws.queue()
    name = aws.function(CODE)
    settings(aws, name, MaximumRetryAttempts=1, DestinationConfig={"OnFailure": {"Destination": arn}})
    send(aws, name, {"fail": True})
    assert attempts(aws, name) == 2
    (message,) = aws.received(url)
    record = json.loads(message["Body"])
    assert record["version"] == "1.0"
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 2
    assert record["requestContext"]["functionArn"].endswith(f":{name}:$LATEST")
    assert record["requestPayload"] == {"fail": True}
    assert record["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    assert record["responsePayload"]["errorMessage"] == "the tool is down"


def test_a_topic_and_a_function_can_be_destinations(aws: World) -> None:
    sns = aws.client("sns")
    topic = sns.create_topic(Name="failures")["TopicArn"]
    url, queue = aws.queue()
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    listener, first, second = aws.function(CODE), aws.function(CODE), aws.function(CODE)
    arn = aws.client("lambda").get_function(FunctionName=listener)["Configuration"]["FunctionArn"]
    for name, destination in ((first, topic), (second, arn)):
        chosen = {"OnFailure": {"Destination": destination}}
        settings(aws, name, MaximumRetryAttempts=0, DestinationConfig=chosen)
        send(aws, name, {"fail": True})
    assert attempts(aws, listener) == 1
    (message,) = aws.received(url)
    assert "RetriesExhausted" in json.loads(message["Body"])["Message"]


def test_a_success_goes_to_its_destination(aws: World) -> None:
    url, arn = aws.queue()
    name = aws.function(CODE)
    settings(aws, name, DestinationConfig={"OnSuccess": {"Destination": arn}})
    send(aws, name, {})
    assert attempts(aws, name) == 1
    (message,) = aws.received(url)
    assert json.loads(message["Body"])["requestContext"]["condition"] == "Success"


def test_a_dead_letter_queue_gets_the_event_itself(aws: World) -> None:
    url, arn = aws.queue()
    name = aws.function(CODE, DeadLetterConfig={"TargetArn": arn})
    settings(aws, name, MaximumRetryAttempts=0)
    send(aws, name, {"fail": True})
    assert attempts(aws, name) == 1
    (message,) = aws.received(url)
    assert json.loads(message["Body"]) == {"fail": True}
    assert message["MessageAttributes"]["ErrorMessage"]["StringValue"] == "the tool is down"


def test_a_throttled_event_waits_for_a_place(aws: World) -> None:
    name = aws.function(CODE)
    aws.client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    send(aws, name, {"hold": True})
    released = aws.arrived()
    send(aws, name, {"second": True})
    released.set()
    assert attempts(aws, name) == 2


def test_reserved_concurrency_of_zero_sends_events_straight_to_the_destination(aws: World) -> None:
    url, arn = aws.queue()
    name = aws.function(CODE)
    settings(aws, name, DestinationConfig={"OnFailure": {"Destination": arn}})
    aws.client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    send(aws, name, {"n": 1})
    assert aws.functions.wait_for_events(PATIENCE_SECONDS)
    (message,) = aws.received(url)
    context = json.loads(message["Body"])["requestContext"]
    assert (context["condition"], context["approximateInvokeCount"]) == ("ZeroReservedConcurrency", 0)


def test_an_event_whose_function_is_gone_is_dropped_and_told(aws: World) -> None:
    name = aws.function(CODE)
    aws.client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    send(aws, name, {"hold": True})
    released = aws.arrived()
    send(aws, name, {})
    aws.client("lambda").delete_function(FunctionName=name)
    released.set()
    assert aws.functions.wait_for_events(PATIENCE_SECONDS)
    assert any(f"for {name} is dropped" in line for line in aws.log)
