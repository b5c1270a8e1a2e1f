"""AG10, AG11 and AG12: dead letters, visibility, and functions that read queues."""

import json
from typing import Any

import pytest

from tests.policies.judging import ABSENT, UNKNOWN, changed, fails, found, passes, resource, unchecked

WORK, DEAD = "arn:aws:sqs:eu-west-1:123456789012:work", "arn:aws:sqs:eu-west-1:123456789012:dead"
AGENT = {"agent": "a"}
REDRIVE = {"deadLetterTargetArn": DEAD, "maxReceiveCount": 5}
ALLOW = {"redrivePermission": "byQueue", "sourceQueueArns": [WORK]}
ALARM = {
    "comparisonOperator": "GreaterThanThreshold",
    "metricName": "ApproximateNumberOfMessagesVisible",
    "dimensions": {"QueueName": "dead"},
    "alarmActions": ["arn:topic"],
}


def queue(kind: str = "text", **given: Any) -> Any:
    policy = json.dumps(REDRIVE) if kind == "text" else REDRIVE
    valid = {"arn": WORK, "name": "work", "url": "https://work", "redrivePolicy": policy, "tags": AGENT}
    return resource("sqs/queue:Queue", "work", changed(valid, **given))


def dead(**given: Any) -> Any:
    valid = {"arn": DEAD, "name": "dead", "url": "https://dead", "messageRetentionSeconds": 1_209_600}
    return resource("sqs/queue:Queue", "dead", changed(valid, **given))


def allow(policy: Any = None) -> Any:
    held = {"queueUrl": "https://dead", "redriveAllowPolicy": json.dumps(policy or ALLOW)}
    return resource("sqs/redriveAllowPolicy:RedriveAllowPolicy", "guard", held)


def alarm(**given: Any) -> Any:
    return resource("cloudwatch/metricAlarm:MetricAlarm", "depth", changed(ALARM, **given))


@pytest.mark.parametrize("kind", ["text", "object"])
def test_a_queue_whose_dead_letters_are_kept_and_seen_passes(kind: str) -> None:
    assert passes("AG10", queue(kind), dead(), allow(), alarm())


def test_policies_count_in_the_queue_and_in_resources_of_their_own() -> None:
    held = {"queueUrl": "https://work", "redrivePolicy": json.dumps(REDRIVE)}
    apart = resource("sqs/redrivePolicy:RedrivePolicy", "redrive", held)
    inside = dead(redriveAllowPolicy=json.dumps(ALLOW))
    assert passes("AG10", queue(redrivePolicy=ABSENT), apart, inside, alarm())


@pytest.mark.parametrize("policy", [ABSENT, None, "", {}, {"maxReceiveCount": 5}, '{"maxReceiveCount": 5}'])
def test_a_queue_without_a_dead_letter_queue_fails(policy: Any) -> None:
    assert "it has no dead-letter queue." in fails("AG10", queue(redrivePolicy=policy))


@pytest.mark.parametrize("receives", [1, 2, 11, 1000, "2", None])
def test_too_few_or_too_many_receives_fail(receives: Any) -> None:
    policy = json.dumps({**REDRIVE, "maxReceiveCount": receives})
    assert len(fails("AG10", queue(redrivePolicy=policy), dead(), allow(), alarm())) == 1


@pytest.mark.parametrize("seconds", [ABSENT, None, 345_600, 60])
def test_dead_letters_that_are_not_kept_longer_fail(seconds: Any) -> None:
    assert len(fails("AG10", queue(), dead(messageRetentionSeconds=seconds), allow(), alarm())) == 1


def test_a_longer_retention_of_the_source_counts() -> None:
    assert fails("AG10", queue(messageRetentionSeconds=1_209_600), dead(), allow(), alarm())
    assert passes(
        "AG10", queue(messageRetentionSeconds=60), dead(messageRetentionSeconds=61), allow(), alarm()
    )


@pytest.mark.parametrize(
    "policy",
    [
        {"redrivePermission": "allowAll"},
        {"sourceQueueArns": [WORK]},
        {"redrivePermission": "byQueue", "sourceQueueArns": []},
        {"redrivePermission": "byQueue", "sourceQueueArns": [WORK, "arn:aws:sqs:x:1:other"]},
    ],
)
def test_a_dead_letter_queue_open_to_other_queues_fails(policy: Any) -> None:
    assert len(fails("AG10", queue(), dead(), allow(policy), alarm())) == 1


