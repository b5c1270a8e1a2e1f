"""What an agent's function is given: its input, and steps that are done once."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, Final, ParamSpec, TypeVar

from agent_runtime.approvals import Approval, Approvals, Decision
from agent_runtime.audit.trail import NOT_KEPT, Trail
from agent_runtime.brake import BrakeReader
from agent_runtime.bundle import Bundle
from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.errors import (
    AgentRuntimeError,
    Braked,
    CapDenied,
    CapReached,
    GuardTripped,
    GuardUpheld,
    MemoryUnavailable,
    ModelCallLimitExceeded,
    ModelUnavailable,
    SecretNotDeclared,
    ShareUnavailable,
    SpendUnknown,
    StepInDoubt,
    Suspended,
)
from agent_runtime.events import Events
from agent_runtime.gather import gather
from agent_runtime.guard_spec import GuardSpec
from agent_runtime.guards.escalating import Escalation
from agent_runtime.guards.questions import GUARD_SECONDS, guard_path
from agent_runtime.guards.thresholds import Thresholds
from agent_runtime.memory import Memory
from agent_runtime.models.client import Message, ModelClient, ModelReply
from agent_runtime.progress import Progress
from agent_runtime.records import Lease, OpenedRun, Path, RunStatus, StepRecord, StepState, Usage
from agent_runtime.retries import Retries
from agent_runtime.scores import add_score
from agent_runtime.secrets import SecretReader, SecretValue
from agent_runtime.spend.alerts import Alerts
from agent_runtime.spend.ledger import Ledger
from agent_runtime.spend.metering import Meter
from agent_runtime.spend.noting import CapNotes
from agent_runtime.spend.pots import PotReference
from agent_runtime.steps import idempotency_key
from agent_runtime.telemetry.spans import annotate, traceparent
from agent_runtime.tools.calling import Calling, Gateway
from agent_runtime.tools.local import LocalTool

P = ParamSpec("P")
T = TypeVar("T")
IN_DOUBT_SECONDS: Final = 7 * 86_400
"""How long a person has to say whether an effect happened: over a week-end, and within a run's retention."""
CAP_SECONDS: Final = 7 * 86_400
"""How long a person has to let a run go on that has reached a cap; then it is denied."""
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
        self._approvals = Approvals(store.table, clock, audit)
        self._brake = brake
        self._secrets = secrets
        self._models = models
        self._meter = (
            None
            if ledger is None
            else Meter(
                ledger,
                lease,
                self.tenant,
                bundle.bundle_id,
                ask=self._asked,
                told=(lambda _: None) if alerts is None else alerts.look,
                note=CapNotes(store.table, audit, lease, self.run_id, self.tenant, clock),
                approved=lambda path: self._approvals.is_approved(lease, path),
                pots=store.pots,
                parent=opened.record.parent,
            )
        )
        self._escalation = (
            None
            if escalate is None or not escalate.are_set
            else Escalation(escalate, self._approvals, lease, self._asked, clock)
        )
        self._store, self._parent = store, opened.record.parent
        self._remaining_seconds = remaining_seconds
        self._interruption = interruption
        self._clock = clock
        self._audit = audit
        self._retries = Retries(sleep=sleep, may_pause=lambda seconds: seconds < remaining_seconds())
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
                decision = self._settled(recorded, name)
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
            raise self._suspended(f"sleeps in {name!r}", RunStatus.SLEEPING, wakes_at)
        self._calling.waited()

    def approve(self, name: str, *, summary: str, expires_in_seconds: float = 86_400) -> bool:
        """Whether a person approves of `summary`. The run waits without holding a worker; no decision in
        time is a no."""

        def work(path: Path) -> bool:
            question = Approval(self.run_id, path, name, summary, self._clock() + expires_in_seconds)
            return self._answered(self._approvals.ask(self.lease, question)).verdict == "approve"

        return self.progress.once(name, work)

    def share(self) -> str:
        """What other agents take as `parent` of `POST /runs`: their runs then spend what is left of this
        run's cap in dollars, until it ends. A run that was begun so shares what it was given.

        Raises `ShareUnavailable` and what `step` raises.
        """
        if self._parent is not None:
            return self._parent
        if self._meter is None or self._store.pots is None:
            raise ShareUnavailable("run.share() needs a ledger: caps are given under `spend` in the stack")
        meter, pots = self._meter, self._store.pots

        def opened(_path: Path) -> str:
            reference = pots.open(self.run_id, meter.cap, meter.spent, self.lease.expires_at)
            self._store.share(self.lease, reference.text)
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
            return self._call_model(system, messages, max_output_tokens, task)

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

    def _settled(self, effect: StepRecord, name: str) -> Decision:
        """What a person knows of an effect whose worker died in it. Each death is a question of its own; it
        is put before the effect is marked, so that no worker takes the answer to the one before for it."""
        summary, expires_at = f"it is not known whether {name!r} happened", self._clock() + IN_DOUBT_SECONDS
        question = Approval(self.run_id, effect.path, name, summary, expires_at, is_doubt=True)
        is_marked = effect.state is StepState.IN_DOUBT
        answer = self._approvals.ask(self.lease, question, anew=not is_marked)
        if not is_marked:
            self.progress.write(
                lambda: self.progress.store.steps.claim(
                    self.lease, effect.path, name, effect=True, state=StepState.IN_DOUBT
                )
            )
        return self._answered(answer)

    def _answered(self, answer: Decision | Approval) -> Decision:
        """A person's decision; until there is one the run is suspended."""
        if isinstance(answer, Decision):
            annotate({"agent_hosting.approval.verdict": answer.verdict})
            return answer
        reason = f"waits for a person: {answer.summary}"
        raise self._suspended(reason, RunStatus.WAITING_APPROVAL, answer.expires_at, answer.path)

    def _suspended(
        self, reason: str, status: RunStatus, due_at: float, asked: Path | None = None
    ) -> Suspended:
        """What gives the run back; no later step begins, even if the agent's code catches it."""
        suspended = Suspended(reason, status.value, due_at, asked)
        self.progress.stop(suspended)
        return suspended

    def _call_model(
        self, system: str, messages: Sequence[Message], max_output_tokens: int | None, task: str
    ) -> ModelReply:
        self.progress.check()
        if self.progress.usage.model_calls >= self.bundle.max_model_calls:
            raise ModelCallLimitExceeded(
                f"the run has made all {self.bundle.max_model_calls} model calls allowed"
            )
        reply = self._models.call(
            system=system,
            messages=messages,
            max_output_tokens=max_output_tokens,
            run_id=self.run_id,
            remaining_seconds=self._remaining_seconds,
            task=task,
            budget_left=self._budget_left,
            each=self._counted,
            retries=self._retries,
        )
        tier = self.bundle.tiers.get(reply.tier, self.bundle.model)
        self.progress.use(self.progress.scope(), reply.usage, tier.context_window_tokens)
        return reply

    def _budget_left(self) -> float:
        return 1.0 if self._meter is None else self._meter.left(self.progress.usage)

    def _counted(self, most: Usage, seconds: float, work: Callable[[], ModelReply]) -> ModelReply:
        """One try of a model, counted in the ledger. What stops it there stops the run, even if the agent's
        code catches it."""
        try:
            if self._meter is None:
                return work()
            return self._meter.call(self.progress.usage, most, seconds, work)
        except (CapDenied, CapReached, SpendUnknown) as error:
            self.progress.stop(error)
            raise
        except ModelUnavailable as error:
            if error.may_have_cost:
                self.progress.use(self.progress.scope(), replace(most, input_tokens=0, output_tokens=0))
            raise

    def _asked(self, path: Path, name: str, summary: str) -> bool:
        question = Approval(self.run_id, path, name, summary, self._clock() + CAP_SECONDS)
        return self._answered(self._approvals.ask(self.lease, question)).verdict == "approve"

    def _circling(self, reason: str, times: int) -> None:
        """Stop the run until a person lets it go on: a question of its own each time. Raises `GuardTripped`
        and `GuardUpheld`."""
        summary = f"{reason}. Approve to let the run go on"
        expires_at = self._clock() + GUARD_SECONDS
        asked = guard_path("loop", times)
        question = Approval(self.run_id, asked, "loop", summary, expires_at)
        answer = self._approvals.ask(self.lease, question)
        if isinstance(answer, Decision) and answer.verdict == "approve":
            return
        error: AgentRuntimeError = GuardTripped("loop", reason, asked)
        if isinstance(answer, Decision):
            error = GuardUpheld(f"{reason}; {answer.decided_by} said: {answer.verdict}")
        self._audit.record(
            "guard-tripped", run_id=self.run_id, tenant=self.tenant, guard="loop", reason=reason
        )
        self.progress.stop(error)
        raise error

    def _check(self) -> None:
        if (reason := self._brake.reason()) is not None:
            raise Braked(reason)
        if (reason := self._interruption()) is not None:
            raise Suspended(reason, RunStatus.QUEUED.value, self._clock())
        if self._meter is not None:
            self._meter.check(steps=len(self.progress.steps), tool_calls=self.progress.tool_calls)
        if self._escalation is not None:
            self._escalation.check(self.progress)
