"""What callers may ask of a run that exists: how it stands, what it told, to end, or to hear a decision."""

import logging
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from agent_runtime.approvals import VERDICTS, Decision
from agent_runtime.audit.trail import NOT_KEPT, Trail
from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.errors import AgentRuntimeError
from agent_runtime.events import events_after
from agent_runtime.hosts.http import RUN, Answer, Route
from agent_runtime.hosts.problems import Problem, problem_of
from agent_runtime.hosts.queue import RunMessage
from agent_runtime.hosts.requests import HttpCall, json_fields
from agent_runtime.ids import is_run_id
from agent_runtime.people import cancel, decide
from agent_runtime.records import Path, RunRecord, RunStatus, Usage, path_from

if TYPE_CHECKING:  # the status function runs nothing
    from agent_runtime.outcomes import RunOutcome

_log = logging.getLogger("agent_runtime.hosts.reading")
_CURSOR = re.compile(r"\d{6}-\d{6}")
_APPROVAL = re.compile(r"([0-9a-f]{32})\.(\d{6}(?:\.\d{6})*)")


class RunReader:
    """The routes of runs that exist, for the tenant of the call alone. `send` tells a run's queue that it was
    woken; a host without queues has none."""

    def __init__(
        self,
        store: CheckpointStore,
        send: Callable[[RunMessage], None] | None = None,
        audit: Trail = NOT_KEPT,
    ) -> None:
        self._store = store
        self._send = send
        self._audit = audit

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("GET", re.compile(RUN), self._get_run),
            Route("GET", re.compile(f"{RUN}/events"), self._get_events),
            Route("POST", re.compile(f"{RUN}/cancel"), self._cancel),
            Route("POST", re.compile(r"/approvals/([^/]+)"), self._decide),
        )

    def _get_run(self, call: HttpCall, run_id: str) -> Answer:
        with RunProblems(run_id):
            record = self._store.get_run(call.tenant, run_id) if is_run_id(run_id) else None
            if record is None:
                raise _no_such_run()
            names = record.steps
            if record.status is RunStatus.RUNNING:
                names = self._store.step_names(call.tenant, run_id)
        return 200, recorded(record, names)

    def _get_events(self, call: HttpCall, run_id: str) -> Answer:
        cursor = call.query.get("after", "")
        if cursor and not _CURSOR.fullmatch(cursor):
            raise Problem(
                400, "bad-request", "The cursor cannot be used", "`after` is the last event's cursor"
            )
        with RunProblems(run_id):
            head = self._store.find_head(call.tenant, run_id) if is_run_id(run_id) else None
            if head is None:
                raise _no_such_run()
            found = events_after(self._store.table, head["pk"], head["birth"], cursor)
        last = found[-1]["cursor"] if found else cursor
        return 200, {"run_id": run_id, "status": head["status"], "events": found, "after": last}

    def _cancel(self, call: HttpCall, run_id: str) -> Answer:
        if not is_run_id(run_id):
            raise _no_such_run()
        with RunProblems(run_id):
            status = cancel(self._store, call.tenant, run_id, audit=self._audit, who=call.subject)
        if status is not RunStatus.CANCELLED:
            raise Problem(409, "run-ended", "The run has ended", f"it is {status.value}", run_id=run_id)
        return 200, {"run_id": run_id, "status": status.value}

    def _decide(self, call: HttpCall, approval_id: str) -> Answer:
        run_id, path = _approval(approval_id)
        fields = json_fields(call.body, {"decision", "result"}, "`decision`")
        verdict = fields.get("decision")
        if verdict not in VERDICTS:
            allowed = ", ".join(sorted(VERDICTS))
            raise Problem(
                400, "bad-request", "The decision cannot be used", f"`decision` is one of {allowed}"
            )
        decision = Decision(str(verdict), call.subject, fields.get("result"))
        with RunProblems(run_id):
            bundle_id = decide(self._store, call.tenant, run_id, path, decision, audit=self._audit)
            if bundle_id is not None and self._send is not None:
                self._tell(self._send, RunMessage(self._store.heads.agent, run_id, call.tenant, bundle_id))
        return 200, {"approval_id": approval_id, "decision": verdict, "decided_by": call.subject}

    def _tell(self, send: Callable[[RunMessage], None], message: RunMessage) -> None:
        try:
            send(message)
        except Exception as error:  # noqa: BLE001  the decision is written, and the reaper sends what was not
            _log.warning("run not told of a decision", extra={"run_id": message.run_id}, exc_info=error)


class RunProblems:
    """Turns the runtime's errors into problem documents."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, AgentRuntimeError):
            _log.warning("run not served", extra={"run_id": self._run_id}, exc_info=error)
            raise problem_of(error, self._run_id) from error


def recorded(record: RunRecord, names: tuple[str, ...]) -> dict[str, Any]:
    """A run as callers see it; `names` are the steps done so far."""
    steps = [{"name": name, "replayed": False} for name in names]
    body = run_body(record.run_id, record.status, record.bundle_id, record.output, steps, record.usage)
    return body if record.error is None else {**body, "error": record.error}


def finished(outcome: "RunOutcome") -> dict[str, Any]:
    """A run as its caller gets it from the host that ran it."""
    steps = [{"name": name, "replayed": replayed} for name, replayed in outcome.steps]
    return run_body(outcome.run_id, outcome.status, outcome.bundle_id, outcome.output, steps, outcome.usage)


def run_body(
    run_id: str, status: RunStatus, bundle_id: str, output: Any, steps: list[dict[str, Any]], usage: Usage
) -> dict[str, Any]:
    """A run in the words of the HTTP contract."""
    return {
        "run_id": run_id,
        "status": status.value,
        "bundle_id": bundle_id,
        "output": output,
        "steps": steps,
        "usage": usage.as_dict(),
    }


def _approval(approval_id: str) -> tuple[str, Path]:
    match = _APPROVAL.fullmatch(approval_id)
    if match is None:
        raise Problem(404, "not-found", "There is no such question", "no run of this tenant asks it")
    return match[1], path_from(match[2])


def _no_such_run() -> Problem:
    return Problem(404, "not-found", "There is no such run", "no run of this tenant has this id")
