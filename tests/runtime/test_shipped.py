"""What a pod writes reaches its log group, line by line, and nothing waits for CloudWatch."""

import io
import json
from collections.abc import Callable, Iterator
from threading import Event, Thread
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from agent_runtime.hosts import shipped
from agent_runtime.hosts.shipped import Shipped
from agent_runtime.metrics import sessions_line

GROUP, STREAM = "/agents/answers", "b1/pod-0"
PATIENCE_SECONDS = 30

pytestmark = pytest.mark.filterwarnings("ignore:Failed to:UserWarning")


class Watched:
    """boto3's client, whose calls are noted, and answered by `instead` where that has an answer."""

    def __init__(self, client: Any) -> None:
        self.exceptions = client.exceptions
        self.calls: list[str] = []
        self.instead: Callable[[str], None] = lambda _: None
        self._client = client

    def __getattr__(self, name: str) -> Any:
        def call(**given: Any) -> Any:
            self.calls.append(name)
            self.instead(name)
            return getattr(self._client, name)(**given)

        return call


@pytest.fixture
def logs() -> Iterator[Any]:
    with mock_aws():
        keys: Any = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
        client: Any = boto3.client("logs", region_name="eu-west-1", **keys)
        client.create_log_group(logGroupName=GROUP)
        yield client


@pytest.fixture
def watched(logs: Any) -> Watched:
    return Watched(logs)


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def out(watched: Watched, stream: io.StringIO) -> Iterator[Shipped]:
    made = Shipped(stream, watched, GROUP, STREAM)
    yield made
    made.close()


def arrived(logs: Any) -> list[str]:
    found = logs.get_log_events(logGroupName=GROUP, logStreamName=STREAM, startFromHead=True)
    return [event["message"] for event in found["events"]]


def streams(logs: Any) -> list[str]:
    found = logs.describe_log_streams(logGroupName=GROUP)["logStreams"]
    return [one["logStreamName"] for one in found]


def test_whole_lines_arrive_in_order_and_on_the_stream_as_well(
    out: Shipped, stream: io.StringIO, logs: Any
) -> None:
    for text in ("one\ntw", "o\n", "\n", "100 %s {}\nthree\n"):
        out.write(text)
    print("four", "five", file=out)
    out.close()
    assert arrived(logs) == ["one", "two", "100 %s {}", "three", "four five"]
    assert stream.getvalue() == "one\ntwo\n\n100 %s {}\nthree\nfour five\n"


def test_metrics_arrive_as_they_were_written(out: Shipped, logs: Any) -> None:
    line = sessions_line(agent="answers", bundle_id="b1", sessions=3, now=1_800_000_000.0)
    out.write(line + "\n")
    out.close()
    assert arrived(logs) == [line]
    assert "_aws" in json.loads(line)


def test_lines_are_sent_while_the_pod_goes_on(
    watched: Watched, logs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped, "_SEND_SECONDS", 0.05)
    sent = Event()
    watched.instead = lambda name: sent.set() if name == "put_log_events" and streams(logs) else None
    out = Shipped(io.StringIO(), watched, GROUP, STREAM)
    out.write("one\n")
    assert sent.wait(PATIENCE_SECONDS)
    out.close()
    assert arrived(logs) == ["one"]


def test_nothing_is_asked_but_what_the_role_may(out: Shipped, watched: Watched) -> None:
    out.write("one\n")
    out.close()
    assert watched.calls == ["put_log_events", "create_log_stream", "put_log_events"]


def test_threads_that_print_lose_nothing_and_say_nothing_twice(
    out: Shipped, stream: io.StringIO, logs: Any
) -> None:
    def speak(name: str) -> None:
        for number in range(200):
            out.write(f"{name}-{number}\n")

    threads = [Thread(target=speak, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    out.close()
    assert arrived(logs) == stream.getvalue().splitlines()
    assert len(set(arrived(logs))) == 800


def test_what_is_left_is_sent_at_the_end_and_what_comes_later_is_not(
    out: Shipped, stream: io.StringIO, logs: Any
) -> None:
    out.write("one\nhalf")
    out.close()
    out.close()
    out.write(" a line\ntwo\n")
    assert arrived(logs) == ["one", "half"]
    assert stream.getvalue() == "one\nhalf a line\ntwo\n"


def refusal(name: str) -> None:
    raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, name)


def unreachable(_: str) -> None:
    raise EndpointConnectionError(endpoint_url="https://127.0.0.1:9")


@pytest.mark.parametrize("says", [refusal, unreachable])
def test_a_log_group_that_refuses_costs_its_lines_and_nothing_else(
    out: Shipped, watched: Watched, stream: io.StringIO, says: Callable[[str], None]
) -> None:
    watched.instead = says
    out.write("one\n")
    out.close()
    assert stream.getvalue() == "one\n"
    assert set(watched.calls) == {"put_log_events"}


def test_a_log_group_that_is_not_there_costs_its_lines_and_nothing_else(
    watched: Watched, stream: io.StringIO
) -> None:
    out = Shipped(stream, watched, "/none", STREAM)
    out.write("one\n")
    out.close()
    assert set(watched.calls) == {"put_log_events", "create_log_stream"}
    assert stream.getvalue() == "one\n"


def test_a_stream_that_could_not_be_made_is_asked_for_again(
    out: Shipped, watched: Watched, logs: Any
) -> None:
    def says(name: str) -> None:
        if name == "create_log_stream" and watched.calls.count(name) == 1:
            unreachable(name)

    watched.instead = says
    out.write("one\n")
    out.close()
    assert arrived(logs) == ["one"]


def test_while_cloudwatch_does_not_answer_nobody_waits_and_little_is_kept(
    watched: Watched, stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped, "_SEND_SECONDS", 0.01)
    monkeypatch.setattr(shipped, "_CLOSE_SECONDS", 0.1)
    monkeypatch.setattr(shipped, "_MOST_WAITING", 5)
    asked, answers, answered = Event(), Event(), Event()

    def says(_: str) -> None:
        asked.set()
        assert answers.wait(PATIENCE_SECONDS)
        answered.set()

    watched.instead = says
    out = Shipped(stream, watched, GROUP, STREAM)
    out.write("first\n")
    assert asked.wait(PATIENCE_SECONDS)
    for number in range(20):
        out.write(f"{number}\n")
    (waiting,) = out._handler.queues.values()  # pyright: ignore[reportPrivateUsage]
    assert waiting.qsize() == 5
    with pytest.warns(UserWarning, match="Timed out while delivering logs"):
        out.close()
    assert not answered.is_set()
    assert len(stream.getvalue().splitlines()) == 21
    answers.set()
    for thread in out._handler.threads:  # pyright: ignore[reportPrivateUsage]
        thread.join(PATIENCE_SECONDS)
