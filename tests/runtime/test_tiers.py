"""Which tier a run's calls go to, what is asked where one is down, and what that is counted as."""

from collections.abc import Callable
from typing import Any

import pytest

from agent_runtime.bundle import ModelSpec
from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.errors import (
    CircuitOpen,
    ContextExceeded,
    ModelAuthFailed,
    ModelCallLimitExceeded,
    ModelRejected,
    ModelReplyInvalid,
    ModelUnavailable,
)
from agent_runtime.guards.circuits import Circuits
from agent_runtime.models.client import Completion, ModelClient, ModelReply, ModelRequest
from agent_runtime.models.tier import Tier
from agent_runtime.retries import Retries
from agent_runtime.run import Run
from agent_runtime.spend.caps import SpendCaps, nanos
from agent_runtime.spend.ledger import Ledger
from tests.runtime.durable import Durable
from tests.runtime.pretended import TABLE, Aws

ASK: Any = [{"role": "user", "content": "why?"}]


def spec(name: str, usd: float, **more: Any) -> dict[str, Any]:
    prices = {"input_usd_per_million_tokens": usd, "output_usd_per_million_tokens": 10 * usd}
    return {"provider": "openai", "name": name, **prices, **more}


MODELS = {
    "small": spec("small-v1", 1, max_output_tokens=100, fallback=("large", "other")),
    "large": spec("large-v1", 10, max_output_tokens=1000, context_window_tokens=2000, context_share=0.5),
    "other": spec("other-v1", 2),
}
ROUTING: Any = (
    {"tier": "small", "task": "classify"},
    {"tier": "small", "budget_left_under": 0.5},
    {"tier": "large"},
)


