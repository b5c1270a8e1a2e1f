"""Tools that act by the caller's own token: it is there while the caller waits, and nowhere afterwards."""

import copy
import io
import json
import logging
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.approvals import Approvals, Decision
from agent_runtime.copies import copy_id
from agent_runtime.errors import StepInDoubt, Suspended, ToolRefused
from agent_runtime.hosts.problems import Problem
from agent_runtime.hosts.requests import call_of, run_request
from agent_runtime.hosts.user_tokens import with_user_token
from agent_runtime.logs import JsonFormatter
from agent_runtime.people import decide
from agent_runtime.records import RunRequest
from agent_runtime.run import Run
from agent_runtime.secrets import SecretValue
from agent_runtime.tool_spec import ToolSpec
from agent_runtime.tools.calling import ToolCall
from agent_runtime.tools.user_tokens import HEADER
from tests import secret_scanner
from tests.runtime.audit_world import Told
from tests.runtime.durable import RUN, Durable, Killed
from tests.runtime.lambdas import Api, Event
from tests.runtime.test_server_host import Pod

TOKEN = "users-own-token-4711"
TOOLS = tuple(
    ToolSpec(name=name, effect=effect, destination="gateway", user_delegated=name != "shared")
    for name, effect in (("look", "read"), ("send", "write"), ("erase", "destructive"), ("shared", "read"))
)


