"""What a pod of a release answers: `python -m agent_runtime serve`.

A turn is served where its session is: here, by another pod that is in a turn of it, or by the release that it
is pinned to. Any pod tells how runs stand.
"""

import re
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol

from agent_runtime.audit.trail import NOT_KEPT, Trail
from agent_runtime.errors import CheckpointUnavailable
from agent_runtime.hosts.answering import Answering, full
from agent_runtime.hosts.forwarding import FORWARDED, AnswerLost, NotReached, forward
from agent_runtime.hosts.http import Answer, Route
from agent_runtime.hosts.problems import Problem, problem_of
from agent_runtime.hosts.queue import RunMessage
from agent_runtime.hosts.reading import RunReader
from agent_runtime.hosts.requests import HttpCall, run_request
from agent_runtime.hosts.routing import (
    Accept,
    Busy,
    Forward,
    Here,
    Serve,
    Session,
    Where,
    route,
    to_release,
)
from agent_runtime.hosts.user_tokens import with_user_token
from agent_runtime.ids import new_run_id, run_id_for_key
from agent_runtime.records import RunRequest
from agent_runtime.standing import Standing

_FORWARD_MARGIN_SECONDS: Final = 3
"""Beyond the turn time, in which the other pod answers 202 at the latest."""
_ELSEWHERE: Final = "The session is pinned to another release"
_LOST: Final = "The pod that has the session did not answer"
_BUSY: Final = "Another turn of the session goes on"


class Finds(Protocol):
    """What is used of `Sessions`."""

    def find(self, tenant: str, session: str) -> Session | None: ...


class ServerHost:
    """The routes of one pod. `sessions` is None for an agent without memory, whose runs any pod serves."""

    def __init__(
        self,
        answering: Answering,
        here: Here,
        standing: Standing,
        sessions: Finds | None,
        *,
        seats: int,
        is_stopping: Callable[[], bool],
        send: Callable[[RunMessage], None],
        clock: Callable[[], float] = time.time,
        audit: Trail = NOT_KEPT,
    ) -> None:
        self._answering = answering
        self._here = here
        self._standing = standing
        self._sessions = sessions
        self._seats = threading.BoundedSemaphore(seats)
        self._is_stopping = is_stopping
        self._clock = clock
        self._agent: Final = answering.store.heads.agent
        reader = RunReader(answering.store, send, audit)
        self.routes: Final = (Route("POST", re.compile("/runs"), self._post_run), *reader.routes())

    def _post_run(self, call: HttpCall) -> Answer:
        if self._is_stopping():
            raise Problem(503, "stopping", "This process is being stopped", "ask again", retry_after=1)
        request = with_user_token(run_request(call, self._agent), call)
        if not self._seats.acquire(blocking=False):
            raise full()
        try:
            return self._answer(call, request)
        finally:
            self._seats.release()

    def _answer(self, call: HttpCall, request: RunRequest) -> Answer:
        where = self._where(request)
        if isinstance(where, Forward):
            if FORWARDED in call.headers:
                detail = "the call was forwarded here, and its session is elsewhere by now"
                raise Problem(409, "session-elsewhere", _ELSEWHERE, detail, retry_after=1)
            try:
                return self._forwarded(call, request, where.url)
            except NotReached:
                where = where.otherwise
        if isinstance(where, Accept):
            return self._answering.accept_for(request, where.bundle_id)
        if isinstance(where, Busy) and not self._answering.is_known(request):
            seconds = where.retry_after_seconds
            raise Problem(409, "session-busy", _BUSY, "ask again when it has ended", retry_after=seconds)
        return self._answering.answer(request)

    def _where(self, request: RunRequest) -> Where:
        rejected, stable = self._standing.rejected(), self._standing.stable()
        if self._here.bundle_id in rejected and stable is not None:
            return to_release(stable, self._here, Accept(stable))
        if request.session is None or self._sessions is None:
            return Serve()
        try:
            found = self._sessions.find(request.tenant, request.session)
        except CheckpointUnavailable as error:
            raise problem_of(error, None) from error
        return route(found, self._here, self._clock(), rejected)

    def _forwarded(self, call: HttpCall, request: RunRequest, url: str) -> Answer:
        """Raises `Problem` and `NotReached`."""
        key = call.headers.get("idempotency-key") or f"forwarded-{new_run_id()}"
        try:
            return forward(call, url, key, self._answering.seconds + _FORWARD_MARGIN_SECONDS)
        except AnswerLost as error:
            sent = replace(request, run_id=run_id_for_key(self._agent, request.tenant, key))
            if self._answering.is_known(sent):
                return self._answering.as_it_stands(sent.tenant, sent.run_id)
            raise Problem(503, "answer-lost", _LOST, "ask again with the same key", retry_after=1) from error
