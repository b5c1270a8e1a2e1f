"""Messages, and the queue that carries them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.errors import MessageUnreadable
from agent_runtime.hosts.queue import RunMessage, group_of, senders
from tests.runtime.faulty import FaultyClient

MESSAGE = RunMessage("answers", "0" * 32, "acme", "b1")


@given(*[st.text(min_size=1)] * 4)
def test_a_message_is_read_as_it_was_written(agent: str, run_id: str, tenant: str, bundle_id: str) -> None:
    message = RunMessage(agent, run_id, tenant, bundle_id)
    assert RunMessage.read(message.body()) == message


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("null", "no message of schema version 1"),
        ("[]", "no message of schema version 1"),
        ("{}", "no message of schema version 1"),
        (json.dumps(json.loads(MESSAGE.body()) | {"schema_version": 2}), "no message of schema version 1"),
        (json.dumps(json.loads(MESSAGE.body()) | {"tenant": ""}), "needs the texts"),
        (json.dumps(json.loads(MESSAGE.body()) | {"run_id": 7}), "needs the texts"),
        (json.dumps({"schema_version": 1, "agent": "answers"}), "needs the texts"),
    ],
)
def test_a_message_that_names_no_run_says_what_is_wrong_with_it(body: str, said: str) -> None:
    with pytest.raises(MessageUnreadable, match=said):
        RunMessage.read(body)


@given(
    body=st.one_of(st.text(), st.recursive(st.none() | st.booleans() | st.text(), st.lists).map(json.dumps))
)
def test_no_text_is_anything_but_read_or_unreadable(body: str) -> None:
    with pytest.raises(MessageUnreadable):
        RunMessage.read(body)


def test_a_message_comes_with_its_group_time_and_count(aws: Any) -> None:
    queue = aws.queue()
    queue.send(MESSAGE)
    first = queue.receive(10, 0, 0)[0]
    again = queue.receive(10, 0, 60)[0]
    assert RunMessage.read(first.body) == MESSAGE
    assert (first.receive_count, again.receive_count) == (1, 2)
    assert (first.group, first.message_id) == ("acme", again.message_id)
    assert first.sent_at == again.sent_at > 0
    assert queue.receive(10, 0, 60) == []


@pytest.mark.parametrize(("count", "calls"), [(0, 0), (1, 1), (10, 1), (11, 2), (25, 3)])
def test_ten_messages_are_deleted_or_hidden_in_a_call(aws: Any, count: int, calls: int) -> None:
    client = FaultyClient(aws.sqs)
    queue = aws.queue(client)
    for _ in range(count):
        queue.send(MESSAGE)
    found: list[str] = []
    while some := queue.receive(10, 0, 60):
        found += [received.receipt_handle for received in some]
    client.calls.clear()
    queue.hide(found, 60)
    queue.delete(found)
    expected = {"change_message_visibility_batch": calls, "delete_message_batch": calls}
    assert client.calls == {name: n for name, n in expected.items() if n}
    queue.hide(found[:1], 0)
    assert queue.receive(10, 0, 0) == []


def test_a_hidden_message_comes_back_when_it_is_shown(aws: Any) -> None:
    queue = aws.queue()
    queue.send(MESSAGE)
    (received,) = queue.receive(1, 0, 60)
    queue.hide([received.receipt_handle], 0)
    assert queue.receive(1, 0, 60)[0].message_id == received.message_id


def test_a_buried_message_is_in_the_dead_letter_queue_with_its_reason(aws: Any) -> None:
    client = FaultyClient(aws.sqs)
    queue = aws.queue(client)
    for reason in ("because " + "x" * 600, ""):
        queue.send(MESSAGE)
        queue.bury(queue.receive(1, 0, 60)[0], reason)
    assert queue.receive(10, 0, 0) == []
    assert client.calls["get_queue_attributes"] == 1  # where it lies is asked once
    url = aws.queue(name="runs-dead").url
    found: list[Any] = []
    for _ in range(2):
        reply = aws.sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"], MaxNumberOfMessages=10)
        found += reply.get("Messages", [])
    reasons = [message["MessageAttributes"]["Reason"]["StringValue"] for message in found]
    assert sorted(map(len, reasons)) == [len("unknown"), 500]
    assert [message["Body"] for message in found] == [MESSAGE.body()] * 2


def test_a_message_goes_to_the_queue_of_its_bundle(aws: Any) -> None:
    urls = {"b1": aws.queue().url, "b2": aws.queue(name="runs-dead").url}
    send = senders(aws.sqs, urls)
    send(MESSAGE)
    assert [RunMessage.read(received.body) for received in aws.queue().receive(10, 0, 0)] == [MESSAGE]
    assert aws.queue(name="runs-dead").receive(10, 0, 0) == []


@given(tenant=st.text(min_size=1, max_size=128))
def test_every_tenant_has_a_group_that_sqs_takes(tenant: str) -> None:
    group = group_of(tenant)
    assert 1 <= len(group) <= 128
    assert all("!" <= letter <= "~" for letter in group)


def test_a_tenant_with_a_plain_name_is_its_own_group() -> None:
    assert group_of("acme-1@example.com") == "acme-1@example.com"
    assert group_of("acme inc") == b"acme inc".hex()
    assert group_of("Ü" * 3) != group_of("Ö" * 3)
