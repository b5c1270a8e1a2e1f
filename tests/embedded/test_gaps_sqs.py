"""Receiving, receipt handles and fair queues, where moto differs from SQS."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError
from moto.sqs.models import sqs_backends

from embedded_aws.moto_gaps.sqs_fair import noisy_groups
from tests.embedded.functions_world import ACCOUNT, PATIENCE_SECONDS, REGION
from tests.embedded.gaps_world import Mended, QueueOf, mended


@pytest.fixture(scope="module")
def aws() -> Iterator[Mended]:
    with mended() as made:
        yield made


def refusal(call: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as refused:
        call()
    return f"{refused.value.response['Error']['Code']}: {refused.value.response['Error']['Message']}"


def twice(queue: QueueOf) -> tuple[Any, Any]:
    """One message as its first and its second consumer received it."""
    queue.send("work", group="a" if queue.url.endswith(".fifo") else None)
    (first,) = queue.receive()
    queue.release(first)
    (second,) = queue.receive(WaitTimeSeconds=5)
    return first, second


def test_a_stale_handle_deletes_nothing_and_says_nothing(aws: Mended) -> None:
    queue = aws.queue()
    first, second = twice(queue)
    queue.delete(first)
    assert queue.held() == (0, 1)
    queue.delete(second)
    assert queue.held() == (0, 0)


def test_a_stale_handle_extends_nothing(aws: Mended) -> None:
    queue = aws.queue()
    first, second = twice(queue)
    said = refusal(lambda: queue.change(first, 60))
    assert said.startswith("InvalidParameterValue")
    assert "not available for visibility timeout change" in said
    queue.change(second, 60)


def test_a_handle_outlives_the_visibility_timeout_for_a_delete_but_not_for_an_extension(aws: Mended) -> None:
    queue = aws.queue()
    queue.send("work")
    (message,) = queue.receive(VisibilityTimeout=0)
    assert refusal(lambda: queue.change(message, 60)).startswith("AWS.SimpleQueueService.MessageNotInflight")
    queue.delete(message)
    assert queue.held() == (0, 0)


def test_a_fifo_queue_refuses_a_handle_whose_time_is_over(aws: Mended) -> None:
    queue = aws.queue(fifo=True)
    first, second = twice(queue)
    assert "receipt handle has expired" in refusal(lambda: queue.delete(first))
    queue.release(second)
    assert "receipt handle has expired" in refusal(lambda: queue.delete(second))


def test_a_batch_says_which_of_its_handles_were_refused(aws: Mended) -> None:
    queue = aws.queue()
    first, second = twice(queue)
    entries = [
        {"Id": name, "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 60}
        for name, message in (("first", first), ("second", second))
    ]
    said = queue.sqs.change_message_visibility_batch(QueueUrl=queue.url, Entries=entries)
    assert [one["Id"] for one in said["Successful"]] == ["second"]
    assert [(one["Id"], one["Code"]) for one in said["Failed"]] == [("first", "InvalidParameterValue")]


def test_extensions_end_twelve_hours_after_the_receive(aws: Mended) -> None:
    queue = aws.queue()
    queue.send("work")
    (message,) = queue.receive()
    (held,) = sqs_backends[ACCOUNT][REGION].queues[queue.url.rsplit("/", 1)[1]]._messages
    held.received_at_ms -= 40_000 * 1000
    queue.change(message, 3_100)
    said = refusal(lambda: queue.change(message, 3_300))
    assert said.startswith("InvalidParameterValue")
    assert "beyond the limit [43200 seconds]" in said


def test_a_group_on_a_standard_queue_is_taken_and_returned(aws: Mended) -> None:
    queue = aws.queue()
    queue.sqs.send_message(QueueUrl=queue.url, MessageBody="one", MessageGroupId="a")
    queue.send("two", group="b")
    assert [m["Attributes"]["MessageGroupId"] for m in queue.receive()] == ["a", "b"]


@pytest.mark.parametrize(("in_flight", "order"), [(29, ["loud", "quiet"]), (30, ["quiet", "loud"])])
def test_a_tenant_with_thirty_messages_in_flight_waits_for_the_others(
    aws: Mended, in_flight: int, order: list[str]
) -> None:
    queue = aws.queue()
    queue.send(*["busy"] * in_flight, group="a")
    while queue.held()[0]:
        queue.receive()
    queue.send("loud", group="a")
    queue.send("quiet", group="b")
    assert queue.bodies(1) + queue.bodies(1) == order


@pytest.mark.parametrize(("held", "total", "noisy"), [(30, 299, {"a"}), (30, 300, set()), (29, 29, set())])
def test_more_than_a_tenth_and_at_least_thirty_are_noisy(held: int, total: int, noisy: set[str]) -> None:
    assert noisy_groups(Counter(a=held), total) == noisy


def test_among_quiet_tenants_the_one_with_the_fewest_in_flight_is_first(aws: Mended) -> None:
    queue = aws.queue()
    queue.send(*["busy"] * 30, group="a")
    queue.send("some", group="b")
    while queue.held()[0]:
        queue.receive()
    for tenant in "abc":
        queue.send(tenant, group=tenant)
    assert queue.bodies(3) == ["c", "b", "a"]


def test_a_long_poll_ends_when_a_message_arrives_and_stops_nobody_else(aws: Mended) -> None:
    queue, other = aws.queue(), aws.queue()
    got: list[str] = []
    poll = threading.Thread(target=lambda: got.extend(queue.bodies(WaitTimeSeconds=20)))
    poll.start()
    other.send("meanwhile")
    assert other.bodies() == ["meanwhile"]
    assert queue.held() == (0, 0)
    queue.send("work")
    poll.join(10)
    assert got == ["work"]


def test_a_long_poll_sees_a_message_that_becomes_visible_again(aws: Mended) -> None:
    queue = aws.queue()
    queue.send("work")
    (message,) = queue.receive(VisibilityTimeout=600)
    got: list[str] = []
    poll = threading.Thread(target=lambda: got.extend(queue.bodies(WaitTimeSeconds=20)))
    poll.start()
    queue.change(message, 1)
    poll.join(10)
    assert got == ["work"]


def test_a_long_poll_that_nobody_waits_for_any_more_takes_no_message(aws: Mended) -> None:
    queue, address = aws.queue(), urlsplit(aws.url)
    poll = HTTPConnection(str(address.hostname), address.port)
    headers = {
        "authorization": f"AWS4-HMAC-SHA256 Credential=a/20260101/{REGION}/sqs/aws4_request, Signature=0",
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": "AmazonSQS.ReceiveMessage",
    }
    poll.request("POST", "/", json.dumps({"QueueUrl": queue.url, "WaitTimeSeconds": 20}), headers)
    poll.close()
    queue.send("work")
    (message,) = queue.receive(WaitTimeSeconds=10)
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"


def test_no_message_is_lost_or_given_twice_to_many_consumers(aws: Mended) -> None:
    queue, bodies = aws.queue(), [str(number) for number in range(60)]
    got: list[str] = []

    def consume() -> None:
        while messages := queue.receive(3, WaitTimeSeconds=1):
            for message in messages:
                got.append(message["Body"])
                queue.delete(message)

    consumers = [threading.Thread(target=consume) for _ in range(6)]
    for consumer in consumers:
        consumer.start()
    queue.send(*bodies)
    for consumer in consumers:
        consumer.join(PATIENCE_SECONDS)
    assert sorted(got) == sorted(bodies)
    assert queue.held() == (0, 0)


def test_a_fifo_group_waits_for_its_message_in_flight(aws: Mended) -> None:
    queue = aws.queue(fifo=True)
    queue.send("a1", "a2", group="a")
    queue.send("b1", group="b")
    (first,) = queue.receive(1)
    assert queue.bodies() == ["b1"]
    queue.release(first)
    assert queue.bodies(WaitTimeSeconds=5) == ["a1", "a2"]
