"""Turns on AWS Lambda, behind an HTTP API or invoked directly."""

import json
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, TextIO

from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.hosts.problems import CONTENT_TYPE, Problem, problem_of
from agent_runtime.hosts.requests import HttpCall, direct_request, http_call, run_request
from agent_runtime.ids import is_run_id
from agent_runtime.logs import metrics_line
from agent_runtime.records import RunRecord, RunStatus, Usage
from agent_runtime.runner import Runner, RunOutcome, RunRequest

_log = logging.getLogger("agent_runtime.hosts.lambda_")
_MARGIN_SECONDS: Final = 0.5
"""Kept from the function's own time, to write down how the run stopped before Lambda ends the process."""


class LambdaContext(Protocol):
    """What is used of Lambda's context object."""

    def get_remaining_time_in_millis(self) -> int: ...


class LambdaHost:
    """Answers events with one agent's runs. `clock` is monotonic, `now` gives seconds since 1970."""

    def __init__(
        self,
        runner: Runner,
        store: CheckpointStore,
        *,
        agent: str,
        bundle_id: str,
        turn_timeout_seconds: float,
        metrics: TextIO,
        tenants: frozenset[str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._runner = runner
        self._store = store
        self._agent = agent
        self._bundle_id = bundle_id
        self._turn_timeout_seconds = turn_timeout_seconds
        self._metrics = metrics
        self._tenants = tenants
        self._clock = clock
        self._now = now
        self._routes: Final = (
            ("POST", re.compile(r"/runs"), self._post_run),
            ("GET", re.compile(r"/runs/([^/]+)"), self._get_run),
        )

    def handle(self, event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        """An HTTP response for an API Gateway event; for a direct invocation the run, or `{"problem":
        {...}}`."""
        if "http" not in event.get("requestContext", {}):
            try:
                request = direct_request(event, self._agent)
                self._let_in(request.tenant)
                return self._run(request, context)
            except Problem as problem:
                return {"problem": problem.document("urn:agent-hosting:invoke")}
        try:
            call = http_call(event)
            self._let_in(call.tenant)
            return _response(200, "application/json", self._route(call, context))
        except Problem as problem:
            document = problem.document(str(event.get("rawPath", "/")))
            return _response(problem.status, CONTENT_TYPE, document, problem.retry_after)

    def _route(self, call: HttpCall, context: LambdaContext) -> dict[str, Any]:
        for method, path, answer in self._routes:
            if method == call.method and (match := path.fullmatch(call.path)):
                return answer(call, context, *match.groups())
        raise Problem(
            404, "not-found", "There is no such resource", f"{call.method} {call.path} is not served"
        )

    def _let_in(self, tenant: str) -> None:
        if self._tenants is not None and tenant not in self._tenants:
            raise Problem(
                403, "tenant-refused", "The tenant is not let in", "this agent serves other tenants"
            )

    def _post_run(self, call: HttpCall, context: LambdaContext) -> dict[str, Any]:
        return self._run(run_request(call, self._agent), context)

    def _get_run(self, call: HttpCall, _context: LambdaContext, run_id: str) -> dict[str, Any]:
        try:
            record = self._store.get_run(call.tenant, run_id) if is_run_id(run_id) else None
        except Exception as error:
            _log.exception("run not read", extra={"run_id": run_id})
            raise problem_of(error, run_id) from error
        if record is None:
            raise Problem(404, "not-found", "There is no such run", "no run of this tenant has this id")
        return _recorded(record)

    def _run(self, request: RunRequest, context: LambdaContext) -> dict[str, Any]:
        begun = self._clock()
        seconds_of_function = context.get_remaining_time_in_millis() / 1000
        ends = begun + min(seconds_of_function - _MARGIN_SECONDS, self._turn_timeout_seconds)
        outcome: RunOutcome | None = None
        error: Exception | None = None
        try:
            outcome = self._runner.run(
                request, lease_seconds=seconds_of_function, remaining_seconds=lambda: ends - self._clock()
            )
            error = outcome.error
        except Exception as raised:  # noqa: BLE001  every error becomes a problem document
            error = raised
            _log.warning("run not taken", extra={"run_id": request.run_id}, exc_info=raised)
        problem = None if error is None else problem_of(error, request.run_id)
        self._measure(request, outcome, problem, begun)
        if problem is not None:
            raise problem from error
        assert outcome is not None
        return _finished(outcome)

    def _measure(
        self, request: RunRequest, outcome: RunOutcome | None, problem: Problem | None, begun: float
    ) -> None:
        """Write the run's metrics. A call that was refused (4xx) is no run: it would only dilute the error
        rate."""
        failed = problem is not None and problem.status >= 500
        if outcome is None and not failed:
            return
        line = metrics_line(
            agent=self._agent,
            bundle_id=self._bundle_id,
            run_id=request.run_id,
            spent=outcome.spent if outcome else Usage(),
            failed=failed,
            duration_ms=(self._clock() - begun) * 1000,
            now=self._now(),
        )
        self._metrics.write(line + "\n")
        self._metrics.flush()


def _finished(outcome: RunOutcome) -> dict[str, Any]:
    steps = [{"name": name, "replayed": replayed} for name, replayed in outcome.steps]
    return _shown(outcome.run_id, outcome.status, outcome.bundle_id, outcome.output, steps, outcome.usage)


def _recorded(record: RunRecord) -> dict[str, Any]:
    steps = [{"name": name, "replayed": False} for name in record.steps]
    shown = _shown(record.run_id, record.status, record.bundle_id, record.output, steps, record.usage)
    return shown if record.error is None else {**shown, "error": record.error}


def _shown(
    run_id: str, status: RunStatus, bundle_id: str, output: Any, steps: list[dict[str, Any]], usage: Usage
) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "status": status.value,
        "bundle_id": bundle_id,
        "output": output,
        "steps": steps,
        "usage": usage.as_dict(),
    }


def _response(
    status: int, content_type: str, document: dict[str, Any], retry_after: int | None = None
) -> dict[str, Any]:
    headers = {"content-type": content_type}
    if retry_after is not None:
        headers["retry-after"] = str(retry_after)
    return {"statusCode": status, "headers": headers, "body": json.dumps(document), "isBase64Encoded": False}


def _start() -> LambdaHost:
    from agent_runtime.hosts.start import start

    parts = start(os.environ)
    return LambdaHost(
        parts.runner,
        parts.store,
        agent=parts.settings.agent_name,
        bundle_id=parts.bundle.bundle_id,
        turn_timeout_seconds=parts.settings.turn_timeout_seconds,
        metrics=sys.stdout,
        tenants=parts.settings.tenants,
    )


# On Lambda the host starts while the function initialises: with a whole CPU, before the first caller waits.
_host: LambdaHost | None = _start() if "AWS_LAMBDA_FUNCTION_NAME" in os.environ else None


def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """The function's handler: `agent_runtime.hosts.lambda_.handler`."""
    global _host
    if _host is None:
        _host = _start()
    return _host.handle(event, context)
