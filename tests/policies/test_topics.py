"""C15, C16 and C17b to C17d: policies of queues and topics, and dead letters of both."""

import json
from typing import Any

import pytest

from tests.policies.judging import ABSENT, ACCOUNT, UNKNOWN, changed, fails, passes, resource, text, unchecked

TOPIC, QUEUE = f"arn:aws:sns:eu-west-1:{ACCOUNT}:alerts", f"arn:aws:sqs:eu-west-1:{ACCOUNT}:work"
STRANGER = "210987654321"
PUBLISH = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sns:Publish", "Resource": TOPIC}
NO_TLS = {"Bool": {"aws:SecureTransport": "false"}}
OWNERS = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def refusal(action: Any, arn: str, **given: Any) -> str:
    denial = {"Effect": "Deny", "Principal": "*", "Action": action, "Resource": arn, "Condition": NO_TLS}
    return text({**denial, **given})


def topic(**given: Any) -> Any:
    return resource("sns/topic:Topic", "alerts", changed({"arn": TOPIC}, **given))


def topic_policy(policy: Any, arn: Any = TOPIC) -> Any:
    return resource("sns/topicPolicy:TopicPolicy", "own", {"arn": arn, "policy": policy})


@pytest.mark.parametrize("kind", ["sns/topic:Topic", "sns/topicPolicy:TopicPolicy"])
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/a"}},
        {"Principal": {"Service": "budgets.amazonaws.com"}, "Condition": OWNERS},
        {"Principal": {"Service": "events.amazonaws.com"}},
        {"Principal": {"AWS": ACCOUNT}, "Action": "sns:*"},
        {"Principal": "*", "Condition": OWNERS},
        {"Principal": "*", "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:s3:*:{ACCOUNT}:*"}}},
        {"Principal": {"AWS": STRANGER}, "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}},
        {"Effect": "Deny", "Principal": "*"},
    ],
)
def test_a_topic_open_to_its_own_account_passes(kind: str, given: dict[str, Any]) -> None:
    for document in (text({**PUBLISH, **given}), {"Statement": [{**PUBLISH, **given}]}):
        assert passes("C17b", resource(kind, "t", {"arn": TOPIC, "policy": document}))


@pytest.mark.parametrize("kind", ["sns/topic:Topic", "sns/topicPolicy:TopicPolicy"])
@pytest.mark.parametrize(
    "given",
    [
        {"Principal": "*"},
        {"Principal": {"Service": "budgets.amazonaws.com"}},
        {"Principal": {"Service": ["s3.amazonaws.com"]}, "Condition": {"StringEquals": {}}},
        {"Principal": {"Service": "s3.amazonaws.com"}, "Condition": {"ArnLike": {"aws:SourceArn": "*"}}},
        {"Principal": {"Service": "s3.amazonaws.com"}, "Condition": OWNERS, "Action": ["SNS:*"]},
        {"Principal": {"AWS": ["*"]}},
        {"Principal": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}},
        {"Principal": "*", "Condition": {"StringNotEquals": {"aws:SourceAccount": STRANGER}}},
        {"Principal": "*", "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::*"}}},
        {"Principal": "*", "Condition": {"IpAddress": {"aws:SourceIp": ["0.0.0.0/0"]}}},
        {"Principal": "*", "Condition": {"ForAllValues:StringEquals": {"aws:SourceAccount": ACCOUNT}}},
        {"Principal": ABSENT, "NotPrincipal": {"AWS": STRANGER}},
        {"Principal": {"AWS": STRANGER}},
        {"Principal": {"AWS": [ACCOUNT, f"arn:aws:iam::{STRANGER}:root"]}},
        {"Principal": {"AWS": f"arn:aws:sts::{STRANGER}:assumed-role/a/b"}},
    ],
)
def test_a_topic_open_to_strangers_fails(kind: str, given: dict[str, Any]) -> None:
    held = {"arn": TOPIC, "policy": text(changed(PUBLISH, **given))}
    assert len(fails("C17b", resource(kind, "t", held))) == 1


def test_whose_topic_it_is_matters_only_where_another_account_is_named() -> None:
    named = text({**PUBLISH, "Principal": {"AWS": STRANGER}})
    assert unchecked("C17b", topic(arn=UNKNOWN, policy=named)) == ["arn"]
    assert unchecked("C17b", topic(arn=ABSENT, policy=named)) == ["arn"]
    service = text({**PUBLISH, "Principal": {"Service": "sns.amazonaws.com"}})
    assert passes("C17b", topic(arn=UNKNOWN, policy=service))
    assert passes("C17b", topic(policy=None))
    assert unchecked("C17b", topic(policy=UNKNOWN)) == ["policy"]
    assert fails("C17b", topic(policy="{"))


def test_a_topic_that_refuses_plain_http_passes() -> None:
    assert passes("C17c", topic(policy=refusal("sns:Publish", TOPIC)))
    assert passes("C17c", topic(), topic_policy(refusal(["SNS:*"], "*")))
    assert passes("C17c", topic(arn=UNKNOWN, policy=refusal("*", TOPIC)))


