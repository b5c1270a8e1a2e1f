"""Model servers that are down, slow, throttled or talk nonsense, over HTTP: what a run does then."""

import json
from collections.abc import Callable, Iterator
from email.utils import formatdate
from threading import Event
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from botocore.stub import Stubber

from agent_runtime.bundle import ModelSpec
from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.errors import CircuitOpen, ModelUnavailable
from agent_runtime.guards.circuits import Circuits
from agent_runtime.hosts.endings import ending
from agent_runtime.model_routing import RoutingRule
from agent_runtime.models.bedrock import BedrockProvider
from agent_runtime.models.client import ModelClient, ModelReply
from agent_runtime.models.openai import OpenAiProvider
from agent_runtime.models.tier import Tier
from agent_runtime.records import RunStatus
from agent_runtime.retries import Retries
from tests.runtime.pretended import TABLE, Aws

ASK: Any = [{"role": "user", "content": "why?"}]
GOOD = {
    "choices": [{"message": {"content": "because"}}],
    "usage": {
        "prompt_tokens": 1000,
        "completion_tokens": 10,
        "prompt_tokens_details": {"cached_tokens": 900},
    },
}


class Server:
    """Does what `mode` says, a pair of a status and headers among it, and counts its calls."""

    def __init__(self) -> None:
        self.mode: Any = "ok"
        self.calls = 0
        self.is_over = Event()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.calls += 1
        environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        if self.mode == "hang":
            self.is_over.wait(30)
        status, headers = self.mode if isinstance(self.mode, tuple) else ("200 OK", {})
        body = b"<html>" if self.mode == "garbage" else json.dumps(GOOD).encode()
        start_response(status, [("Content-Length", str(len(body))), *headers.items()])
        return [body]


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.is_over.set()


class Caller:
    """A process of the agent: two tiers, the first on `server`, the second on one that works."""

    def __init__(self, aws: Aws, serve: Callable[[Any], str], server: Server, *, falls_back: bool) -> None:
        self.aws, self.pauses = aws, list[float]()
        self.second = Server()
        tiers = [
            _tier("first", serve(server), aws, ("second",) if falls_back else ()),
            _tier("second", serve(self.second), aws, ()),
        ]
        self.models = ModelClient(
            tiers[0].spec,
            tiers[0].provider,
            tiers=tiers,
            routing=[RoutingRule(tier="first")],
            circuits=Circuits(
                CheckpointTable(aws.dynamodb, TABLE), "answers", clock=aws.clock, monotonic=aws.clock
            ),
        )

    def ask(self) -> ModelReply:
        return self.models.call(
            system="",
            messages=ASK,
            max_output_tokens=None,
            run_id="r",
            remaining_seconds=lambda: float("inf"),
            retries=Retries(sleep=self.pauses.append),
        )


def _tier(name: str, url: str, aws: Aws, fallback: tuple[str, ...]) -> Tier:
    spec = ModelSpec(
        provider="openai",
        name=f"{name}-v1",
        input_usd_per_million_tokens=10,
        output_usd_per_million_tokens=10,
        cache_read_usd_per_million_tokens=1,
        fallback=fallback,
        timeout_seconds=0.3 if name == "first" else None,
    )
    return Tier(name, spec, OpenAiProvider(url, aws.secrets(), clock=aws.clock))


@pytest.fixture
def caller(aws: Aws, serve: Callable[[Any], str], server: Server) -> Callable[..., Caller]:
    return lambda falls_back=False: Caller(aws, serve, server, falls_back=falls_back)


@pytest.mark.parametrize("mode", ["hang", "garbage", ("500 X", {}), ("529 X", {}), ("429 X", {})], ids=str)
def test_a_model_that_is_down_is_replaced_then_left_alone_then_found_back(
    aws: Aws, caller: Any, server: Server, mode: Any
) -> None:
    server.mode, calling = mode, caller(falls_back=True)
    for _ in range(4):
        reply = calling.ask()
        assert (reply.tier, reply.unavailable) == ("second", "first")
    assert server.calls == 5, "its circuit is open from then on, and costs nothing"
    server.mode = "ok"
    aws.clock.now += 31
    assert calling.ask().tier == "first"


@pytest.mark.parametrize("mode", ["garbage", ("500 X", {})], ids=str)
def test_without_a_fallback_the_run_waits_and_is_not_dead(
    aws: Aws, caller: Any, server: Server, mode: Any
) -> None:
    server.mode, calling = mode, caller()
    for kind in (ModelUnavailable, CircuitOpen, CircuitOpen):
        with pytest.raises(kind) as error:
            calling.ask()
        end = ending(error.value, takes=99, max_receives=3, now=aws.clock.now, jitter=lambda: 0.5)
        assert end.status is RunStatus.PARKED
        assert (end.resend_after or 0) > 0
    assert server.calls == 5


