"""Turns on AWS Lambda, behind an HTTP API or invoked directly."""

import logging
import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, TextIO

from agent_runtime.audit.trail import NOT_KEPT, Trail
from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.copies import copied_run, copy_id
from agent_runtime.errors import BundleMismatch, SessionElsewhere, Suspended
from agent_runtime.hosts.http import Answer, LambdaContext, Route, let_in, respond
from agent_runtime.hosts.pinned import Pins
from agent_runtime.hosts.problems import Problem, problem_of
from agent_runtime.hosts.reading import RunReader, finished
from agent_runtime.hosts.requests import (
    HttpCall,
    copy_of,
    direct_request,
    is_scheduled,
    run_request,
    schedule_request,
)
from agent_runtime.hosts.scheduled import by_schedule
from agent_runtime.hosts.session_pins import SessionPins
from agent_runtime.hosts.user_tokens import with_user_token
from agent_runtime.metrics import NOBODY_ELSE, Told, figures_of, metrics_line
from agent_runtime.outcomes import RunOutcome
from agent_runtime.records import ENDED, RunRequest, RunStatus, record_from
from agent_runtime.runner import Runner
from agent_runtime.samples import Sampler
from agent_runtime.telemetry.traceparent import from_xray
from agent_runtime.telemetry.working import tell_end

_log = logging.getLogger("agent_runtime.hosts.lambda_")
_MARGIN_SECONDS: Final = 0.5
"""Kept from the function's own time, to write down how the run stopped before Lambda ends the process."""
_FLUSH_SECONDS: Final = 1.0
"""Longest that a caller waits for spans to be sent; what was not sent goes with the next call's."""


