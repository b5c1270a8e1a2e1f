"""What reaches a function whose event source is a queue, and how much of it at a time."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.embedded.functions_world import REGION, serving
from tests.embedded.pollers_world import AskingGateway, Polled, end_visibility, polled


@pytest.fixture(scope="module")
def gateway() -> Iterator[AskingGateway]:
    gateway = AskingGateway()
    with serving(gateway) as gateway.url:
        yield gateway


@pytest.fixture
def aws(gateway: AskingGateway) -> Iterator[Polled]:
    with polled(gateway) as made:
        yield made


def test_a_function_gets_the_event_that_aws_documents(aws: Polled) -> None:
    queue = aws.queue()
    mapping = aws.mapping(queue, aws.function())
    attributes: Any = {
        "kind": {"DataType": "String", "StringValue": "run"},
        "blob": {"DataType": "Binary", "BinaryValue": b"\x00\x01"},
    }
    sent = queue.sqs.send_message(
        QueueUrl=queue.url, MessageBody="work", MessageGroupId="tenant", MessageAttributes=attributes
    )
    call = aws.called()
    (record,) = call.records
    call.answer(None)
    assert record.pop("receiptHandle")
    timestamps = [
        record["attributes"].pop(f"{name}Timestamp") for name in ("Sent", "ApproximateFirstReceive")
    ]
    assert all(timestamp.isdigit() and len(timestamp) == 13 for timestamp in timestamps)
    assert record["attributes"].pop("SenderId")
    assert record == {
        "messageId": sent["MessageId"],
        "body": "work",
        "attributes": {"ApproximateReceiveCount": "1", "MessageGroupId": "tenant"},
        "messageAttributes": {
            "kind": {
                "dataType": "String",
                "stringValue": "run",
                "stringListValues": [],
                "binaryListValues": [],
            },
            "blob": {
                "dataType": "Binary",
                "binaryValue": "AAE=",
                "stringListValues": [],
                "binaryListValues": [],
            },
        },
        "md5OfMessageAttributes": sent["MD5OfMessageAttributes"],
        "md5OfBody": sent["MD5OfMessageBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue.arn,
        "awsRegion": REGION,
    }
    aws.settled(mapping)
    assert queue.held() == (0, 0)
    assert aws.result(mapping) == "OK"


def test_a_batch_is_no_larger_than_its_size(aws: Polled) -> None:
    queue = aws.queue()
    queue.send("1", "2", "3")
    aws.mapping(queue, aws.function(), BatchSize=2)
    calls = [aws.called(), aws.called()]
    assert sorted(call.bodies for call in calls) == [["1", "2"], ["3"]]
    for call in calls:
        call.answer(None)


def test_a_window_gathers_more_than_one_receive_gives(aws: Polled) -> None:
    queue = aws.queue()
    queue.send(*(str(number) for number in range(12)))
    aws.mapping(queue, aws.function(), BatchSize=12, MaximumBatchingWindowInSeconds=300)
    call = aws.called()
    assert len(call.records) == 12
    call.answer(None)


def test_a_window_ends_a_batch_that_is_not_full(aws: Polled) -> None:
    queue = aws.queue()
    queue.send("1", "2")
    aws.mapping(queue, aws.function(), BatchSize=1000, MaximumBatchingWindowInSeconds=1)
    call = aws.called()
    assert call.bodies == ["1", "2"]
    call.answer(None)


@pytest.mark.parametrize(
    ("fifo", "settings"),
    [
        (False, {"BatchSize": 11}),
        (False, {"BatchSize": 10_001, "MaximumBatchingWindowInSeconds": 1}),
        (False, {"ScalingConfig": {"MaximumConcurrency": 1001}}),
        (True, {"BatchSize": 11}),
        (True, {"MaximumBatchingWindowInSeconds": 1}),
    ],
)
def test_settings_that_aws_refuses_are_refused(aws: Polled, fifo: bool, settings: Any) -> None:
    queue, function = aws.queue(fifo=fifo), aws.function()
    with pytest.raises(ClientError, match="InvalidParameterValueException"):
        aws.mapping(queue, function, **settings)
    mapping = aws.mapping(queue, function)
    with pytest.raises(ClientError, match="InvalidParameterValueException"):
        aws.update(mapping, **settings)


def test_a_queue_that_shows_a_message_again_before_the_function_ends_is_refused(aws: Polled) -> None:
    with pytest.raises(ClientError, match="30 seconds is less than Function timeout: 31 seconds"):
        aws.mapping(aws.queue(), aws.function(Timeout=31))


def test_a_disabled_mapping_leaves_the_queue_alone_until_it_is_enabled(aws: Polled) -> None:
    queue = aws.queue()
    mapping = aws.mapping(queue, aws.function(), Enabled=False)
    queue.send("work")
    aws.update(mapping, Enabled=True)
    call = aws.called()
    call.answer(None)
    aws.settled(mapping)
    aws.update(mapping, Enabled=False)
    queue.send("more")
    assert queue.bodies() == ["more"]


def test_a_deleted_mapping_leaves_the_queue_alone(aws: Polled) -> None:
    queue = aws.queue()
    mapping = aws.mapping(queue, aws.function())
    aws.aws.client("lambda").delete_event_source_mapping(UUID=mapping)
    queue.send("work")
    assert queue.bodies() == ["work"]


def test_no_more_batches_are_taken_than_may_run_at_a_time(aws: Polled) -> None:
    queue = aws.queue()
    queue.send("1", "2", "3")
    aws.mapping(queue, aws.function(), BatchSize=1, ScalingConfig={"MaximumConcurrency": 2})
    first, second = aws.called(), aws.called()
    assert queue.held() == (1, 2)
    first.answer(None)
    third = aws.called()
    assert third.bodies == ["3"]
    for call in (second, third):
        call.answer(None)


def test_an_alias_is_looked_up_at_each_call(aws: Polled) -> None:
    queue, function, lambda_ = aws.queue(), aws.function(), aws.aws.client("lambda")
    lambda_.publish_version(FunctionName=function)
    lambda_.update_function_configuration(FunctionName=function, Description="second")
    lambda_.publish_version(FunctionName=function)
    alias = lambda_.create_alias(FunctionName=function, Name="live", FunctionVersion="1")["AliasArn"]
    mapping = aws.mapping(queue, alias)
    assert lambda_.get_event_source_mapping(UUID=mapping)["FunctionArn"] == alias
    versions: list[str] = []
    for version in ("1", "2"):
        lambda_.update_alias(FunctionName=function, Name="live", FunctionVersion=version)
        queue.send("work")
        call = aws.called()
        versions.append(call.version)
        call.answer(None)
        aws.settled(mapping)
    assert versions == ["1", "2"]


def test_a_fifo_group_is_delivered_in_order_and_waits_for_its_failure(aws: Polled) -> None:
    queue = aws.queue(fifo=True)
    queue.send("a1", "a2", group="a")
    mapping = aws.mapping(
        queue, aws.function(), BatchSize=1, FunctionResponseTypes=["ReportBatchItemFailures"]
    )
    first = aws.called()
    assert first.bodies == ["a1"]
    queue.send("b1", group="b")
    other = aws.called()
    assert other.bodies == ["b1"]
    other.answer(None)
    first.answer({"batchItemFailures": [{"itemIdentifier": id_} for id_ in first.ids("a1")]})
    aws.settled(mapping)
    assert queue.held() == (1, 1)
    end_visibility(queue)
    for expected in ("a1", "a2"):
        call = aws.called()
        assert call.bodies == [expected]
        call.answer(None)


def test_large_messages_are_split_into_events_that_fit(aws: Polled) -> None:
    queue = aws.queue()
    body = "x" * 1_000_000
    for _ in range(7):
        queue.send(body)
    aws.mapping(queue, aws.function())
    calls = [aws.called()]
    calls[0].answer(None)
    calls.append(aws.called())
    calls[1].answer(None)
    assert [len(call.records) for call in calls] == [6, 1]
