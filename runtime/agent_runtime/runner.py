"""Takes one run from its request to its outcome: the same on every host."""

import logging
import os
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from agent_runtime.audit.trail import NOT_KEPT, Trail
from agent_runtime.brake import BrakeReader
from agent_runtime.bundle import Bundle, MemorySpec
from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.copied import CopiedRun
from agent_runtime.copies import agreement, copied_run, recording_of
from agent_runtime.entrypoints import Agent
from agent_runtime.errors import (
    AuditUnavailable,
    Braked,
    CheckpointBlobLost,
    CheckpointUnavailable,
    GuardTripped,
    LeaseLost,
    MemoryGone,
    MemoryTooLarge,
    ResultNotJson,
    Suspended,
)
from agent_runtime.escalations import escalated_after_ms
from agent_runtime.guards.thresholds import Thresholds
from agent_runtime.models.client import ModelClient
from agent_runtime.notices import Notices
from agent_runtime.outcomes import RunOutcome, ended, shown, status_after
from agent_runtime.progress import as_json
from agent_runtime.records import Lease, OpenedRun, RunRequest
from agent_runtime.run import NOT_INTERRUPTED, Run
from agent_runtime.scopes import Scope, current_scope
from agent_runtime.secrets import SecretReader, SecretValue
from agent_runtime.sessions import Sessions
from agent_runtime.snapshots import Snapshots
from agent_runtime.spend.alerts import Alerts
from agent_runtime.spend.ledger import Ledger
from agent_runtime.spend.room import check_parent
from agent_runtime.stopping import let_go
from agent_runtime.telemetry.spans import NO_SPANS, Spans
from agent_runtime.telemetry.working import working
from agent_runtime.tools.calling import Gateway
from agent_runtime.tools.local import local_tools
from agent_runtime.turns import MemoryFigures, Turn, Turns

_log = logging.getLogger("agent_runtime.runner")
_MEMORY_REFUSED = (CheckpointBlobLost, MemoryGone, MemoryTooLarge, ResultNotJson)
"""The agent's run cannot end with what it made of its memory."""