@pytest.mark.parametrize(
    "policy",
    [
        ABSENT,
        None,
        "",
        text(PUBLISH),
        refusal("sns:Subscribe", TOPIC),
        refusal("sns:Publish", f"{TOPIC}-2"),
        refusal("sns:Publish", TOPIC, Principal={"AWS": STRANGER}),
        refusal("sns:Publish", TOPIC, Condition={"Bool": {"aws:SecureTransport": "true"}}),
        refusal("sns:Publish", TOPIC, Effect="Allow"),
        "{",
    ],
)
def test_a_topic_that_takes_plain_http_fails(policy: Any) -> None:
    assert len(fails("C17c", topic(policy=policy))) == 1
    assert fails("C17c", topic(), topic_policy(None if policy is ABSENT else policy))
    assert fails("C17c", topic(), topic_policy(refusal("sns:Publish", TOPIC), arn="arn:another"))


def test_an_unknown_policy_of_a_topic_or_a_queue_is_not_checked() -> None:
    assert unchecked("C17c", topic(policy=UNKNOWN)) == ["policy"]
    assert unchecked("C17c", topic(), topic_policy(UNKNOWN)) == ["policy"]
    assert unchecked("C17c", topic(), topic_policy(refusal("sns:Publish", TOPIC), arn=UNKNOWN)) == [""]
    assert unchecked("C15", queue(policy=UNKNOWN)) == ["policy"]


def queue(**given: Any) -> Any:
    valid = {"arn": QUEUE, "url": "https://work", "policy": refusal("sqs:*", QUEUE)}
    return resource("sqs/queue:Queue", "work", changed(valid, **given))


def test_a_queue_that_refuses_plain_http_passes() -> None:
    assert passes("C15", queue())
    own = {"queueUrl": "https://work", "policy": {"Statement": json.loads(refusal("*", "*"))["Statement"]}}
    assert passes("C15", queue(policy=ABSENT), resource("sqs/queuePolicy:QueuePolicy", "own", own))
    each = [refusal(action, QUEUE) for action in ("sqs:SendMessage", "sqs:ReceiveMessage")]
    both = text(*(json.loads(one)["Statement"][0] for one in each))
    assert passes("C15", queue(policy=both))
    assert fails("C15", queue(policy=each[0])), "one of the two does not do"


@pytest.mark.parametrize(
    "policy", [ABSENT, None, "", refusal("sqs:SendMessage", QUEUE), refusal("sqs:*", "arn:x")]
)
def test_a_queue_that_takes_plain_http_fails(policy: Any) -> None:
    assert len(fails("C15", queue(policy=policy))) == 1


DEAD = f"arn:aws:sqs:eu-west-1:{ACCOUNT}:dead"
REDRIVE = {"deadLetterTargetArn": DEAD, "maxReceiveCount": 5}


def dead() -> Any:
    return resource("sqs/queue:Queue", "dead", {"arn": DEAD, "name": "dead"})


@pytest.mark.parametrize("policy", [json.dumps(REDRIVE), REDRIVE])
def test_queues_that_others_send_their_dead_letters_to_need_none(policy: Any) -> None:
    assert passes("C16", queue(redrivePolicy=policy), dead())
    assert passes("C16", queue(redrivePolicy=policy))
    apart = {"queueUrl": "https://work", "redrivePolicy": policy}
    assert passes("C16", queue(), dead(), resource("sqs/redrivePolicy:RedrivePolicy", "r", apart))


@pytest.mark.parametrize("policy", [ABSENT, None, "", {}, {"maxReceiveCount": 5}])
def test_a_queue_without_dead_letters_fails(policy: Any) -> None:
    assert len(fails("C16", queue(redrivePolicy=policy))) == 1
    assert len(fails("C16", queue(redrivePolicy=policy), dead())) == 2, "nobody names the other one either"
    assert passes("C16", queue(redrivePolicy=policy, tags={"agent": "a"})), "AG10 tells of it"


def test_an_unknown_redrive_policy_is_joined_or_not_checked() -> None:
    held = {"arn": QUEUE, "redrivePolicy": UNKNOWN}
    assert passes("C16", resource("sqs/queue:Queue", "work", held, {"redrivePolicy": ("dead",)}), dead())
    assert unchecked("C16", queue(redrivePolicy=UNKNOWN)) == ["redrivePolicy"]


def subscription(policy: Any, made_from: Any = None) -> Any:
    held = changed({"topic": TOPIC, "protocol": "lambda", "endpoint": "arn:f"}, redrivePolicy=policy)
    return resource("sns/topicSubscription:TopicSubscription", "brake", held, made_from)


def test_a_subscription_with_a_dead_letter_queue_passes() -> None:
    for policy in (json.dumps({"deadLetterTargetArn": DEAD}), {"deadLetterTargetArn": DEAD}):
        assert passes("C17d", subscription(policy))
        assert passes("C17d", subscription(policy), dead())
    assert passes("C17d", subscription(UNKNOWN, {"redrivePolicy": ("dead",)}), dead())
    assert unchecked("C17d", subscription(UNKNOWN)) == ["redrivePolicy"]


@pytest.mark.parametrize("policy", [ABSENT, None, "", "{}", {}, {"deadLetterTargetArn": ""}, "[", 7])
def test_a_subscription_without_one_fails(policy: Any) -> None:
    assert len(fails("C17d", subscription(policy))) == 1
