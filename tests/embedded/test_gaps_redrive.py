"""Dead-letter queues: who may use one, and the way back from it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.embedded.gaps_world import Mended, QueueOf, mended


@pytest.fixture(scope="module")
def aws() -> Iterator[Mended]:
    with mended() as made:
        yield made


def redrive(dead: QueueOf, receives: int = 1) -> dict[str, str]:
    return {"RedrivePolicy": json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": receives})}


def set_attributes(queue: QueueOf, attributes: dict[str, str]) -> None:
    queue.sqs.set_queue_attributes(QueueUrl=queue.url, Attributes=attributes)


def allow_policy(queue: QueueOf) -> str | None:
    found = queue.sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=["RedriveAllowPolicy"])
    return found.get("Attributes", {}).get("RedriveAllowPolicy")


def bury(source: QueueOf, *bodies: str) -> None:
    source.send(*bodies)
    for message in source.receive():
        source.release(message)
    assert source.receive(WaitTimeSeconds=1) == []


def test_a_queue_that_denies_all_takes_no_dead_letters(aws: Mended) -> None:
    source, dead = aws.queue(), aws.queue(RedriveAllowPolicy={"redrivePermission": "denyAll"})
    with pytest.raises(ClientError, match=r"InvalidParameterValue.*does not allow"):
        set_attributes(source, redrive(dead))
    with pytest.raises(ClientError, match=r"InvalidParameterValue.*does not allow"):
        aws.queue(**redrive(dead))


def test_a_queue_takes_the_dead_letters_of_those_that_it_names(aws: Mended) -> None:
    named, other, dead = aws.queue(), aws.queue(), aws.queue()
    by_queue = json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [named.arn]})
    set_attributes(dead, {"RedriveAllowPolicy": by_queue})
    set_attributes(named, redrive(dead))
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        set_attributes(other, redrive(dead))


def test_a_redrive_allow_policy_is_read_as_it_was_written_and_can_be_taken_away(aws: Mended) -> None:
    queue = aws.queue()
    assert allow_policy(queue) is None
    set_attributes(queue, {"RedriveAllowPolicy": '{"redrivePermission": "allowAll"}'})
    set_attributes(queue, {"VisibilityTimeout": "60"})
    assert allow_policy(queue) == '{"redrivePermission": "allowAll"}'
    set_attributes(queue, {"RedriveAllowPolicy": ""})
    assert allow_policy(queue) is None


@pytest.mark.parametrize(
    "policy",
    [
        "denyAll",
        "[]",
        {"redrivePermission": "some"},
        {"redrivePermission": "byQueue"},
        {"redrivePermission": "byQueue", "sourceQueueArns": []},
        {"redrivePermission": "byQueue", "sourceQueueArns": ["arn"] * 11},
        {"redrivePermission": "denyAll", "sourceQueueArns": ["arn"]},
    ],
)
def test_a_malformed_redrive_allow_policy_is_refused(aws: Mended, policy: Any) -> None:
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        aws.queue(RedriveAllowPolicy=policy)


def test_dead_letters_go_back_to_where_they_came_from_as_new_messages(aws: Mended) -> None:
    dead = aws.queue()
    first, second = aws.queue(**redrive(dead)), aws.queue(**redrive(dead))
    bury(first, "one")
    bury(second, "two", "three")
    (before,) = dead.receive(1, VisibilityTimeout=0)
    dead.sqs.start_message_move_task(SourceArn=dead.arn)
    assert dead.held() == (0, 0)
    (message,) = first.receive()
    assert message["Body"] == before["Body"] == "one"
    assert message["MessageId"] != before["MessageId"]
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert second.bodies() == ["two", "three"]
    (task,) = dead.sqs.list_message_move_tasks(SourceArn=dead.arn)["Results"]
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 3)


def test_dead_letters_can_be_moved_to_another_queue(aws: Mended) -> None:
    dead, other = aws.queue(), aws.queue()
    bury(aws.queue(**redrive(dead)), "one")
    dead.sqs.start_message_move_task(SourceArn=dead.arn, DestinationArn=other.arn)
    assert other.bodies() == ["one"]


def test_a_message_that_was_sent_to_the_dead_letter_queue_itself_has_no_way_back(aws: Mended) -> None:
    dead = aws.queue()
    aws.queue(**redrive(dead))
    dead.send("stray")
    dead.sqs.start_message_move_task(SourceArn=dead.arn)
    (task,) = dead.sqs.list_message_move_tasks(SourceArn=dead.arn)["Results"]
    assert (task["Status"], task["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")
    assert dead.bodies() == ["stray"]


def test_only_dead_letter_queues_are_redriven_and_only_to_queues_that_exist(aws: Mended) -> None:
    plain, dead = aws.queue(), aws.queue()
    aws.queue(**redrive(dead))
    sqs = dead.sqs
    with pytest.raises(ClientError, match="must be configured as a Dead Letter Queue"):
        sqs.start_message_move_task(SourceArn=plain.arn)
    with pytest.raises(ClientError, match=r"ResourceNotFoundException.*SourceArn"):
        sqs.start_message_move_task(SourceArn=f"{dead.arn}-gone")
    with pytest.raises(ClientError, match=r"ResourceNotFoundException.*DestinationArn"):
        sqs.start_message_move_task(SourceArn=dead.arn, DestinationArn=f"{dead.arn}-gone")
    handle = sqs.start_message_move_task(SourceArn=dead.arn)["TaskHandle"]
    with pytest.raises(ClientError, match="not in RUNNING state"):
        sqs.cancel_message_move_task(TaskHandle=handle)


def test_a_handle_from_before_the_move_to_the_dead_letter_queue_is_good_for_nothing(aws: Mended) -> None:
    dead = aws.queue()
    source = aws.queue(**redrive(dead))
    source.send("poison")
    (message,) = source.receive()
    source.release(message)
    assert source.receive(WaitTimeSeconds=1) == []
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        source.change(message, 60)
    source.delete(message)
    assert dead.held() == (1, 0)
