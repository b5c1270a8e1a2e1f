"""`POST /runs` of the server host: a run is accepted as one of the queue's, and worked on here at once.

Accepted so, it outlives this process: the reaper sends a run that nobody works on to its release's queue.
"""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final, Protocol

from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.errors import Braked, CapReached, CheckpointUnavailable, ParentRefused
from agent_runtime.hosts.activity import Activity
from agent_runtime.hosts.http import Answer
from agent_runtime.hosts.job import JobDone
from agent_runtime.hosts.problems import Problem, problem_of
from agent_runtime.hosts.queue import RunMessage
from agent_runtime.hosts.reading import RunProblems, finished, recorded
from agent_runtime.hosts.worker import NoRoom
from agent_runtime.moving import is_in_hand
from agent_runtime.records import ENDED, RunRequest, RunStatus
from agent_runtime.secrets import SecretValue

_log = logging.getLogger("agent_runtime.hosts.answering")
FULL_SECONDS: Final = 2
"""After which a caller may ask again that found every place taken."""


class Works(Protocol):
    """What is used of the worker."""

    def has_room(self, tenant: str) -> bool: ...

    def has_turn(self, tenant: str, run_id: str) -> bool: ...

    def turn(self, message: RunMessage, user_token: SecretValue | None = None) -> "Future[JobDone]": ...


@dataclass(frozen=True)
class Answering:
    """Turns of one release. `send` sends to its queue, `seen` is told of each turn that begins."""

    store: CheckpointStore
    worker: Works
    send: Callable[[RunMessage], None]
    brake: Callable[[], str | None]
    """Why the agent is braked, or None."""
    bundle_id: str
    seconds: float
    """How long a caller waits for a run."""
    activity: Activity
    check_room: Callable[[str, str | None], None] = lambda *_: None
    """Raises `CapReached` where a tenant has nothing left to spend, `ParentRefused` for a parent that is not
    let in."""

    def answer(self, request: RunRequest) -> Answer:
        """200 with the run if it ends in time, else 202 while it goes on. Raises `Problem`, 503 where nothing
        more can be begun, and then nothing is written."""
        self._refuse_spent(request)
        is_here = self.worker.has_turn(request.tenant, request.run_id)
        if not is_here and not self.worker.has_room(request.tenant):
            raise full()
        with RunProblems(request.run_id):
            submitted = self.store.submit(
                run_id=request.run_id,
                tenant=request.tenant,
                input=request.input,
                bundle_id=self.bundle_id,
                session=request.session,
                parent=request.parent,
                traceparent=request.traceparent,
            )
            is_ours = is_here or submitted.is_new or self._is_forgotten(request)
        done = self._done(request) if is_ours else None
        if done is None or done.outcome is None:
            return self.as_it_stands(request.tenant, request.run_id)
        outcome = done.outcome
        if done.failed and outcome.error is not None:
            raise problem_of(outcome.error, request.run_id)
        if outcome.status is RunStatus.DONE:
            return 200, finished(outcome)
        # A run that failed is tried again by the queue, as far as its failures may be passing ones.
        status = RunStatus.QUEUED if outcome.status is RunStatus.FAILED else outcome.status
        return 202, _located({**finished(outcome), "status": status.value})

    def as_it_stands(self, tenant: str, run_id: str) -> Answer:
        """The run as the table has it: 200 once it has ended. Raises `Problem` 404 and 503."""
        with RunProblems(run_id):
            record = self.store.get_run(tenant, run_id)
        if record is None:
            raise Problem(404, "not-found", "There is no such run", "no run of this tenant has this id")
        if record.status in ENDED:
            return 200, recorded(record, record.steps)
        body = {"run_id": run_id, "status": record.status.value, "bundle_id": record.bundle_id}
        return 202, _located(body)

    def is_known(self, request: RunRequest) -> bool:
        """Whether the run was accepted before."""
        with RunProblems(request.run_id):
            return self.store.find_head(request.tenant, request.run_id) is not None

    def accept_for(self, request: RunRequest, bundle_id: str) -> Answer:
        """Accept a run for a release that cannot be reached from here: the reaper sends it to its queue."""
        self._refuse_spent(request)
        with RunProblems(request.run_id):
            self.store.submit(
                run_id=request.run_id,
                tenant=request.tenant,
                input=request.input,
                bundle_id=bundle_id,
                session=request.session,
                parent=request.parent,
                traceparent=request.traceparent,
            )
        return self.as_it_stands(request.tenant, request.run_id)

    def _refuse_spent(self, request: RunRequest) -> None:
        if (reason := self.brake()) is not None:
            raise problem_of(Braked(reason), None)
        try:
            self.check_room(request.tenant, request.parent)
        except (CapReached, CheckpointUnavailable, ParentRefused) as error:
            raise problem_of(error, request.run_id) from error

    def _is_forgotten(self, request: RunRequest) -> bool:
        """Whether a run that was accepted before is to be begun here."""
        head = self.store.find_head(request.tenant, request.run_id)
        if head is None or head["bundle_id"] != self.bundle_id:
            return False
        return is_free(head, is_in_hand=is_in_hand(self.store, head))

    def _done(self, request: RunRequest) -> JobDone | None:
        """What became of the run; None if its caller has waited long enough, or another pod has it."""
        agent = self.store.heads.agent
        message = RunMessage(agent, request.run_id, request.tenant, self.bundle_id, request.session)
        is_session = request.session is not None
        key = f"{request.tenant}#{request.session if is_session else request.run_id}"
        try:
            turn = self.worker.turn(message, request.user_token)
        except NoRoom:
            self._send(message)
            return None
        self.activity.begin(key)
        turn.add_done_callback(lambda _: self.activity.end(key, is_session=is_session))
        try:
            return turn.result(self.seconds)
        except TimeoutError:
            return None

    def _send(self, message: RunMessage) -> None:
        try:
            self.send(message)
        except Exception as error:  # noqa: BLE001  the run is written, and the reaper sends what was not
            _log.warning("run not sent", extra={"run_id": message.run_id}, exc_info=error)


def is_free(head: Mapping[str, Any], *, is_in_hand: bool) -> bool:
    """Whether a run that is asked for again may be begun at once: it waits for its first worker, or lost its
    last one. Not where it waits for its next try: callers who are in a hurry must not count it to death."""
    status = RunStatus(head["status"])
    return (status is RunStatus.QUEUED and head.get("takes") == 0) or (
        status is RunStatus.RUNNING and not is_in_hand
    )


def full() -> Problem:
    return Problem(
        503, "full", "All places are taken", "ask again with the same key", retry_after=FULL_SECONDS
    )


def _located(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "location": f"/runs/{body['run_id']}"}
