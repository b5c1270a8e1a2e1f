"""One model call: which tier it goes to, and what is asked in its place where that one is down."""

import logging
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Final, Protocol

from agent_runtime.bundle import Bundle, ModelSpec
from agent_runtime.errors import CircuitOpen, ModelUnavailable
from agent_runtime.guards.circuits import Circuits
from agent_runtime.model_routing import ONLY_TIER, RoutingRule, choose
from agent_runtime.models.context import tokens_of
from agent_runtime.models.messages import Message
from agent_runtime.models.tier import TRY_SECONDS, Completion, ModelReply, ModelRequest, Provider, Tier, Work
from agent_runtime.models.trying import kept_for_others, may_try_again, pause_before
from agent_runtime.records import Usage
from agent_runtime.retries import Retries

__all__ = ["Completion", "Message", "ModelClient", "ModelReply", "ModelRequest", "Provider"]
_log = logging.getLogger("agent_runtime.models")
ALL_LEFT: Final[Callable[[], float]] = lambda: 1.0  # noqa: E731  a default, not a function


class Each(Protocol):
    """Does one try of a tier that may use `most` and take `seconds`: the place to count what is spent."""

    def __call__(self, most: Usage, seconds: float, work: Work) -> ModelReply: ...


def _uncounted(most: Usage, seconds: float, work: Work) -> ModelReply:  # noqa: ARG001
    return work()


class ModelClient:
    """Calls a bundle's models. `jitter` gives 0 to 1."""

    def __init__(
        self,
        spec: ModelSpec,
        provider: Provider,
        *,
        tiers: Iterable[Tier] = (),
        routing: Sequence[RoutingRule] = (),
        circuits: Circuits | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`spec` and `provider` are those of a bundle with one model; `tiers` takes their place. Without
        `circuits` a provider that is down is asked by every call."""
        self._tiers: Final = {tier.name: tier for tier in tiers} or {
            ONLY_TIER: Tier(ONLY_TIER, spec, provider)
        }
        self._routing = tuple(routing)
        self._circuits = circuits
        self._jitter = jitter

    @classmethod
    def of(
        cls, bundle: Bundle, tier: Callable[[str, ModelSpec], Tier], circuits: Circuits | None = None
    ) -> "ModelClient":
        """Of all models of a bundle; `tier` gives each by its name."""
        tiers = [tier(name, spec) for name, spec in bundle.tiers.items()]
        return cls(bundle.model, tiers[0].provider, tiers=tiers, routing=bundle.routing, circuits=circuits)

    def call(
        self,
        *,
        system: str,
        messages: Sequence[Message],
        max_output_tokens: int | None,
        run_id: str,
        remaining_seconds: Callable[[], float],
        task: str = "",
        budget_left: Callable[[], float] = ALL_LEFT,
        each: Each = _uncounted,
        retries: Retries | None = None,
    ) -> ModelReply:
        """Ask the tier that the rules choose, and where that one is throttled or down those that it falls
        back to. `each` does every single try, `retries` is the run's budget of them.

        Raises `ModelError`, `CircuitOpen`, `ContextExceeded`, `ModelCallLimitExceeded` for more tokens than
        allowed, and what `each` raises.
        """
        chosen = self._tiers[choose(self._routing, task, tokens_of(system, messages), budget_left)]
        chain = [chosen, *(self._tiers[name] for name in chosen.spec.fallback)]
        down: dict[str, ModelUnavailable | CircuitOpen] = {}
        budget = retries or Retries(may_pause=lambda seconds: seconds < remaining_seconds())
        for number, tier in enumerate(chain):
            left = len(chain) - number
            asked = max_output_tokens
            if number and asked is not None:  # the caller knows the limit of the tier it meant
                asked = min(asked, tier.spec.max_output_tokens)
            trial = _Trial(tier, self._guarding(tier), each, budget, self._jitter, has_next=left > 1)
            request = tier.request(system, messages, asked, run_id, _without_others(remaining_seconds, left))
            try:
                reply = trial.reply(request, remaining_seconds)
            except (CircuitOpen, ModelUnavailable) as error:
                down[tier.name] = error
                _log.warning(
                    "model not available", extra={"tier": tier.name, "run_id": run_id}, exc_info=error
                )
                continue
            return reply if not down else reply.fallen_back_from(down)
        raise _nothing_answers(down)

    def _guarding(self, tier: Tier) -> Callable[[], AbstractContextManager[None]]:
        circuits = self._circuits
        if circuits is None:
            return nullcontext
        at = f"@{tier.server}" if tier.server else ""
        name = f"model:{tier.spec.provider}:{tier.spec.name}{at}"
        # A socket's timeout begins anew with the answer.
        seconds = 2 * (tier.spec.timeout_seconds or TRY_SECONDS)
        return lambda: circuits.guarding(name, _outage, seconds)


@dataclass
class _Trial:
    """Tries of one tier."""

    tier: Tier
    guarding: Callable[[], AbstractContextManager[None]]
    each: Each
    retries: Retries
    jitter: Callable[[], float]
    has_next: bool

    def reply(self, request: ModelRequest, remaining_seconds: Callable[[], float]) -> ModelReply:
        """Raises `CircuitOpen`, and `ModelUnavailable` after the last try."""
        failures = 0
        while True:
            if request.remaining_seconds() <= 0:
                raise ModelUnavailable("no time is left for a model call")
            try:
                with self.guarding():
                    most, seconds = self.tier.most(request), self.tier.try_seconds(request)
                    return self.each(most, seconds, lambda: self.tier.ask(request))
            except ModelUnavailable as error:
                failures += 1
                pause = pause_before(failures, error.retry_after_seconds, self.jitter())
                left = remaining_seconds()
                goes_on = may_try_again(failures, pause, has_next=self.has_next, seconds_left=left)
                if goes_on and self.retries.pause(pause):
                    continue
                raise ModelUnavailable(
                    f"{error}, after {failures} tries" if failures > 1 else str(error),
                    may_have_cost=error.may_have_cost,
                    retry_after_seconds=error.retry_after_seconds,
                ) from error


def _outage(error: Exception) -> float | None:
    return error.retry_after_seconds if isinstance(error, ModelUnavailable) else None


def _without_others(remaining_seconds: Callable[[], float], tiers_left: int) -> Callable[[], float]:
    """The time that a tier has, where others may have to be asked after it."""
    kept = kept_for_others(remaining_seconds(), tiers_left)
    return lambda: remaining_seconds() - kept


def _nothing_answers(down: Mapping[str, ModelUnavailable | CircuitOpen]) -> Exception:
    """The error of the only tier, or one that names them all."""
    errors = list(down.values())
    if len(errors) == 1:
        return errors[0]
    return ModelUnavailable(
        "no tier answers: " + "; ".join(f"{name}: {error}" for name, error in down.items()),
        may_have_cost=any(isinstance(e, ModelUnavailable) and e.may_have_cost for e in errors),
        retry_after_seconds=min(error.retry_after_seconds for error in errors),
    )