class Gateway:
    """Notes what reaches it, and may die at it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str | None, str]] = []
        """Tool, token and idempotency key."""
        self.dies = 0

    def call(self, call: ToolCall) -> Any:
        token = None if call.user_token is None else call.user_token.reveal()
        self.calls.append((call.spec.name, token, call.idempotency_key))
        if self.dies:
            self.dies -= 1
            raise Killed
        return {"done": call.spec.name}


class World:
    """One run, taken up time and again; `token` says whether its caller waits."""

    def __init__(self, durable: Durable) -> None:
        self.durable, self.gateway, self.trail = durable, Gateway(), Told()
        durable.bundle = durable.make_bundle(tools=TOOLS)
        self.extras: dict[str, Any] = {
            "tools": tuple(spec.name for spec in TOOLS),
            "gateway": self.gateway,
            "audit": self.trail,
        }

    def work(self, agent: Callable[[Run], Any], *, token: bool) -> Any:
        waiting = {"user_token": SecretValue(TOKEN)} if token else {}
        self.durable.extras = {**self.extras, **waiting}
        return self.durable.work(agent)

    def decide(self, path: tuple[int, ...], decision: Decision) -> None:
        decide(self.durable.store, "acme", RUN, path, decision)


@pytest.fixture
def world(durable: Durable) -> World:
    return World(durable)


def calls(tool: str) -> Callable[[Run], Any]:
    return lambda run: run.tool(tool)


@pytest.mark.parametrize("tool", ["look", "send"])
def test_the_callers_token_goes_with_a_call_that_acts_by_it_and_with_no_other(
    world: World, tool: str
) -> None:
    def agent(run: Run) -> Any:
        return {"first": run.tool(tool), "second": run.tool("shared")}

    assert world.work(agent, token=True).error is None
    assert [call[:2] for call in world.gateway.calls] == [(tool, TOKEN), ("shared", None)]


@pytest.mark.parametrize("tool", ["look", "send", "erase"])
def test_without_a_waiting_caller_nothing_is_reached_and_nobody_is_asked(world: World, tool: str) -> None:
    error = world.work(calls(tool), token=False).error
    assert isinstance(error, ToolRefused)
    assert HEADER in str(error)
    assert "call again" in str(error)
    assert world.gateway.calls == []
    assert [entry["outcome"] for entry in world.trail.entries] == ["refused"]


@pytest.mark.parametrize("tool", ["look", "send"])
def test_a_caller_who_calls_again_with_the_token_is_served(world: World, tool: str) -> None:
    assert isinstance(world.work(calls(tool), token=False).error, ToolRefused)
    assert world.work(calls(tool), token=True).output == {"done": tool}
    assert len(world.gateway.calls) == 1


def test_what_was_done_with_the_token_is_replayed_without_it(world: World) -> None:
    def agent(run: Run) -> Any:
        return {"sent": run.tool("send"), "looked": run.tool("look"), "other": run.tool("shared")}

    world.work(agent, token=True)
    assert world.work(agent, token=False).output["sent"] == {"done": "send"}
    assert len(world.gateway.calls) == 3


def test_a_refusal_that_was_caught_is_met_again_with_the_token(world: World) -> None:
    def agent(run: Run) -> Any:
        found = []
        for tool in ("look", "send", "erase", "shared"):
            try:
                found.append(run.tool(tool)["done"])
            except ToolRefused:
                found.append("refused")
        return {"found": found}

    for token in (False, True, False):
        assert world.work(agent, token=token).output == {"found": ["refused"] * 3 + ["shared"]}
    assert [call[0] for call in world.gateway.calls] == ["shared"]


def test_an_approved_call_waits_for_a_caller_who_has_the_token(world: World) -> None:
    assert isinstance(world.work(calls("erase"), token=True).error, Suspended)
    assert isinstance(world.work(calls("erase"), token=False).error, ToolRefused)
    world.decide((1,), Decision("approve", "ann"))
    assert isinstance(world.work(calls("erase"), token=False).error, ToolRefused)
    assert world.gateway.calls == []
    assert world.work(calls("erase"), token=True).output == {"done": "erase"}
    assert [call[:2] for call in world.gateway.calls] == [("erase", TOKEN)]
    assert world.work(calls("erase"), token=False).output == {"done": "erase"}


def test_an_act_whose_worker_died_in_it_is_made_again_with_the_token_and_its_key(world: World) -> None:
    world.gateway.dies = 1
    world.work(calls("send"), token=True)
    assert world.work(calls("send"), token=True).output == {"done": "send"}
    (first, second) = world.gateway.calls
    assert first == second


def test_an_act_whose_worker_died_in_it_is_a_persons_to_settle_where_the_token_is_gone(world: World) -> None:
    world.gateway.dies = 1
    world.work(calls("send"), token=True)
    assert isinstance(world.work(calls("send"), token=False).error, Suspended)
    world.decide((1,), Decision("happened", "ann", {"done": "by hand"}))
    assert world.work(calls("send"), token=False).output == {"done": "by hand"}
    assert len(world.gateway.calls) == 1


def test_an_act_that_a_person_gives_up_is_not_made(world: World) -> None:
    world.gateway.dies = 1
    world.work(calls("send"), token=True)
    world.work(calls("send"), token=False)
    world.decide((1,), Decision("deny", "ann"))
    assert isinstance(world.work(calls("send"), token=False).error, StepInDoubt)
    assert len(world.gateway.calls) == 1


class Written:
    """All that a host wrote, besides the answer."""

    def __init__(self, api: Api) -> None:
        self._api, self.log = api, io.StringIO()
        handler = logging.StreamHandler(self.log)
        handler.setFormatter(JsonFormatter({}))
        logger = logging.getLogger("agent_runtime")
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)

    def places_of_the_token(self, answer: Any) -> list[str]:
        written = [
            ("log", self.log.getvalue().encode()),
            ("metrics", self._api.metrics.getvalue().encode()),
            ("answer", json.dumps(answer).encode()),
        ]
        written += secret_scanner.items(self._api.aws.dynamodb)
        written += secret_scanner.objects(self._api.aws.s3)
        return secret_scanner.places_of(TOKEN, written)


@pytest.fixture
def on_lambda(aws: Any, model: Any, make_bundle: Any) -> Api:
    api = Api(aws, model, make_bundle(tools=TOOLS))
    api.gateway = Gateway()
    return api


def test_on_lambda_the_header_reaches_the_tool_and_is_written_down_nowhere(
    on_lambda: Api, http_event: Event
) -> None:
    written = Written(on_lambda)

    def agent(run: Run) -> dict[str, Any]:
        return {"found": run.tool("look"), "sent": run.tool("send"), "erased": run.tool("erase")}

    on_lambda.agent = agent
    event = http_event(body={"input": {}}, headers={"Agent-User-Token": TOKEN, "Idempotency-Key": "k-1"})
    status, waits, _ = on_lambda(event)
    assert (status, waits["status"]) == (202, "WAITING_APPROVAL"), waits
    assert written.places_of_the_token(waits) == []
    store = on_lambda.aws.store()
    Approvals(store.table).decide(store.heads.pk("acme", waits["run_id"]), (3,), Decision("approve", "ann"))

    without = http_event(body={"input": {}}, headers={"Idempotency-Key": "k-1"})
    assert on_lambda(without)[0] == 500
    status, done, _ = on_lambda(event)
    assert (status, done["output"]["erased"]) == (200, {"done": "erase"}), done
    assert [call[:2] for call in on_lambda.gateway.calls] == [  # type: ignore[union-attr]
        ("look", TOKEN),
        ("send", TOKEN),
        ("erase", TOKEN),
    ]
    assert written.places_of_the_token(done) == []


def test_on_a_pod_the_header_reaches_the_tool_and_no_message_has_it(
    aws: Any, model: Any, make_bundle: Any, http_event: Event
) -> None:
    gateway = Gateway()

    def agent(run: Run) -> dict[str, Any]:
        found = run.tool("look")
        run.sleep("a while", 60)
        return {"found": found}

    pod = Pod(aws, model, make_bundle(tools=TOOLS), http_event, agent, gateway)
    status, body, _ = pod.post({"input": {}}, headers={"Agent-User-Token": TOKEN})
    assert (status, body["status"]) == (202, "SLEEPING"), body
    assert [call[:2] for call in gateway.calls] == [("look", TOKEN)]
    written = [("sent", repr(pod.sent).encode()), ("answer", json.dumps(body).encode())]
    written += [*secret_scanner.items(aws.dynamodb), *secret_scanner.objects(aws.s3)]
    written += secret_scanner.messages(aws.sqs, (aws.queue().url,))
    assert secret_scanner.places_of(TOKEN, written) == []


def test_a_copy_of_a_run_is_answered_from_the_record(on_lambda: Api, http_event: Event) -> None:
    on_lambda.agent = lambda run: {"found": run.tool("look"), "sent": run.tool("send")}
    _, done, _ = on_lambda(http_event(body={"input": {}}, headers={"Agent-User-Token": TOKEN}))
    on_lambda.bundle = on_lambda.bundle.model_copy(update={"max_steps": 9})
    reply = on_lambda.raw({"copy_of": {"tenant": "acme", "run_id": done["run_id"]}})
    assert reply["run_id"] == copy_id(on_lambda.bundle.bundle_id, done["run_id"])
    assert reply["output"] == done["output"]
    assert len(on_lambda.gateway.calls) == 2  # type: ignore[union-attr]


def _asked(header: str) -> RunRequest:
    body = json.dumps({"input": {}}).encode()
    headers = {} if header == "" else {HEADER: header}
    call = call_of("POST", "/runs", headers, body, {}, {"tenant": "acme"})
    return with_user_token(run_request(call, "answers"), call)


def test_a_request_shows_its_token_to_nobody() -> None:
    request = _asked(TOKEN)
    assert request.user_token is not None
    assert TOKEN not in repr(request)
    with pytest.raises(TypeError):
        asdict(request)
    with pytest.raises(TypeError):
        copy.deepcopy(request)
    assert _asked("").user_token is None


@given(st.text(max_size=50))
def test_a_token_is_taken_as_it_is_or_refused_without_being_repeated(text: str) -> None:
    try:
        token = _asked(text).user_token
    except Problem as problem:
        said = json.dumps(problem.document("/runs"))
    else:
        said = ""
        assert (token.reveal() if token else "") == text.strip()
    assert len(text.strip()) < 4 or text.strip() not in said


@pytest.mark.parametrize("text", ["Bearer abc", "a,b", "a\nb", "ä", "x" * 8193])
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(Problem) as raised:
        _asked(text)
    assert raised.value.status == 400