class Providers:
    """One provider for all tiers: the answers of each model, by its name; the last one again and again."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Any]] = {}
        self.asked: list[str] = []
        self.requests: list[ModelRequest] = []
        self.seconds: list[float] = []

    def complete(self, spec: ModelSpec, request: ModelRequest) -> Completion:
        self.asked.append(spec.name.removesuffix("-v1"))
        self.requests.append(request)
        self.seconds.append(request.remaining_seconds())
        answers = self.answers.get(spec.name.removesuffix("-v1"), ["fine"])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer if isinstance(answer, Completion) else Completion(answer, 100, 10)


@pytest.fixture
def providers() -> Providers:
    return Providers()


@pytest.fixture
def tiered(durable: Durable, providers: Providers, monkeypatch: pytest.MonkeyPatch) -> Durable:
    """A run whose bundle has tiers, whose spend is counted and whose circuits are kept."""
    aws = durable.aws
    durable.bundle = durable.make_bundle(
        models=MODELS, routing=ROUTING, model=MODELS["large"], max_model_calls=20
    )
    table = CheckpointTable(aws.dynamodb, TABLE)
    circuits = Circuits(table, "answers", clock=aws.clock, monotonic=aws.clock)
    models = ModelClient.of(durable.bundle, lambda name, spec: Tier(name, spec, providers), circuits)
    caps = SpendCaps.model_validate({"agent": {"day_usd": 1}})
    ledger = Ledger(table, "answers", caps, clock=aws.clock, monotonic=aws.clock)
    durable.extras = {"models": models, "ledger": ledger}
    return durable


def ask(**more: Any) -> Callable[[Run], dict[str, Any]]:
    return lambda run: run.model(messages=ASK, **more).as_dict()


def spent(aws: Aws) -> int:
    of_agent = [item for item in aws.items() if item["pk"]["S"] == "answers#spend"]
    return sum(int(item["day"]["N"]) for item in of_agent if "N" in item.get("day", {}))


THROTTLED = ModelUnavailable("throttled", retry_after_seconds=60)


def test_the_kind_of_task_chooses_the_tier(tiered: Durable, providers: Providers) -> None:
    reply = tiered.result(ask(task="classify"))
    assert (reply["tier"], reply["model"], reply["cost_usd"]) == ("small", "small-v1", 0.0002)
    assert "unavailable" not in reply, "what says nothing takes no room in the record"
    assert providers.asked == ["small"]


def test_what_is_left_of_the_budget_chooses_the_tier(tiered: Durable, providers: Providers) -> None:
    providers.answers["large"] = [Completion("dear", 1000, 5000)]  # 0.51 of 1 USD

    def agent(run: Run) -> dict[str, Any]:
        first = run.model(messages=ASK, name="first")
        tiered.aws.clock.now += 6
        return {"tiers": [first.tier, run.model(messages=ASK, name="second").tier]}

    assert tiered.result(agent) == {"tiers": ["large", "small"]}


def test_a_throttled_tier_is_left_for_the_next_at_once(tiered: Durable, providers: Providers) -> None:
    providers.answers["small"] = [THROTTLED]
    reply = tiered.result(ask(task="classify"))
    assert (reply["tier"], reply["unavailable"]) == ("large", "small")
    assert providers.asked == ["small", "large"]
    assert tiered.pauses == [], "a minute is longer than a worker is held"


@pytest.mark.parametrize("seconds", [1.5, 7.0])
def test_a_short_pause_that_a_provider_asks_for_is_kept(
    tiered: Durable, providers: Providers, seconds: float
) -> None:
    providers.answers["small"] = [ModelUnavailable("throttled", retry_after_seconds=seconds), "fine"]
    assert tiered.result(ask(task="classify"))["tier"] == "small"
    assert tiered.pauses == [seconds]


def test_tiers_are_asked_in_their_order_and_the_last_one_most_often(
    tiered: Durable, providers: Providers
) -> None:
    providers.answers = {name: [ModelUnavailable(f"{name} is down")] for name in MODELS}
    worked = tiered.work(ask(task="classify"))
    assert isinstance(worked.error, ModelUnavailable)
    assert providers.asked == ["small"] * 2 + ["large"] * 2 + ["other"] * 4
    assert "small: small is down, after 2 tries; large:" in str(worked.error)
    assert spent(tiered.aws) == 0


@pytest.mark.parametrize(
    "error", [ModelRejected("no"), ModelAuthFailed("who?"), ModelReplyInvalid("nothing")]
)
def test_what_will_not_pass_is_neither_tried_again_nor_asked_elsewhere(
    tiered: Durable, providers: Providers, error: Exception
) -> None:
    providers.answers["small"] = [error]
    assert tiered.work(ask(task="classify")).error is error
    assert providers.asked == ["small"]


def test_the_retries_of_a_run_are_bounded_over_all_of_its_calls(
    tiered: Durable, providers: Providers
) -> None:
    providers.answers = {name: [ModelUnavailable("down", retry_after_seconds=0.001)] for name in MODELS}

    def stubborn(run: Run) -> dict[str, Any]:
        for _ in range(10):
            try:
                run.model(messages=ASK)
            except (CircuitOpen, ModelUnavailable):
                tiered.aws.clock.now += 700  # whatever the breaker thinks of it
        return {}

    tiered.result(stubborn)
    assert len(tiered.pauses) <= 10


def test_each_try_is_reserved_and_settled_at_its_own_tiers_price(
    tiered: Durable, providers: Providers
) -> None:
    providers.answers["small"] = [ModelUnavailable("silent", may_have_cost=True, retry_after_seconds=60)]
    worked = tiered.work(ask(task="classify"))
    assert worked.error is None
    small, large = ModelSpec.model_validate(MODELS["small"]), ModelSpec.model_validate(MODELS["large"])
    most = small.most_usd(18, 100)  # four letters, and what is put around two messages
    cost = large.cost_usd(100, 10)
    assert spent(tiered.aws) == nanos(most) + nanos(cost)
    assert worked.run.progress.usage.cost_usd == pytest.approx(most + cost)


def test_a_circuit_that_is_open_costs_nothing_and_then_comes_back(
    tiered: Durable, providers: Providers
) -> None:
    down = ModelUnavailable("silent", may_have_cost=True, retry_after_seconds=0.001)
    providers.answers = {"large": [down]}
    for number in range(2):
        tiered.run_id = f"{number}" * 32
        assert isinstance(tiered.work(ask(max_output_tokens=10)).error, (ModelUnavailable, CircuitOpen))
    tries, before = len(providers.asked), spent(tiered.aws)
    tiered.run_id = "2" * 32
    opened = tiered.aws.clock.now
    parked = tiered.work(ask(max_output_tokens=10))
    assert isinstance(parked.error, CircuitOpen)
    assert (len(providers.asked), spent(tiered.aws)) == (tries, before)
    assert tries == 5, "it opens in the middle of a call's tries"
    tiered.aws.clock.now = opened + parked.error.retry_after_seconds
    providers.answers = {}
    assert tiered.result(ask(max_output_tokens=10))["tier"] == "large"


def test_an_open_circuit_falls_back(tiered: Durable, providers: Providers) -> None:
    providers.answers["small"] = [ModelUnavailable("down", retry_after_seconds=600)]
    tiered.result(ask(task="classify"))
    tiered.run_id = "1" * 32
    reply = tiered.result(ask(task="classify"))
    assert (reply["tier"], reply["unavailable"]) == ("large", "small")
    assert providers.asked == ["small", "large", "large"]


def test_a_long_conversation_loses_its_oldest_turns_and_the_record_says_so(
    tiered: Durable, providers: Providers
) -> None:
    turns: Any = [{"role": ("user", "assistant")[n % 2], "content": f"{n:03}" * 100} for n in range(21)]

    def agent(run: Run) -> dict[str, Any]:
        return run.step("think", lambda: run.model(messages=turns, system="brief").as_dict())

    worked = tiered.work(agent)
    sent = providers.requests[0]
    assert sent.messages == tuple(turns[-len(sent.messages) :])
    dropped = 21 - len(sent.messages)
    assert worked.output["dropped_messages"] == dropped > 0
    assert worked.run.progress.usage.dropped_messages == dropped
    again = tiered.work(agent)
    assert again.replayed == ["think"]
    assert again.run.progress.usage.dropped_tokens == worked.output["dropped_tokens"] > 0


def test_how_full_the_window_was_is_told_by_the_window_of_the_tier_that_was_called(
    tiered: Durable, providers: Providers
) -> None:
    providers.answers["large"] = [Completion("fine", 500, 10)]
    providers.answers["small"] = [Completion("fine", 5000, 10)]  # whose window nobody has told

    def agent(run: Run) -> dict[str, Any]:
        run.model(messages=ASK, name="first")
        return {}

    assert tiered.work(agent).run.progress.tally.trace(2000, None).context_utilisation == 0.25
    tiered.run_id = "1" * 32
    assert tiered.work(ask(task="classify")).run.progress.tally.trace(None, None).context_utilisation is None


def test_a_message_that_is_too_long_alone_is_an_error_and_no_call(
    tiered: Durable, providers: Providers
) -> None:
    huge: Any = [{"role": "user", "content": "x" * 10_000}]
    worked = tiered.work(lambda run: {"x": run.model(messages=huge).text})
    assert isinstance(worked.error, ContextExceeded)
    assert providers.asked == []


def test_the_caller_knows_the_limit_of_the_tier_that_it_meant_and_no_other(
    tiered: Durable, providers: Providers
) -> None:
    worked = tiered.work(ask(task="classify", max_output_tokens=500))
    assert isinstance(worked.error, ModelCallLimitExceeded)
    providers.answers["large"] = [THROTTLED]
    worked = tiered.work(ask(max_output_tokens=500))
    assert isinstance(worked.error, ModelUnavailable), "large falls back to nothing"


def client(providers: Providers, *names: str) -> ModelClient:
    first, *others = names
    models = {
        name: ModelSpec.model_validate(MODELS[name] | {"fallback": tuple(others) if name == first else ()})
        for name in names
    }

    tiers = [Tier(name, given, providers) for name, given in models.items()]
    return ModelClient(models[first], providers, tiers=tiers, routing=(), jitter=lambda: 0.0)


def called(models: ModelClient, seconds: float) -> ModelReply:
    from agent_runtime.model_routing import RoutingRule

    vars(models)["_routing"] = (RoutingRule(tier="small"),)
    return models.call(
        system="",
        messages=ASK,
        max_output_tokens=None,
        run_id="r",
        remaining_seconds=lambda: seconds,
        retries=Retries(sleep=lambda _: None),
    )


def test_a_tier_leaves_time_to_those_that_come_after_it(providers: Providers) -> None:
    providers.answers = {"small": [THROTTLED], "large": [THROTTLED]}
    assert called(client(providers, "small", "large", "other"), 30.0).tier == "other"
    assert providers.seconds == [10.0, 15.0, 30.0]
