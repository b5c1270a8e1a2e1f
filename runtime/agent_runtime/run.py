"""What an agent's function is given: its input, and steps that are done once."""

import json
from collections.abc import Callable, Sequence
from typing import Any, Final, ParamSpec, TypeVar

from agent_runtime.brake import BrakeReader
from agent_runtime.bundle import Bundle
from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.errors import (
    AgentRuntimeError,
    Braked,
    LeaseLost,
    ModelCallLimitExceeded,
    NestedStep,
    ResultNotJson,
    SecretNotDeclared,
    StepLimitExceeded,
    StepMismatch,
)
from agent_runtime.models.client import Message, ModelClient, ModelReply
from agent_runtime.records import Lease, OpenedRun, RecordedStep, Usage
from agent_runtime.secrets import SecretReader, SecretValue

P = ParamSpec("P")
T = TypeVar("T")


class Run:
    """One execution of an agent. Steps run one after another, in an order that depends on earlier results
    alone."""

    def __init__(
        self,
        opened: OpenedRun,
        lease: Lease,
        *,
        bundle: Bundle,
        store: CheckpointStore,
        brake: BrakeReader,
        secrets: SecretReader,
        models: ModelClient,
        tools: tuple[str, ...] = (),
        remaining_seconds: Callable[[], float],
    ) -> None:
        self.input: Final[Any] = opened.record.input
        self.run_id: Final = opened.record.run_id
        self.tenant: Final = opened.record.tenant
        self.session: Final = opened.record.session
        self.bundle: Final = bundle
        self.tools: Final = tools
        """Names of the tools that the agent may offer its model here: the bundle's, where the environment
        allows
        them."""
        self.stopped: AgentRuntimeError | None = None
        """Set once the run may not go on: every later step raises it again, even if the agent's code
        caught it."""
        self.steps: list[tuple[str, bool]] = []
        """Name of each step so far, and whether its result was replayed."""
        self.usage = Usage()
        """All that the run has used, replayed steps included."""
        self.spent = Usage()
        """What was used since this worker took the run."""
        self._lease = lease
        self._recorded = opened.recorded
        self._store = store
        self._brake = brake
        self._secrets = secrets
        self._models = models
        self._remaining_seconds = remaining_seconds
        self._step_in_progress: str | None = None
        self._used_by_step = Usage()

    def step(self, name: str, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of `fn(*args, **kwargs)`, as it comes back from JSON; a completed step is not done
        again.

        Raises `StepMismatch`, `StepLimitExceeded`, `NestedStep`, `ResultNotJson`, `Braked` and `LeaseLost`.
        """
        return self._once(name, lambda: fn(*args, **kwargs))

    def model(
        self,
        *,
        messages: Sequence[Message],
        system: str = "",
        name: str = "model",
        max_output_tokens: int | None = None,
    ) -> ModelReply:
        """Call the bundle's model. The call is a step of its own, or a part of the step it is made in.

        Raises `ModelError`, `ModelCallLimitExceeded` and what `step` raises.
        """

        def call() -> ModelReply:
            return self._call_model(system, messages, max_output_tokens)

        if self._step_in_progress is not None:
            return call()
        reply: dict[str, Any] = self._once(name, lambda: call().as_dict())
        return ModelReply(**reply)

    def secret(self, name: str) -> SecretValue:
        """A secret that the manifest declares. Raises `SecretNotDeclared` and `SecretUnavailable`."""
        if name not in self.bundle.secrets:
            declared = ", ".join(self.bundle.secrets) or "none"
            raise SecretNotDeclared(f"secret {name!r} is not declared in the manifest; declared: {declared}")
        return self._secrets.get(name, run_id=self.run_id)

    def _once(self, name: str, work: Callable[[], Any]) -> Any:
        if self.stopped is not None:
            raise self.stopped
        if self._step_in_progress is not None:
            raise NestedStep(f"step {name!r} was begun inside step {self._step_in_progress!r}")
        sequence = len(self.steps) + 1
        if sequence > self.bundle.max_steps:
            raise StepLimitExceeded(f"step {name!r} is one more than the {self.bundle.max_steps} allowed")
        recorded = self._recorded.get(sequence)
        if recorded is not None:
            return self._replay(recorded, name)
        self._stop_if_braked()
        self._step_in_progress, self._used_by_step = name, Usage()
        try:
            text = as_json(work(), f"step {name!r}")
        finally:
            self._step_in_progress = None
        try:
            used = self._used_by_step if self._used_by_step.model_calls else None
            self._store.save_step(self._lease, sequence, name, text, used)
        except LeaseLost as error:
            self.stopped = error
            raise
        self.steps.append((name, False))
        return json.loads(text)

    def _replay(self, recorded: RecordedStep, name: str) -> Any:
        if recorded.name != name:
            raise StepMismatch(
                f"step {recorded.sequence} was {recorded.name!r} and is now {name!r}: the code changed order"
            )
        result = json.loads(self._store.load_step(recorded))
        self.steps.append((name, True))
        self.usage += recorded.usage
        return result

    def _call_model(
        self, system: str, messages: Sequence[Message], max_output_tokens: int | None
    ) -> ModelReply:
        self._stop_if_braked()
        if self.usage.model_calls >= self.bundle.max_model_calls:
            raise ModelCallLimitExceeded(
                f"the run has made all {self.bundle.max_model_calls} model calls allowed"
            )
        reply = self._models.call(
            system=system,
            messages=messages,
            max_output_tokens=max_output_tokens,
            run_id=self.run_id,
            remaining_seconds=self._remaining_seconds,
        )
        used = Usage(reply.input_tokens, reply.output_tokens, reply.cost_usd, model_calls=1)
        self.usage += used
        self.spent += used
        self._used_by_step += used
        return reply

    def _stop_if_braked(self) -> None:
        if self.stopped is None and (reason := self._brake.reason()) is not None:
            self.stopped = Braked(reason)
        if self.stopped is not None:
            raise self.stopped


def as_json(value: object, what: str) -> str:
    """`value` as JSON text. Raises `ResultNotJson` naming `what`."""
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ResultNotJson(f"{what} returned what JSON cannot hold: {error}") from error