class LambdaHost:
    """Answers events with one agent's runs. `clock` is monotonic, `now` gives seconds since 1970; in
    `environ`, that of the process, Lambda writes the trace of each call."""

    def __init__(
        self,
        runner: Runner,
        store: CheckpointStore,
        *,
        agent: str,
        bundle_id: str,
        turn_timeout_seconds: float,
        metrics: TextIO,
        pins: Pins,
        sampler: Sampler,
        tenants: frozenset[str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        environ: Mapping[str, str] = os.environ,
        told: Told = NOBODY_ELSE,
        audit: Trail = NOT_KEPT,
    ) -> None:
        self._runner = runner
        self._store = store
        self._agent = agent
        self._bundle_id = bundle_id
        self._turn_timeout_seconds = turn_timeout_seconds
        self._metrics = metrics
        self._pins = pins
        self._sampler = sampler
        self._environ = environ
        self._told = told
        self._tenants = tenants
        self._clock = clock
        self._now = now
        self._routes_of_runs: Final = RunReader(store, audit=audit).routes()

    def handle(self, event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        """An HTTP response for an API Gateway event; for a direct invocation the run, or `{"problem":
        {...}}`."""
        if is_scheduled(event):
            return by_schedule(lambda: self._run_to_its_end(schedule_request(event, self._agent), context))
        if "http" not in event.get("requestContext", {}):
            try:
                if "copy_of" in event:
                    request = self._copy_request(event["copy_of"])
                    return self._run(request, context)
                request = direct_request(event, self._agent)
                let_in(request.tenant, self._tenants)
                return self._run(request, context)
            except Problem as problem:
                return {"problem": problem.document("urn:agent-hosting:invoke")}
        post = Route("POST", re.compile("/runs"), lambda call: self._post_run(call, context))
        return respond(event, (post, *self._routes_of_runs), self._tenants)

    def _copy_request(self, wanted: object) -> RunRequest:
        """The copy that the rollout controller asks for. Raises `Problem` 400 and 404."""
        tenant, run_id = copy_of(wanted)
        let_in(tenant, self._tenants)
        head = self._store.find_head(tenant, run_id)
        if head is None:
            raise Problem(404, "not-found", "There is no such run", "only a run that is kept can be copied")
        original = record_from(head, self._store.blobs)
        # Without its session, or it would write into what the agent keeps of its callers.
        return RunRequest(copy_id(self._bundle_id, run_id), tenant, original.input)

    def _post_run(self, call: HttpCall, context: LambdaContext) -> Answer:
        request = with_user_token(run_request(call, self._agent), call)
        body = self._run(request, context)
        return (200 if RunStatus(body["status"]) in ENDED else 202), body

    def _run_to_its_end(self, request: RunRequest, context: LambdaContext) -> dict[str, Any]:
        """Of a call that nobody makes again once it was answered. Raises `Problem` for a run that sleeps or
        waits, too."""
        body = self._run(request, context)
        if RunStatus(body["status"]) in ENDED:
            return body
        problem = Problem(503, "run-not-over", "The run is not over", f"the run is {body['status']}")
        problem.has_begun = True
        raise problem

    def _run(self, request: RunRequest, context: LambdaContext) -> dict[str, Any]:
        begun, request = self._clock(), self._traced(request)
        seconds_of_function = context.get_remaining_time_in_millis() / 1000
        ends = begun + min(seconds_of_function - _MARGIN_SECONDS, self._turn_timeout_seconds)
        outcome: RunOutcome | None = None
        error: Exception | None = None
        try:
            outcome = self._once(request, seconds_of_function, lambda: ends - self._clock())
            error = None if isinstance(outcome.error, Suspended) else outcome.error
        except Exception as raised:  # noqa: BLE001  every error becomes a problem document
            error = raised
            _log.warning("run not taken", extra={"run_id": request.run_id}, exc_info=raised)
        problem = None if error is None else problem_of(error, request.run_id)
        self._measure(request, outcome, problem, begun)
        # Between two calls the process is frozen, and nothing is sent.
        left = context.get_remaining_time_in_millis() / 1000 - _MARGIN_SECONDS / 2
        self._runner.spans.flush(min(_FLUSH_SECONDS, left))
        if problem is not None:
            problem.has_begun = outcome is not None
            raise problem from error
        assert outcome is not None
        self._sampler.see(outcome, self._now())
        return finished(outcome)

    def _traced(self, request: RunRequest) -> RunRequest:
        """The request below Lambda's own span, where its caller sent none and X-Ray has both."""
        if request.traceparent or not self._runner.spans.in_xray:
            return request
        lambdas = from_xray(self._environ.get("_X_AMZN_TRACE_ID", ""))
        if lambdas is None:
            return request
        return replace(request, traceparent=lambdas.header())

    def _once(
        self, request: RunRequest, lease_seconds: float, remaining_seconds: Callable[[], float]
    ) -> RunOutcome:
        def run() -> RunOutcome:
            return self._runner.run(request, lease_seconds=lease_seconds, remaining_seconds=remaining_seconds)

        try:
            return run()
        except BundleMismatch:
            self._pins.settle(request)
            return run()
        except SessionElsewhere as error:
            if self._settled(request, error) != self._bundle_id:
                raise
            return run()

    def _settled(self, request: RunRequest, found: SessionElsewhere) -> str:
        """The release that the run's session goes on with. Raises `SessionStranded` and `TrafficUnknown`."""
        turns, session = self._runner.turns, request.session
        assert turns is not None
        assert session is not None
        pins = SessionPins(turns.sessions, self._pins.client, self._pins.table, has_queues=False)
        return pins.settle(request.tenant, session, found)

    def _measure(
        self, request: RunRequest, outcome: RunOutcome | None, problem: Problem | None, begun: float
    ) -> None:
        """Write the run's metrics and tell its span. A call that was refused (4xx) is no run: it
        would only dilute the error rate."""
        failed = problem is not None and problem.status >= 500
        is_new_copy = outcome is not None and outcome.agreement is not None
        if (outcome is None and not failed) or (copied_run(request.run_id) and not is_new_copy):
            return
        seconds, now = self._clock() - begun, self._now()
        tell_end(self._runner.spans, outcome, failed=failed)
        line = metrics_line(
            agent=self._agent,
            bundle_id=self._bundle_id,
            run_id=request.run_id,
            figures=figures_of(outcome, failed=failed, duration_ms=seconds * 1000),
            now=now,
            tenant=request.tenant,
            told=self._told,
        )
        self._metrics.write(line + "\n")
        self._metrics.flush()


def _start() -> LambdaHost:
    from agent_runtime.hosts.start import start
    from agent_runtime.logs import log_agent_alike
    from agent_runtime.settings import Settings

    settings = Settings.from_environment(os.environ)
    parts = start(settings)
    log_agent_alike()
    return LambdaHost(
        parts.runner,
        parts.store,
        agent=settings.agent_name,
        bundle_id=parts.bundle.bundle_id,
        turn_timeout_seconds=settings.turn_timeout_seconds,
        metrics=sys.stdout,
        pins=Pins(parts.store, parts.dynamodb, settings.control_table, parts.bundle.bundle_id),
        sampler=parts.sampler,
        told=Told(settings.observe.host, settings.observe.tenant_metrics),
        tenants=settings.tenants,
        audit=parts.audit,
    )


# On Lambda the host starts while the function initialises: with a whole CPU, before the first caller waits.
_host: LambdaHost | None = _start() if "AWS_LAMBDA_FUNCTION_NAME" in os.environ else None


def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """The function's handler: `agent_runtime.hosts.lambda_.handler`."""
    global _host
    if _host is None:
        _host = _start()
    return _host.handle(event, context)
