"""Tiers that lie on servers of their own, over real HTTP."""

from collections.abc import Callable
from typing import Any

import pytest

from agent_runtime.bundle import ModelSpec
from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.errors import SettingsError
from agent_runtime.guards.circuits import Circuits
from agent_runtime.hosts.providers import Address, models_of
from agent_runtime.model_prices import ModelPrice, repriced
from agent_runtime.models.client import ModelClient, ModelReply
from agent_runtime.retries import Retries
from agent_runtime.settings import Settings
from tests.runtime.durable import Durable
from tests.runtime.pretended import TABLE
from tests.runtime.test_models import GOOD, StubModel
from tests.runtime.test_settings import ENVIRONMENT

MODEL = {
    "provider": "openai",
    "name": "same-v1",
    "input_usd_per_million_tokens": 2,
    "output_usd_per_million_tokens": 8,
}
MODELS = {"here": {**MODEL, "fallback": ("elsewhere",)}, "elsewhere": MODEL}


@pytest.fixture
def models(durable: Durable) -> Callable[..., ModelClient]:
    def make(addresses: dict[str, Address], **more: Any) -> ModelClient:
        bundle = durable.make_bundle(models=MODELS, model=MODELS["here"], routing=({"tier": "here"},))
        aws = durable.aws
        table = CheckpointTable(aws.dynamodb, TABLE)
        circuits = Circuits(table, "answers", clock=aws.clock, monotonic=aws.clock)
        return models_of(bundle, addresses.__getitem__, aws.secrets(), 20, circuits, **more)

    return make


def ask(models: ModelClient) -> ModelReply:
    return models.call(
        system="",
        messages=[{"role": "user", "content": "why?"}],
        max_output_tokens=None,
        run_id="r",
        remaining_seconds=lambda: 20.0,
        retries=Retries(sleep=lambda _: None),
    )


def test_each_tier_is_called_at_its_own_server(
    models: Callable[..., ModelClient], serve: Callable[[Any], str]
) -> None:
    down, other = StubModel((503, {})), StubModel((200, GOOD))
    client = models({"here": Address(serve(down)), "elsewhere": Address(serve(other), is_own=True)})
    assert (ask(client).tier, len(down.bodies), len(other.bodies)) == ("elsewhere", 2, 1)


def test_a_server_that_is_down_opens_no_circuit_of_the_same_model_elsewhere(
    models: Callable[..., ModelClient], serve: Callable[[Any], str]
) -> None:
    down, other = StubModel((503, {})), StubModel((200, GOOD))
    client = models({"here": Address(serve(down)), "elsewhere": Address(serve(other), is_own=True)})
    replies = [ask(client) for _ in range(5)]
    assert {reply.tier for reply in replies} == {"elsewhere"}
    assert len(down.bodies) == 5, "its circuit is open, and nobody asks it any more"


def test_a_call_costs_what_the_environment_says_whatever_the_bundle_does(
    models: Callable[..., ModelClient], serve: Callable[[Any], str]
) -> None:
    address = Address(serve(StubModel((200, GOOD))))
    addresses = {"here": address, "elsewhere": address}
    price = ModelPrice(input_usd_per_million_tokens=1, output_usd_per_million_tokens=4)
    assert ask(models(addresses)).cost_usd == pytest.approx(0.006)
    assert ask(models(addresses, prices={"same-v1": price})).cost_usd == pytest.approx(0.003)
    assert ask(models(addresses, prices={"other-v1": price})).cost_usd == pytest.approx(0.006)


def test_no_price_of_the_bundle_is_left_beside_one_of_the_environment() -> None:
    spec = ModelSpec.model_validate({**MODEL, "cache": True, "cache_read_usd_per_million_tokens": 0.2})
    price = ModelPrice(input_usd_per_million_tokens=1, output_usd_per_million_tokens=4)
    assert repriced(spec, {"same-v1": price}).cache_read_usd_per_million_tokens is None


def test_the_environment_names_a_server_for_a_tier() -> None:
    variable = {"AGENT_MODEL_ENDPOINTS": '{"large": "https://other.example/v1/"}'}
    assert Settings.from_environment(ENVIRONMENT | variable).model_endpoints == {
        "large": "https://other.example/v1"
    }


@pytest.mark.parametrize("value", ['{"large": "http://other.example/v1"}', '["a"]', "{"])
def test_a_wrong_server_is_told(value: str) -> None:
    with pytest.raises(SettingsError, match="AGENT_MODEL_ENDPOINTS"):
        Settings.from_environment({**ENVIRONMENT, "AGENT_MODEL_ENDPOINTS": value})
