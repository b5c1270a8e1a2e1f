"""Messages to a chat: what they say, when they are tried again, and where they may go."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.hosts.webhook import TRIES, Webhook, WebhookFailed, checked, text_of


class Chat:
    """Answers each post with the next of `answers`, each a status and a Retry-After."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, str]] = []
        self.posts: list[tuple[str, Any]] = []
        chat = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                chat.posts.append((self.path, json.loads(body)))
                status, retry_after = chat.answers.pop(0) if chat.answers else (200, "")
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                if retry_after:
                    self.send_header("Retry-After", retry_after)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/services/T0/B0/token?x=1"


@pytest.fixture
def chat() -> Iterator[Chat]:
    made = Chat()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join(10)
    made.server.server_close()


class Pauses(list[float]):
    pass


def webhook(read: Callable[[], str], pauses: list[float] | None = None) -> Webhook:
    return Webhook(read, clock=lambda: 0.0, sleep=(pauses or []).append, jitter=lambda: 1.0)


def test_a_message_is_posted_as_chats_take_it(chat: Chat) -> None:
    webhook(lambda: chat.url).post("answers: approval-asked")
    assert chat.posts == [("/services/T0/B0/token?x=1", {"text": "answers: approval-asked"})]


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_what_may_pass_is_tried_again_a_few_times_and_waits_as_long_as_it_is_told(
    chat: Chat, status: int
) -> None:
    pauses = Pauses([0.0])
    chat.answers = [(status, "3"), (status, "not a number")]
    webhook(lambda: chat.url, pauses).post("x")
    assert (len(chat.posts), pauses[1:]) == (3, [3.0, 2.0])
    chat.answers = [(status, "9999")] * TRIES
    with pytest.raises(WebhookFailed, match=f"answered {status}") as failed:
        webhook(lambda: chat.url, pauses).post("x")
    assert max(pauses) <= 5.0
    assert "token" not in str(failed.value)


@pytest.mark.parametrize("status", [301, 400, 405])
def test_what_does_not_pass_is_not_tried_again_and_no_redirect_is_followed(chat: Chat, status: int) -> None:
    chat.answers = [(status, "")]
    with pytest.raises(WebhookFailed):
        webhook(lambda: chat.url).post("x")
    assert len(chat.posts) == 1


@pytest.mark.parametrize("status", [403, 404, 410])
def test_an_address_that_was_taken_back_is_read_anew_once(chat: Chat, status: int) -> None:
    reads: list[str] = []

    def read() -> str:
        reads.append(chat.url)
        return chat.url

    chat.answers = [(status, "")]
    webhook(read).post("x")
    assert len(reads) == 2
    chat.answers = [(status, ""), (status, "")]
    with pytest.raises(WebhookFailed):
        webhook(read).post("x")
    assert len(reads) == 4


def test_a_chat_that_cannot_be_reached_is_an_error_without_its_address() -> None:
    with pytest.raises(WebhookFailed, match="answered nothing"):
        webhook(lambda: "http://127.0.0.1:1/token").post("x")


@pytest.mark.parametrize(
    "address", ["http://example.com/x", "ftp://127.0.0.1/x", "", "https://user:p@example.com/x", "https:///x"]
)
def test_only_https_is_posted_to(address: str) -> None:
    with pytest.raises(ValueError, match="is not https") as refused:
        checked(address)
    assert not address or address not in str(refused.value)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"Subject": "a: escalated", "Message": "a: run 1 asks"}, "a: run 1 asks"),
        ({"Subject": "AWS Budgets: x", "Message": "Dear customer"}, "AWS Budgets: x\nDear customer"),
        (
            {"Message": json.dumps({"NewStateValue": "ALARM", "AlarmName": "n", "AlarmDescription": "d"})},
            "n is ALARM: d",
        ),
        (
            {"Message": json.dumps({"NewStateValue": "OK", "OldStateValue": "ALARM", "AlarmName": "n"})},
            "n is OK: ",
        ),
        ({"Message": json.dumps({"NewStateValue": "OK", "OldStateValue": "INSUFFICIENT_DATA"})}, ""),
        ({"Message": json.dumps({"ledger": "a", "percent": 80, "text": "80 % used"})}, "80 % used"),
        ({"Message": "<!channel> & <http://x|y>"}, "&lt;!channel&gt; &amp; &lt;http://x|y&gt;"),
        ({}, ""),
    ],
)
def test_people_read_a_line_and_not_an_alarms_json(message: dict[str, str], text: str) -> None:
    assert text_of(message) == text


@given(st.text(), st.one_of(st.text(), st.recursive(st.none(), st.lists).map(json.dumps)))
def test_any_message_becomes_a_text_that_is_bounded_and_calls_nobody(subject: str, body: str) -> None:
    text = text_of({"Subject": subject, "Message": body})
    assert len(text) <= 3000
    assert "<" not in text
