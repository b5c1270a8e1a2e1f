"""What an agent's function is given: its input, and steps that are done once."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Final, ParamSpec, TypeVar

from agent_runtime.approvals import Approvals
from agent_runtime.asking import Asking
from agent_runtime.audit.trail import NOT_KEPT, Trail
from agent_runtime.brake import BrakeReader
from agent_runtime.bundle import Bundle
from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.errors import (
    Braked,
    MemoryUnavailable,
    SecretNotDeclared,
    ShareUnavailable,
    StepInDoubt,
    Suspended,
)
from agent_runtime.events import Events
from agent_runtime.gather import gather
from agent_runtime.guard_spec import GuardSpec
from agent_runtime.guards.escalating import Escalation
from agent_runtime.guards.thresholds import Thresholds
from agent_runtime.memory import Memory
from agent_runtime.models.client import Message, ModelClient, ModelReply
from agent_runtime.models.counted import CountedCalls
from agent_runtime.progress import Progress
from agent_runtime.records import Lease, OpenedRun, Path, RunStatus
from agent_runtime.retries import Retries
from agent_runtime.scores import add_score
from agent_runtime.secrets import SecretReader, SecretValue
from agent_runtime.spend.alerts import Alerts
from agent_runtime.spend.ledger import Ledger
from agent_runtime.spend.metering import Meter
from agent_runtime.spend.noting import CapNotes
from agent_runtime.spend.pots import PotReference
from agent_runtime.steps import idempotency_key
from agent_runtime.telemetry.spans import traceparent
from agent_runtime.tools.calling import Calling, Gateway
from agent_runtime.tools.local import LocalTool

P = ParamSpec("P")
T = TypeVar("T")
NOT_INTERRUPTED: Final[Callable[[], str | None]] = lambda: None  # noqa: E731  a default, not a function


class Run:
    """One execution of an agent: steps come in an order that depends on the input and earlier results."""

    is_copy: ClassVar[bool] = False

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
        ledger: Ledger | None = None,
        alerts: Alerts | None = None,
        tools: tuple[str, ...] = (),
        remaining_seconds: Callable[[], float],
        interruption: Callable[[], str | None] = NOT_INTERRUPTED,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        compact_every: int = 0,
        memory: Memory | None = None,
        audit: Trail = NOT_KEPT,
        gateway: Gateway | None = None,
        local_tools: Mapping[str, LocalTool] | None = None,
        escalate: Thresholds | None = None,
        user_token: SecretValue | None = None,
    ) -> None:
        """`interruption` gives the reason why the worker wants the run back to the queue, if it does;
        `user_token` is the waiting caller's own, for tools that act by it."""
        self.input: Final[Any] = opened.record.input
        self.run_id: Final = opened.record.run_id
        self.tenant: Final = opened.record.tenant
        self.session: Final = opened.record.session
        self.record: Final = opened.record
        """As it was when this worker took the run."""
        self.agent_name: Final = store.heads.agent
        self.bundle: Final = bundle
        self.tools: Final = tools
        """Names of the tools that the agent may offer its model here: the bundle's, where the environment
        allows them."""
        self.lease: Final = lease
        self.checkpoint_table: Final = store.table
        self.blobs: Final = store.blobs
        self.progress: Final = Progress(
            opened,
            lease,
            store,
            max_steps=bundle.max_steps,
            check=self._check,
            compact_every=compact_every,
        )
        self.scores: Final[dict[str, float]] = {}
        """What the agent has reported so far."""
        self.audit: Final = audit
        self._memory = memory
        self._events = Events(store.table, lease, clock)
        approvals = Approvals(store.table, clock, audit)
        self._asking = Asking(self.run_id, self.tenant, lease, self.progress, approvals, clock, audit)
        self._brake = brake
        self._secrets = secrets
        self._meter = (
            None
            if ledger is None
            else Meter(
                ledger,
                lease,
                self.tenant,
                bundle.bundle_id,
                ask=self._asking.approves,
                told=(lambda _: None) if alerts is None else alerts.look,
                note=CapNotes(store.table, audit, lease, self.run_id, self.tenant, clock),
                approved=lambda path: approvals.is_approved(lease, path),
                pots=store.leased.pots,
                parent=opened.record.parent,
            )
        )
        self._escalation = (
            None
            if escalate is None or not escalate.are_set
            else Escalation(escalate, approvals, lease, self._asking.approves, clock)
        )
        self._store, self._parent = store, opened.record.parent
        self._interruption = interruption
        self._clock = clock
        self._retries = Retries(sleep=sleep, may_pause=lambda seconds: seconds < remaining_seconds())
        self._model_calls = CountedCalls(
            models,
            bundle,
            self.progress,
            self._meter,
            run_id=self.run_id,
            retries=self._retries,
            remaining_seconds=remaining_seconds,
        )
        self._calling = Calling(
            self,
            local=local_tools or {},
            gateway=gateway,
            audit=audit,
            guards=bundle.guards or GuardSpec(),
            tripped=self._circling,
            pause=self._retries.pause,
            user_token=user_token,
        )

    @property
    def memory(self) -> Memory:
        """What the run's session remembers; what the run changes is kept when it is DONE. Raises
        `MemoryUnavailable`."""
        if self._memory is not None:
            return self._memory
        if self.bundle.memory is None:
            raise MemoryUnavailable("run.memory needs `memory: {}` in agent.yaml")
        raise MemoryUnavailable("run.memory needs a session, and this run was begun without one")

    def step(self, name: str, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of `fn(*args, **kwargs)`, as it comes back from JSON; a completed step is not done
        again.

        Transient errors are tried again within the run's budget of retries. Raises `StepMismatch`,
        `StepLimitExceeded`, `NestedStep`, `ResultNotJson`, `Braked`, `Suspended` and `LeaseLost`.
        """
        return self.progress.once(name, lambda _: self._tried(lambda: fn(*args, **kwargs)))

    def effect(
        self, name: str, fn: Callable[..., Any], /, *args: Any, takes_key: bool = True, **kwargs: Any
    ) -> Any:
        """A step that acts on the outside. It is claimed before it begins, and `fn` gets `idempotency_key`,
        a text that is the same however often the step is done.

        With `takes_key=False`, for what cannot take one, a step whose worker died in the middle is not done
        again: a person is asked what happened. Raises what `step` raises.
        """
        return self.act(name, partial(fn, *args, **kwargs), takes_key=takes_key)

    def act(
        self,
        name: str,
        fn: Callable[..., Any],
        *,
        takes_key: bool,
        before: Callable[[], None] = lambda: None,
    ) -> Any:
        """An `effect` that `before` may hold up: what that raises leaves no doubt that nothing was done."""

        def work(path: Path) -> Any:
            recorded = self.progress.find(path)
            if recorded is not None and recorded.effect and not takes_key:
                decision = self._asking.settled(recorded, name)
                if decision.verdict == "happened":
                    return decision.result
                if decision.verdict != "retry":
                    raise StepInDoubt(
                        f"{name!r} may have happened; {decision.decided_by} said: {decision.verdict}"
                    )
            before()
            self.progress.write(lambda: self.progress.store.steps.claim(self.lease, path, name, effect=True))
            if not takes_key:
                return fn()
            key = idempotency_key(self.lease, path)
            return self._retries.call(lambda: fn(idempotency_key=key))

        return self.progress.once(name, work, effect=True)

    def gather(
        self, name: str, fn: Callable[[Any], T], items: Sequence[Any], /, *, at_once: int = 8
    ) -> list[T]:
        """`fn(item)` for each of up to 100 items, each a step of its own, `at_once` at a time on threads.

        `fn` may do steps. Raises the first error once all have ended, and what `step` raises.
        """
        return gather(self.progress, name, lambda item: self._tried(lambda: fn(item)), items, at_once)

    def sleep(self, name: str, seconds: float) -> None:
        """Wait without holding a worker: the run is given back and goes on after `seconds`."""
        wakes_at = self.progress.once(name, lambda _: self._clock() + seconds)
        if self._clock() < wakes_at:
            raise self._asking.suspended(f"sleeps in {name!r}", RunStatus.SLEEPING, wakes_at)
        self._calling.waited()

    def approve(self, name: str, *, summary: str, expires_in_seconds: float = 86_400) -> bool:
        """Whether a person approves of `summary`. The run waits without holding a worker; no decision in
        time is a no."""
        return self.progress.once(
            name, lambda path: self._asking.approves(path, name, summary, expires_in_seconds)
        )

    def share(self) -> str:
        """What other agents take as `parent` of `POST /runs`: their runs then spend what is left of this
        run's cap in dollars, until it ends. A run that was begun so shares what it was given.

        Raises `ShareUnavailable` and what `step` raises.
        """
        if self._parent is not None:
            return self._parent
        if self._meter is None or self._store.leased.pots is None:
            raise ShareUnavailable("run.share() needs a ledger: caps are given under `spend` in the stack")
        meter, pots = self._meter, self._store.leased.pots

        def opened(_path: Path) -> str:
            reference = pots.open(self.run_id, meter.cap, meter.spent, self.lease.expires_at)
            self._store.leased.share(self.lease, reference.text)
            return reference.text

        text: str = self.progress.once("share", opened)
        meter.share(text)
        if self.lease.pot and (reference := PotReference.read(text)) is not None:
            pots.go_on(reference, self.lease.epoch)  # it may have been stopped, and resumed
        return text

    def emit(self, kind: str, data: Any = None) -> None:
        """Tell whoever follows the run; `data` is JSON. What was told before a completed step is not told
        again; after a crash the events since that step may come twice."""
        if not self.progress.is_recorded():
            self._events.emit(kind, data)

    def score(self, name: str, value: float) -> None:
        """Report how well this run did, from 0 to 1, such as the share of an answer that has a source.

        The scores of a candidate's runs are held to its gate. Raises `ScoreInvalid`.
        """
        add_score(self.scores, name, value)

    def model(
        self,
        *,
        messages: Sequence[Message],
        system: str = "",
        name: str = "model",
        max_output_tokens: int | None = None,
        task: str = "",
    ) -> ModelReply:
        """Call a model of the bundle: that which `routing` chooses for the kind of `task`. The call is a step
        of its own, or a part of the step it is made in.

        Raises `ModelError`, `CircuitOpen`, `ContextExceeded`, `ModelCallLimitExceeded` and what `step`
        raises.
        """

        def call() -> ModelReply:
            return self._model_calls.call(system, messages, max_output_tokens, task)

        if self.progress.scope().name:
            return call()
        reply: dict[str, Any] = self.progress.once(name, lambda _: call().as_dict())
        return ModelReply(**reply)

    def tool(self, name: str, /, **arguments: Any) -> Any:
        """What the tool `name` of the manifest answers, JSON. The call is a step with the tool's name.

        One that reads is done like a `step`, one that acts like an `effect`, and one that is destructive once
        a person has approved of it with these very arguments. Raises `ToolRefused` for what may not be
        called, before anything is reached, `ToolFailed`, `ToolUnavailable`, `GuardTripped` where the run goes
        in circles, what a function of the agent's own raises, and what `step` raises.
        """
        return self._calling.call(name, arguments)

    def traceparent(self) -> str:
        """The W3C's header of this run's trace, for a call of another agent or service: what that one does
        stands below the step that called it. Empty where the agent's traces are sent nowhere and its caller
        sent none."""
        return traceparent() or self.record.traceparent

    def secret(self, name: str, *, refused: SecretValue | None = None) -> SecretValue:
        """A secret that the manifest declares. Where it was not let in, give it as `refused`: it is fetched
        anew, since it may have been rotated.

        Raises `SecretNotDeclared`, `SecretUnavailable`, `SecretRefused` and `AuditUnavailable`.
        """
        if name not in self.bundle.secrets:
            declared = ", ".join(self.bundle.secrets) or "none"
            raise SecretNotDeclared(f"secret {name!r} is not declared in the manifest; declared: {declared}")
        return self._secrets.get(name, run_id=self.run_id, tenant=self.tenant, refused=refused)

    def _tried(self, call: Callable[[], T]) -> T:
        return self._retries.call(lambda: self.progress.attempt(call))

    def _circling(self, reason: str, times: int) -> None:
        self._asking.circling(reason, times)

    def _check(self) -> None:
        if (reason := self._brake.reason()) is not None:
            raise Braked(reason)
        if (reason := self._interruption()) is not None:
            raise Suspended(reason, RunStatus.QUEUED.value, self._clock())
        if self._meter is not None:
            self._meter.check(steps=len(self.progress.steps), tool_calls=self.progress.tool_calls)
        if self._escalation is not None:
            self._escalation.check(self.progress)