class Runner:
    """Runs one agent. Everything it needs is handed in, so a host is a few lines around it."""

    def __init__(
        self,
        agent: Agent,
        *,
        bundle: Bundle,
        store: CheckpointStore,
        brake: BrakeReader,
        secrets: SecretReader,
        models: ModelClient,
        ledger: Ledger | None = None,
        alerts: Alerts | None = None,
        tools: frozenset[str] | None = None,
        compact_every: int = 0,
        owner: str = "",
        address: str = "",
        spans: Spans = NO_SPANS,
        audit: Trail = NOT_KEPT,
        gateway: Gateway | None = None,
        escalate: Thresholds | None = None,
        notices: Notices | None = None,
    ) -> None:
        """Without a `ledger` nothing but the manifest's own limits bounds what a run spends; `alerts` tells
        people of it. `tools` narrows the bundle's tools to those that this environment allows; after
        `compact_every` steps a segment is written (0: never). `owner` and `address` are told of the sessions
        that are held here: who holds them, and where that one can be reached, if it can. The
        manifest's tools are functions of the agent's module, or lie behind the `gateway`."""
        self._agent = agent
        self._compact_every = compact_every
        self._tools = tuple(tool.name for tool in bundle.tools if tools is None or tool.name in tools)
        self._bundle = bundle
        self._store = store
        self._brake = brake
        self._secrets = secrets
        self._models = models
        self._ledger, self._alerts = ledger, alerts
        self.spans: Final = spans
        self._audit = audit
        self._gateway, self._local_tools = gateway, local_tools(agent)
        self._escalate, self._notices = escalate, notices
        self.turns: Final = None if bundle.memory is None else self._turns(bundle.memory, owner, address)
        """None for an agent without memory."""

    def check_room(self, tenant: str, parent: str | None = None) -> None:
        """Raises `CapReached` where the agent or the tenant has nothing left to spend, `ParentRefused` where
        the run may not spend what `parent` may, and `CheckpointUnavailable`."""
        if self._ledger is not None:
            self._ledger.room.check(tenant, parent)
        else:
            check_parent(self._store.heads.agent, None, parent)

    def begin_turn(
        self, tenant: str, session: str | None, run_id: str, seconds: float, *, comes_back: bool = True
    ) -> Turn | None:
        """Take the run's session, before the run; None where there is none to take, or no memory to keep.
        `comes_back` says whether something takes the run up again soon if this process dies.

        Raises `SessionBusy` and `SessionElsewhere`. Whoever has the turn gives it back.
        """
        if self.turns is None or session is None or copied_run(run_id) is not None:
            return None
        return self.turns.begin(tenant, session, run_id, seconds, comes_back=comes_back)

    def run(
        self, request: RunRequest, *, lease_seconds: float, remaining_seconds: Callable[[], float]
    ) -> RunOutcome:
        """Begin the run or go on with it, and write down how it ended.

        Raises `Braked` and `CapReached` before anything is written, the errors of `begin_turn` and of
        `CheckpointStore.open_run`, and `LeaseLost` when another worker has taken over. An error of the agent
        itself is in the outcome.
        """
        if (reason := self._brake.reason()) is not None:
            raise Braked(reason)
        if copied_run(request.run_id) is None:
            self.check_room(request.tenant, request.parent)
        named = (request.tenant, request.session, request.run_id)
        turn = self.begin_turn(*named, lease_seconds, comes_back=False)  # its caller waits here
        try:
            return self._run(request, turn, lease_seconds, remaining_seconds)
        finally:
            if turn is not None:
                turn.give_back()

    def _run(
        self,
        request: RunRequest,
        turn: Turn | None,
        lease_seconds: float,
        remaining_seconds: Callable[[], float],
    ) -> RunOutcome:
        opened = self._store.open_run(
            run_id=request.run_id,
            tenant=request.tenant,
            input=request.input,
            session=request.session,
            traceparent=request.traceparent,
            bundle_id=self._bundle.bundle_id,
            lease_seconds=lease_seconds,
            parent=request.parent,
            memory_from=None if turn is None else turn.present,
        )
        if opened.lease is None:
            return ended(opened.record)
        try:
            return self._worked(opened, opened.lease, remaining_seconds, turn, request.user_token)
        except LeaseLost:
            let_go(self._store, opened.lease)
            raise

    def _worked(
        self,
        opened: OpenedRun,
        lease: Lease,
        remaining_seconds: Callable[[], float],
        turn: Turn | None,
        user_token: SecretValue | None,
    ) -> RunOutcome:
        """A run that is ours is worked on, and how it stands is written down."""
        run = self.open(opened, lease, remaining_seconds=remaining_seconds, turn=turn, user_token=user_token)
        output, error = self.call(run)
        outcome = self.outcome(run, output, error, turn)
        error = outcome.error
        names = tuple(name for name, _ in outcome.steps)
        if isinstance(error, Suspended):
            self._store.leased.suspend(
                lease,
                outcome.status,
                due_at=error.due_at,
                error=str(error),
                steps=names,
                usage=outcome.usage,
            )
        else:
            self._store.leased.finish(
                lease,
                outcome.status,
                output=outcome.output,
                steps=names,
                usage=outcome.usage,
                error=shown(error),
                held=error.guard if isinstance(error, GuardTripped) else None,
            )
        return outcome

    def open(
        self,
        opened: OpenedRun,
        lease: Lease,
        *,
        remaining_seconds: Callable[[], float],
        interruption: Callable[[], str | None] = NOT_INTERRUPTED,
        turn: Turn | None = None,
        user_token: SecretValue | None = None,
    ) -> Run:
        """What the agent's function is given."""
        recording = recording_of(self._store, opened.record)
        memory = None if turn is None else turn.memory(opened.record.memory_from)
        if recording is not None and recording.session is not None and self.turns is not None:
            memory = self.turns.memory_of(opened.record.tenant, recording.session, recording.memory_from)
        made = Run if recording is None else partial(CopiedRun, recording)
        return made(
            opened,
            lease,
            bundle=self._bundle,
            store=self._store,
            brake=self._brake,
            secrets=self._secrets,
            models=self._models,
            ledger=self._ledger,
            alerts=self._alerts,
            tools=self._tools,
            remaining_seconds=remaining_seconds,
            interruption=interruption,
            compact_every=self._compact_every,
            memory=memory,
            audit=self._audit,
            gateway=self._gateway,
            local_tools=self._local_tools,
            escalate=self._escalate if recording is None else None,
            user_token=user_token,
        )

    def call(self, run: Run) -> tuple[Any, Exception | None]:
        """The agent's output, or the error that it ended with. Raises `LeaseLost` and
        `CheckpointUnavailable`, of which nothing can be written down."""
        token = current_scope.set(Scope(()))
        try:
            with working(self.spans, run.record, run.lease):
                output = self._agent(run)
                if run.progress.stopped is not None:
                    raise run.progress.stopped
                as_json(output, "the agent")
                if not isinstance(output, dict):
                    raise ResultNotJson(f"the agent returned {type(output).__name__}, and a dict is needed")
                self._audit.flush()  # a run is DONE once its trail is kept; else it waits, and says it again
        except (LeaseLost, CheckpointUnavailable):
            raise
        except Suspended as error:
            _log.info("run suspended", extra={"run_id": run.run_id, "reason": str(error)})
            self._try_to_flush(run)
            return None, error
        except Exception as error:  # noqa: BLE001  whatever the agent raises is the outcome of its run
            _log.warning("run stopped", extra={"run_id": run.run_id}, exc_info=error)
            self._try_to_flush(run)
            return None, error
        finally:
            current_scope.reset(token)
        return output, None

    def _try_to_flush(self, run: Run) -> None:
        """What cannot be kept now waits for the next run of this process."""
        try:
            self._audit.flush()
        except AuditUnavailable as error:
            _log.warning("audit entries wait", extra={"run_id": run.run_id, "reason": str(error)})

    def outcome(self, run: Run, output: Any, error: Exception | None, turn: Turn | None = None) -> RunOutcome:
        """How the run stands after its agent's function has returned. What it changed of its session's memory
        counts from here on, if it is done: raises `LeaseLost` and `CheckpointUnavailable` where that cannot
        be written."""
        done = run.progress
        remembered: MemoryFigures | None = None
        if error is None and turn is not None:
            try:
                remembered = turn.commit(run.memory)
            except _MEMORY_REFUSED as refused:
                output, error = None, refused
        status = status_after(error)
        beside = None
        if isinstance(run, CopiedRun):
            beside = 0.0 if error is not None else agreement(run.recording.output, output)
        elif self._notices is not None:
            self._notices.of(run.lease, run.run_id, run.tenant, error)
        window = self._bundle.model.context_window_tokens
        return RunOutcome(
            run.run_id,
            status,
            self._bundle.bundle_id,
            output,
            tuple(done.steps),
            done.usage,
            done.spent,
            error,
            run.scores,
            beside,
            trace=done.tally.trace(window, escalated_after_ms(self._store, run, error)),
            lease=run.lease,
            record=run.record,
            tenant=run.tenant,
            memory=remembered,
        )

    def _turns(self, spec: MemorySpec, owner: str, address: str) -> Turns:
        store = self._store
        sessions = Sessions(
            store.table,
            agent=store.heads.agent,
            bundle_id=self._bundle.bundle_id,
            checkpoint_version=self._bundle.checkpoint_version,
            owner=owner or f"process-{os.urandom(4).hex()}",
            address=address,
            retention_days=store.heads.retention_days,
            clock=store.now,
        )
        return Turns(sessions, Snapshots(store.table, store.blobs, store.heads.agent, store.now), spec)