@pytest.mark.parametrize(
    "broken",
    [
        {"metricName": "NumberOfMessagesSent"},
        {"alarmActions": []},
        {"actionsEnabled": False},
        {"comparisonOperator": "LessThanThreshold"},
        {"dimensions": {"QueueName": "work"}},
    ],
)
def test_dead_letters_that_nobody_sees_fail(broken: Any) -> None:
    assert len(fails("AG10", queue(), dead(), allow(), alarm(**broken))) == 1
    assert len(fails("AG10", queue(), dead(), allow())) == 1


def test_a_fifo_queue_needs_a_fifo_dead_letter_queue() -> None:
    assert fails("AG10", queue(fifoQueue=True), dead(), allow(), alarm())
    assert passes("AG10", queue(fifoQueue=True), dead(fifoQueue="true"), allow(), alarm())


@pytest.mark.parametrize("policy", ["{", "[]", 7, '{"deadLetterTargetArn": 1.5e9, "maxReceiveCount": "x"}'])
def test_a_malformed_redrive_policy_fails(policy: Any) -> None:
    assert fails("AG10", queue(redrivePolicy=policy)) or found("AG10", queue(redrivePolicy=policy))


def test_an_unknown_redrive_policy_is_joined_by_its_dependencies() -> None:
    held = {"name": "work", "redrivePolicy": UNKNOWN, "tags": AGENT}
    work = resource("sqs/queue:Queue", "work", held, {"redrivePolicy": ("dead",)})
    told = found("AG10", work, dead(messageRetentionSeconds=60), allow(), alarm())
    assert [one.outcome.value for one in told] == ["fail", "not checked"]
    assert unchecked("AG10", queue(redrivePolicy=UNKNOWN)) == ["redrivePolicy"]
    assert unchecked("AG10", queue()) == ["redrivePolicy.deadLetterTargetArn"]


MAPPING = {
    "eventSourceArn": WORK,
    "functionName": "reader",
    "functionResponseTypes": ["ReportBatchItemFailures"],
    "scalingConfig": {"maximumConcurrency": 10},
}


def mapping(**given: Any) -> Any:
    return resource("lambda/eventSourceMapping:EventSourceMapping", "reads", changed(MAPPING, **given))


def function(**given: Any) -> Any:
    agents = {"tags": {"agent": "handbook"}}
    valid = {"name": "reader", "timeout": 30, "reservedConcurrentExecutions": 10, **agents}
    return resource("lambda/function:Function", "reader", changed(valid, **given))


def hidden(seconds: Any) -> Any:
    return queue(visibilityTimeoutSeconds=seconds)


def test_a_queue_that_hides_messages_long_enough_passes() -> None:
    assert passes("AG11", mapping(), function(), hidden(180))
    assert passes("AG11", mapping(), function(timeout=ABSENT), hidden(ABSENT))
    assert passes("AG11", mapping(maximumBatchingWindowInSeconds=20), function(), hidden("200"))


@pytest.mark.parametrize("seconds", [ABSENT, None, 0, 30, 179, "179", 43_201, True])
def test_a_queue_that_hides_messages_too_briefly_fails(seconds: Any) -> None:
    assert len(fails("AG11", mapping(), function(), hidden(seconds))) == 1


def test_the_batch_window_counts() -> None:
    assert fails("AG11", mapping(maximumBatchingWindowInSeconds=1), function(), hidden(180))


def test_what_visibility_depends_on_may_be_unknown_or_elsewhere() -> None:
    assert unchecked("AG11", mapping(), function(timeout=UNKNOWN), hidden(180)) == ["timeout"]
    assert unchecked("AG11", mapping(), function(), hidden(UNKNOWN)) == ["visibilityTimeoutSeconds"]
    assert unchecked("AG11", mapping(), function()) == ["eventSourceArn"]
    assert unchecked("C12", mapping(functionName="other"), hidden(180)) == ["functionName"]
    assert passes("AG11", mapping(functionName="other"), hidden(180))
    assert unchecked("AG11", mapping(eventSourceArn=UNKNOWN)) == ["eventSourceArn"]


def test_functions_of_agents_and_others_are_told_of_by_one_rule_each() -> None:
    others = function(tags=ABSENT)
    assert fails("AG11", mapping(), function(), hidden(179)) == fails("C12", mapping(), others, hidden(179))
    assert passes("C12", mapping(), others, hidden(180))
    assert passes("C12", mapping(), function(), hidden(179))
    assert passes("AG11", mapping(), others, hidden(179))
    assert unchecked("C12", mapping(), function(tags=UNKNOWN), hidden(180)) == ["tags"]


@pytest.mark.parametrize("rule", ["AG11", "AG12", "C12"])
def test_streams_are_not_judged(rule: str) -> None:
    assert passes(rule, mapping(eventSourceArn="arn:aws:kinesis:eu-west-1:1:stream/s", scalingConfig=None))


