"""The model calls of one run: limited by its manifest, counted in the ledger, and stopped there."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from agent_runtime.bundle import Bundle
from agent_runtime.errors import (
    CapDenied,
    CapReached,
    ModelCallLimitExceeded,
    ModelUnavailable,
    SpendUnknown,
)
from agent_runtime.models.client import Message, ModelClient, ModelReply
from agent_runtime.progress import Progress
from agent_runtime.records import Usage
from agent_runtime.retries import Retries
from agent_runtime.spend.metering import Meter


class CountedCalls:
    """`remaining_seconds` are those of the worker; without a `meter` nothing but the manifest limits them."""

    def __init__(
        self,
        models: ModelClient,
        bundle: Bundle,
        progress: Progress,
        meter: Meter | None,
        *,
        run_id: str,
        retries: Retries,
        remaining_seconds: Callable[[], float],
    ) -> None:
        self._models, self._bundle, self._progress, self._meter = models, bundle, progress, meter
        self._run_id, self._retries, self._remaining_seconds = run_id, retries, remaining_seconds

    def call(
        self, system: str, messages: Sequence[Message], max_output_tokens: int | None, task: str
    ) -> ModelReply:
        """The reply of the tier that the rules choose. Raises what `Run.model` does."""
        progress, most = self._progress, self._bundle.max_model_calls
        progress.check()
        if progress.usage.model_calls >= most:
            raise ModelCallLimitExceeded(f"the run has made all {most} model calls allowed")
        reply = self._models.call(
            system=system,
            messages=messages,
            max_output_tokens=max_output_tokens,
            run_id=self._run_id,
            remaining_seconds=self._remaining_seconds,
            task=task,
            budget_left=self._budget_left,
            each=self._counted,
            retries=self._retries,
        )
        tier = self._bundle.tiers.get(reply.tier, self._bundle.model)
        progress.use(progress.scope(), reply.usage, tier.context_window_tokens)
        return reply

    def _budget_left(self) -> float:
        return 1.0 if self._meter is None else self._meter.left(self._progress.usage)

    def _counted(self, most: Usage, seconds: float, work: Callable[[], ModelReply]) -> ModelReply:
        """One try of a model, counted in the ledger. What stops it there stops the run, even if the agent's
        code catches it."""
        try:
            if self._meter is None:
                return work()
            return self._meter.call(self._progress.usage, most, seconds, work)
        except (CapDenied, CapReached, SpendUnknown) as error:
            self._progress.stop(error)
            raise
        except ModelUnavailable as error:
            if error.may_have_cost:
                self._progress.use(self._progress.scope(), replace(most, input_tokens=0, output_tokens=0))
            raise
