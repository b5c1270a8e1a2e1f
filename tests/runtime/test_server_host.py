"""`POST /runs` of the server host: as on the other hosts, and where it is a host of its own."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import Future
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from agent_runtime.control import ControlReader
from agent_runtime.errors import CapReached
from agent_runtime.hosts.activity import Activity
from agent_runtime.hosts.answering import Answering, is_free
from agent_runtime.hosts.forwarding import FORWARDED
from agent_runtime.hosts.http import respond
from agent_runtime.hosts.job import JobDone
from agent_runtime.hosts.protection import TaskProtection
from agent_runtime.hosts.queue import RunMessage
from agent_runtime.hosts.requests import MAX_REQUEST_BYTES
from agent_runtime.hosts.routing import Here
from agent_runtime.hosts.server import ServerHost
from agent_runtime.hosts.worker import Limits, NoRoom, Worker
from agent_runtime.ids import run_id_for_key
from agent_runtime.metrics import sessions_line
from agent_runtime.records import RunStatus
from agent_runtime.standing import Standing
from tests.runtime.lambdas import Api, answer
from tests.runtime.pretended import CONTROL

QUESTION = {"input": {"question": "why?"}}
Event = Callable[..., dict[str, Any]]


class Session:
    """A session that is in a turn of another pod."""

    def __init__(self, address: str, bundle_id: str) -> None:
        self.address, self.bundle_id = address, bundle_id
        self.owner, self.lease_expires_at = "another", 2**62

    def find(self, tenant: str, session: str) -> "Session":
        return self


class Pod:
    """A server host in this process, whose worker reads no queue."""

    def __init__(
        self, aws: Any, model: Any, bundle: Any, event: Event, agent: Any = answer, gateway: Any = None
    ) -> None:
        self.aws, self._event = aws, event
        self.sent: list[RunMessage] = []
        self.activity = Activity(300, aws.clock)
        self.is_stopping = False
        self.seconds = 10.0
        self.sessions: Any = None
        self.seats = 4
        self.check_room: Callable[[str, str | None], None] = lambda *_: None
        store = aws.store()
        self.standing = Standing(ControlReader(aws.dynamodb, CONTROL, "answers"), bundle.bundle_id)
        self.bundle_id = bundle.bundle_id
        self.worker: Any = Worker(
            aws.queue(),
            store,
            aws.runner(agent, model, bundle, store, gateway=gateway),
            aws.brake(),
            bundle_id=bundle.bundle_id,
            limits=Limits(turn_slots=4, tenant_turns=2),
            standing=self.standing,
            protection=TaskProtection({}),
            measure=lambda *_: None,
        )

    def host(self) -> ServerHost:
        return ServerHost(
            Answering(
                self.aws.store(),
                self.worker,
                self.sent.append,
                self.aws.brake().reason,
                self.bundle_id,
                self.seconds,
                self.activity,
                self.check_room,
            ),
            Here(self.bundle_id, "pod-1"),
            self.standing,
            self.sessions,
            seats=self.seats,
            is_stopping=lambda: self.is_stopping,
            send=self.sent.append,
        )

    def post(self, body: Any, **more: Any) -> tuple[int, dict[str, Any], dict[str, str]]:
        reply = respond(self._event(body=body, **more), self.host().routes, None)
        return reply["statusCode"], json.loads(reply["body"]), reply["headers"]


@pytest.fixture
def pod(aws: Any, model: Any, make_bundle: Any, http_event: Event) -> Pod:
    return Pod(aws, model, make_bundle(), http_event)


def test_a_tenant_that_has_nothing_left_to_spend_is_refused_and_nothing_is_written(pod: Pod) -> None:
    def check_room(_tenant: str, _parent: str | None) -> None:
        raise CapReached("tenant", "hour", 1, 1, 0, retry_after_seconds=9)

    pod.check_room = check_room
    before = len(pod.aws.items())
    status, problem, headers = pod.post(QUESTION)
    assert (status, problem["type"]) == (429, "urn:agent-hosting:problem:cap-reached")
    assert headers["retry-after"] == "9"
    assert len(pod.aws.items()) == before


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (QUESTION, {}),
        (QUESTION | {"session": "s-1"}, {"Idempotency-Key": "k-1"}),
        ("no json", {}),
        ([], {}),
        ({}, {}),
        ({"input": None}, {}),
        ('{"input": NaN}', {}),
        (QUESTION | {"tenant": "evil"}, {}),
        (QUESTION | {"session": ""}, {}),
        (QUESTION, {"Idempotency-Key": "x" * 256}),
        (QUESTION, {"Agent-User-Token": "Bearer abc"}),
        ({"input": "x" * MAX_REQUEST_BYTES}, {}),
    ],
)
def test_the_same_calls_get_the_same_answers_as_on_lambda(
    pod: Pod, api: Api, http_event: Event, body: Any, headers: dict[str, str]
) -> None:
    on_lambda = api(http_event(body=body, headers=headers, claims={"tenant": "globex"}))
    here = pod.post(body, headers=headers)
    without_ids = [
        (status, {k: v for k, v in document.items() if k != "run_id"}, found)
        for status, document, found in (on_lambda, here)
    ]
    assert without_ids[0] == without_ids[1]


def test_a_braked_agent_answers_as_on_lambda(pod: Pod, api: Api, http_event: Event, aws: Any) -> None:
    item = {"agent": {"S": "answers"}, "item": {"S": "brake"}, "schema_version": {"N": "1"}}
    aws.dynamodb.put_item(
        TableName=CONTROL, Item=item | {"engaged": {"BOOL": True}, "reason": {"S": "spent"}}
    )
    on_lambda, here = api(http_event(body=QUESTION)), pod.post(QUESTION)
    assert here[0] == on_lambda[0] == 429
    assert here[1]["reason"] == on_lambda[1]["reason"] == "spent"
    assert aws.items() == []


class Crowded:
    """A worker whose last place was taken between the question and the turn."""

    def has_room(self, tenant: str) -> bool:
        return True

    def has_turn(self, tenant: str, run_id: str) -> bool:
        return False

    def turn(self, message: RunMessage, user_token: Any = None) -> Future[JobDone]:
        raise NoRoom


def test_a_run_that_was_accepted_and_found_no_place_goes_to_the_queue(pod: Pod) -> None:
    pod.worker = Crowded()
    status, body, _ = pod.post(QUESTION)
    assert (status, body["status"], body["location"]) == (202, "QUEUED", f"/runs/{body['run_id']}")
    assert [message.run_id for message in pod.sent] == [body["run_id"]]
    assert pod.activity.count() == 0


def test_a_process_that_stops_accepts_nothing(pod: Pod) -> None:
    pod.is_stopping = True
    status, problem, headers = pod.post(QUESTION)
    assert (status, headers["retry-after"]) == (503, "1")
    assert problem["type"].endswith(":stopping")
    assert pod.aws.items() == []


def test_no_more_callers_wait_than_there_are_seats(pod: Pod) -> None:
    pod.seats = 0
    host = pod.host()
    reply = respond(pod._event(body=QUESTION), host.routes, None)
    assert (reply["statusCode"], reply["headers"]["retry-after"]) == (503, "2")


def test_a_session_counts_for_five_minutes_after_its_turn_and_a_lone_run_not(pod: Pod) -> None:
    assert pod.post(QUESTION | {"session": "s-1"})[0] == 200
    assert pod.post(QUESTION | {"session": "s-1"})[0] == 200
    assert pod.post(QUESTION)[0] == 200
    assert pod.activity.count() == 1
    pod.aws.clock.now += 299
    assert pod.activity.count() == 1
    pod.aws.clock.now += 1
    assert pod.activity.count() == 0


def test_what_is_under_way_is_active_however_long_it_takes() -> None:
    now = [0.0]
    activity = Activity(300, lambda: now[0])
    activity.begin("a")
    activity.begin("a")
    now[0] = 10_000
    activity.end("a", is_session=False)
    assert activity.count() == 1
    activity.end("a", is_session=False)
    assert activity.count() == 0


def test_the_count_is_told_until_the_process_stops() -> None:
    activity, told, waits = Activity(300), list[int](), [False, False, True]
    is_over = threading.Event()
    activity.begin("a")

    def until(seconds: float) -> bool:
        assert seconds == 60
        if waits[0]:
            is_over.set()
        return waits.pop(0)

    activity.tell_each_minute(told.append, until)
    assert is_over.wait(5)
    assert told == [1, 1]


def test_active_sessions_are_a_metric_of_the_release_alone() -> None:
    line = json.loads(sessions_line(agent="answers", bundle_id="b1", sessions=3, now=1.5))
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [["agent", "bundle"]]
    assert directive["Metrics"] == [{"Name": "ActiveSessions", "Unit": "Count"}]
    assert (line["agent"], line["bundle"], line["ActiveSessions"]) == ("answers", "b1", 3)


@pytest.mark.parametrize(
    ("head", "is_in_hand", "begins"),
    [
        ({"status": "QUEUED", "takes": 0}, False, True),
        ({"status": "QUEUED", "takes": 1}, False, False),
        ({"status": "RUNNING", "takes": 1}, True, False),
        ({"status": "RUNNING", "takes": 1}, False, True),
        ({"status": "PARKED", "takes": 0}, False, False),
        ({"status": "SLEEPING", "takes": 0}, False, False),
        ({"status": "WAITING_APPROVAL", "takes": 0}, False, False),
        ({"status": "DONE", "takes": 1}, False, False),
    ],
)
def test_a_run_that_is_asked_for_again_begins_only_where_nobody_has_it_or_will(
    head: dict[str, Any], is_in_hand: bool, begins: bool
) -> None:
    assert is_free(head, is_in_hand=is_in_hand) is begins


class Other:
    """Another pod, which does with a call what the test says."""

    def __init__(self, does: Callable[[BaseHTTPRequestHandler], None]) -> None:
        seen = self.seen = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                seen.append({name.lower(): value for name, value in self.headers.items()})
                does(self)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()


@pytest.fixture
def other(request: pytest.FixtureRequest) -> Callable[..., Other]:
    def start(does: Callable[[BaseHTTPRequestHandler], None]) -> Other:
        made = Other(does)

        def close() -> None:
            made.server.shutdown()
            made.thread.join(5)
            made.server.server_close()

        request.addfinalizer(close)
        return made

    return start


def reply(handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


IN_SESSION = QUESTION | {"session": "s-1"}


def test_a_call_is_handed_on_with_its_callers_token_and_its_key(pod: Pod, other: Any) -> None:
    served = other(lambda handler: reply(handler, 200, b'{"run_id": "r", "status": "DONE"}'))
    pod.sessions = Session(served.url, pod.bundle_id)
    headers = {"Authorization": "Bearer abc", "Idempotency-Key": "k-1", "Cookie": "c", "Traceparent": "t"}
    headers["Agent-User-Token"] = "users-own"
    status, body, _ = pod.post(IN_SESSION, headers=headers)
    assert (status, body) == (200, {"run_id": "r", "status": "DONE"})
    (seen,) = served.seen
    assert seen["authorization"] == "Bearer abc"
    assert (seen["idempotency-key"], seen[FORWARDED], seen["traceparent"]) == ("k-1", "1", "t")
    assert seen["agent-user-token"] == "users-own"
    assert "cookie" not in seen
    assert pod.aws.items() == []


def test_a_redirect_is_not_followed_with_the_callers_token(pod: Pod, other: Any) -> None:
    thief = other(lambda handler: reply(handler, 200, b"{}"))
    served = other(lambda handler: reply(handler, 307, b"", location=f"{thief.url}/runs"))
    pod.sessions = Session(served.url, pod.bundle_id)
    assert pod.post(IN_SESSION, headers={"Authorization": "Bearer abc"})[0] == 503
    assert thief.seen == []


def test_an_answer_that_was_lost_is_looked_up_by_the_key_that_went_with_the_call(
    pod: Pod, other: Any
) -> None:
    def takes_it_and_dies(handler: BaseHTTPRequestHandler) -> None:
        run_id = run_id_for_key("answers", "acme", str(handler.headers["idempotency-key"]))
        pod.aws.store().submit(run_id=run_id, tenant="acme", input={}, bundle_id=pod.bundle_id)
        handler.close_connection = True

    served = other(takes_it_and_dies)
    pod.sessions = Session(served.url, pod.bundle_id)
    status, body, _ = pod.post(IN_SESSION)
    assert (status, body["status"]) == (202, "QUEUED")
    key = served.seen[0]["idempotency-key"]
    assert body["run_id"] == run_id_for_key("answers", "acme", key)


def test_a_pod_that_takes_a_call_and_writes_nothing_leaves_it_to_the_caller_to_ask_again(
    pod: Pod, other: Any
) -> None:
    served = other(lambda handler: setattr(handler, "close_connection", True))
    pod.sessions = Session(served.url, pod.bundle_id)
    status, problem, headers = pod.post(IN_SESSION)
    assert (status, headers["retry-after"]) == (503, "1")
    assert problem["type"].endswith(":answer-lost")
    assert pod.aws.items() == []


def test_a_pod_that_does_not_answer_is_waited_for_no_longer_than_a_turn(
    pod: Pod, other: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_runtime.hosts.server._FORWARD_MARGIN_SECONDS", 0.2)
    pod.seconds = 0.2
    is_over = threading.Event()
    served = other(lambda _: is_over.wait(60))
    pod.sessions = Session(served.url, pod.bundle_id)
    assert pod.post(IN_SESSION)[0] == 503  # the other one still waits
    is_over.set()


def test_a_pod_that_is_gone_leaves_the_turn_to_whoever_is_asked(pod: Pod) -> None:
    pod.sessions = Session("http://127.0.0.1:9", pod.bundle_id)
    status, body, _ = pod.post(IN_SESSION)
    assert (status, body["status"]) == (200, RunStatus.DONE)