def test_a_bounded_reader_passes() -> None:
    assert passes("AG12", mapping(), function())
    assert passes("AG12", mapping(), function(reservedConcurrentExecutions=ABSENT))
    assert passes("AG12", mapping(), function(reservedConcurrentExecutions=-1))
    assert passes("AG12", mapping(scalingConfig=[{"maximumConcurrency": 2}]), function())


@pytest.mark.parametrize("kinds", [ABSENT, None, [], ["Other"]])
def test_a_reader_that_returns_whole_batches_fails(kinds: Any) -> None:
    assert len(fails("AG12", mapping(functionResponseTypes=kinds), function())) == 1


@pytest.mark.parametrize("most", [ABSENT, None, 1, 11, "11", True])
def test_an_unbounded_reader_fails(most: Any) -> None:
    bounded = changed({}, maximumConcurrency=most)
    assert len(fails("AG12", mapping(scalingConfig=bounded), function())) == 1
    assert fails("AG12", mapping(scalingConfig=ABSENT), function())


def test_a_function_with_nothing_reserved_fails_and_unknown_bounds_are_not_checked() -> None:
    assert fails("AG12", mapping(), function(reservedConcurrentExecutions=0))
    unknown = function(reservedConcurrentExecutions=UNKNOWN)
    assert unchecked("AG12", mapping(), unknown) == ["reservedConcurrentExecutions"]
    assert unchecked("AG12", mapping(scalingConfig=UNKNOWN), function()) == ["scalingConfig"]


def test_mappings_of_several_queues_share_what_is_reserved() -> None:
    other = resource(mapping().type, "more", changed(MAPPING, scalingConfig={"maximumConcurrency": 3}))
    told = fails("AG12", mapping(scalingConfig={"maximumConcurrency": 8}), other, function())
    assert told == ["11 at once are more than the 10 reserved for reader."] * 2
    assert passes("AG12", mapping(scalingConfig={"maximumConcurrency": 7}), other, function())


STREAM = "arn:aws:kinesis:eu-west-1:123456789012:stream/events"
DESTINATION = {"onFailure": {"destinationArn": "arn:aws:sqs:eu-west-1:123456789012:failed"}}


def test_what_a_queue_cannot_deliver_is_kept_by_it() -> None:
    assert passes("C11", mapping(), queue(), dead())
    assert fails("C11", mapping(), queue(redrivePolicy=ABSENT)) == ["work has no dead-letter queue."]
    assert unchecked("C11", mapping()) == ["eventSourceArn"]
    assert unchecked("C11", mapping(eventSourceArn=UNKNOWN)) == ["eventSourceArn"]


@pytest.mark.parametrize("held", [ABSENT, None, {}, [], {"onFailure": {}}, {"onFailure": None}])
def test_what_a_stream_cannot_deliver_has_a_destination(held: Any) -> None:
    for source in (
        STREAM,
        "arn:aws:dynamodb:eu-west-1:1:table/t/stream/s",
        "arn:aws:kafka:eu-west-1:1:cluster/c",
    ):
        assert passes("C11", mapping(eventSourceArn=source, destinationConfig=DESTINATION))
        assert passes("C11", mapping(eventSourceArn=source, destinationConfig=[DESTINATION]))
        assert len(fails("C11", mapping(eventSourceArn=source, destinationConfig=held))) == 1
    assert passes("C11", mapping(eventSourceArn="arn:aws:mq:eu-west-1:1:broker:b", destinationConfig=held))


@pytest.mark.parametrize("kinds", [ABSENT, None, [], ["Other"], "Other"])
def test_whole_batches_that_return_fail(kinds: Any) -> None:
    given = {"functionResponseTypes": kinds, "destinationConfig": DESTINATION}
    assert fails("C11", mapping(**given), queue(), dead()) == ["one failed message returns the whole batch."]
    assert len(fails("C11", mapping(**given, eventSourceArn=STREAM))) == 1
    assert passes("C11", mapping(**given, eventSourceArn="arn:aws:kafka:eu-west-1:1:cluster/c"))


def test_a_stream_of_this_stack_is_known_by_what_the_mapping_was_made_from() -> None:
    held = {"eventSourceArn": UNKNOWN, "destinationConfig": DESTINATION}
    joined = resource(mapping().type, "reads", held, {"eventSourceArn": ("events",)})
    stream = resource("kinesis/stream:Stream", "events", {"name": "events"})
    assert fails("C11", joined, stream) == ["one failed message returns the whole batch."]