def test_a_pause_that_is_asked_for_as_a_date_is_kept(aws: Aws, caller: Any, server: Server) -> None:
    calling = caller()
    until = formatdate(aws.clock.now + 20, usegmt=True)
    server.mode = ("429 X", {"Retry-After": until, "Date": formatdate(aws.clock.now, usegmt=True)})
    with pytest.raises(ModelUnavailable) as error:
        calling.ask()
    assert calling.pauses == [20.0] * 3
    assert error.value.retry_after_seconds == 20


def test_a_long_pause_parks_the_run_for_that_time_and_everybody_keeps_it(
    aws: Aws, caller: Any, server: Server
) -> None:
    server.mode, calling = ("429 X", {"Retry-After": "120"}), caller()
    with pytest.raises(ModelUnavailable) as error:
        calling.ask()
    assert (calling.pauses, server.calls) == ([], 1)
    end = ending(error.value, takes=1, max_receives=3, now=aws.clock.now, jitter=lambda: 0.0)
    assert end.resend_after == 120
    with pytest.raises(CircuitOpen):
        caller().ask()
    assert server.calls == 1


def test_what_was_read_from_the_cache_costs_its_own_price(caller: Any) -> None:
    reply = caller().ask()
    assert reply.cache_read_tokens == 900
    assert reply.cost_usd == pytest.approx((100 * 10 + 900 * 1 + 10 * 10) / 1e6)


BEDROCK = ModelSpec(
    provider="bedrock",
    name="maker.model-v1:0",
    input_usd_per_million_tokens=10,
    output_usd_per_million_tokens=10,
    cache=True,
)
TALK: Any = [
    {"role": "user", "content": "one"},
    {"role": "assistant", "content": "two"},
    {"role": "user", "content": "three"},
]


def bedrock(stub: Callable[[Stubber], None], messages: Any = TALK) -> ModelReply:
    import boto3

    client = boto3.session.Session("k", "s", region_name="us-east-1").client("bedrock-runtime")
    with Stubber(client) as stubber:
        stub(stubber)
        return ModelClient(BEDROCK, BedrockProvider(client)).call(
            system="Be brief.",
            messages=messages,
            max_output_tokens=None,
            run_id="r",
            remaining_seconds=lambda: 5.0,
            retries=Retries(budget=0),
        )


def test_bedrock_is_told_where_the_prompts_beginning_ends_and_its_cache_is_counted() -> None:
    mark = {"cachePoint": {"type": "default"}}
    expected = {
        "modelId": BEDROCK.name,
        "inferenceConfig": {"maxTokens": 1024},
        "system": [{"text": "Be brief."}, mark],
        "messages": [
            {"role": "user", "content": [{"text": "one"}]},
            {"role": "assistant", "content": [{"text": "two"}, mark]},
            {"role": "user", "content": [{"text": "three"}]},
        ],
    }
    usage = {"inputTokens": 10, "outputTokens": 5, "totalTokens": 115}
    answer = {
        "output": {"message": {"role": "assistant", "content": [{"text": "four"}]}},
        "stopReason": "end_turn",
        "usage": {**usage, "cacheReadInputTokens": 80, "cacheWriteInputTokens": 20},
        "metrics": {"latencyMs": 1},
    }
    reply = bedrock(lambda stub: stub.add_response("converse", answer, expected))
    assert (reply.input_tokens, reply.cache_read_tokens, reply.cache_write_tokens) == (110, 80, 20)
    assert reply.cost_usd == pytest.approx((10 * 10 + 80 * 10 + 20 * 12.5 + 5 * 10) / 1e6)


def test_bedrocks_own_pause_is_kept() -> None:
    def throttled(stub: Stubber) -> None:
        stub.add_client_error(
            "converse",
            "ThrottlingException",
            http_status_code=429,
            response_meta={"HTTPHeaders": {"retry-after": "45"}},
        )

    with pytest.raises(ModelUnavailable, match="ThrottlingException") as error:
        bedrock(throttled)
    assert error.value.retry_after_seconds == 45


@pytest.mark.parametrize(
    ("error", "costs"),
    [(ReadTimeoutError(endpoint_url="x"), True), (ConnectTimeoutError(endpoint_url="x"), False)],
)
def test_a_call_that_never_reached_bedrock_costs_nothing(error: Exception, costs: bool) -> None:
    class Failing:
        def converse(self, **_: Any) -> Any:
            raise error

    with pytest.raises(ModelUnavailable) as raised:
        ModelClient(BEDROCK, BedrockProvider(Failing())).call(
            system="",
            messages=ASK,
            max_output_tokens=None,
            run_id="r",
            remaining_seconds=lambda: 5.0,
            retries=Retries(budget=0),
        )
    assert raised.value.may_have_cost is costs
