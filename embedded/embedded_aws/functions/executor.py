"""Invokes functions: finds the version, takes a place and a process, and words the answer as AWS does."""

import random
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from embedded_aws.functions import metrics
from embedded_aws.functions.checks import check, named_by
from embedded_aws.functions.events import Event, Events
from embedded_aws.functions.invocation import Invocation, Refused
from embedded_aws.functions.invoke_api import Response, answer
from embedded_aws.functions.outcomes import Exited, Request
from embedded_aws.functions.places import Places
from embedded_aws.functions.pool import Pool
from embedded_aws.functions.report import report_line, worded
from embedded_aws.functions.sandbox import Issue, Run, Sandbox
from embedded_aws.functions.unpack import BadPackage, Packages
from embedded_aws.functions.versions import Target, Version, Versions

_SWEEP_SECONDS = 30.0


class Functions:
    """Lambda's data plane over moto's control plane.

    `max_processes` bounds what one machine runs at a time; it takes the part of the account's concurrency.
    """

    def __init__(
        self,
        *,
        endpoint_url: str,
        http_url: str = "",
        issue: Issue,
        python: Path,
        log: Callable[[str], None],
        account: str = "123456789012",
        max_processes: int = 20,
        idle_seconds: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
        choose: Callable[[], float] = random.random,
    ) -> None:
        self._account, self._log = account, log
        self._versions = Versions(account, choose)
        self._packages = Packages(account)
        self._places = Places()

        def start(version: Version) -> Sandbox:
            return Sandbox(
                version,
                account=account,
                packages=self._packages,
                python=python,
                endpoint_url=endpoint_url,
                http_url=http_url,
                issue=issue,
            )

        self._pool = Pool(start, limit=max_processes, idle_seconds=idle_seconds, clock=clock)
        self._events = Events(self._attempt, self._versions, self._places, account=account, log=log)
        self._closing = threading.Event()
        self._sweeper = threading.Thread(target=self._sweep, name="lambda-idle", daemon=True)
        self._sweeper.start()

    def invoke(
        self,
        region: str,
        function: str,
        qualifier: str | None,
        payload: bytes,
        *,
        invocation_type: str = "RequestResponse",
        log_tail: bool = False,
    ) -> Invocation:
        """https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html. `function` is a name or an ARN."""
        request_id = str(uuid.uuid4())
        try:
            named = named_by(region, function, qualifier)
            check(payload, invocation_type)
            target = self._versions.resolve(named.region or region, named.name, named.qualifier)
            if invocation_type == "DryRun":
                return Invocation(204, {"X-Amzn-RequestId": request_id})
            if invocation_type == "Event":
                self._events.accept(Event(request_id, target.version.region, named, payload or b"{}"))
                return Invocation(202, {"X-Amzn-RequestId": request_id})
            return self._run(target, request_id, payload or b"{}", log_tail=log_tail)
        except Refused as refusal:
            return refusal.answer(request_id)

    def respond(
        self, method: str, path: str, query: str, headers: dict[str, str], body: bytes
    ) -> Response | None:
        """Answers the Invoke API over HTTP; None when the request is for anything else."""
        return answer(self.invoke, method, path, query, headers, body)

    def wait_for_events(self, seconds: float | None = None) -> bool:
        """Waits until every event accepted so far is done or delivered to its destination."""
        return self._events.wait(seconds)

    def end_idle(self) -> None:
        """Ends processes that were idle for long; also done every now and then without being asked."""
        self._pool.end_idle()

    def pids(self) -> list[int]:
        """Processes that run or wait now."""
        return self._pool.pids()

    def close(self) -> None:
        """Ends every process that was started here, and returns when they are gone."""
        self._closing.set()
        self._events.stop()
        self._pool.close()
        self._events.join()
        self._sweeper.join()
        self._packages.close()

    def _attempt(self, event: Event) -> Invocation:
        target = self._versions.resolve(event.region, event.named.name, event.named.qualifier)
        return self._run(target, event.request_id, event.payload, log_tail=False)

    def _run(self, target: Target, request_id: str, payload: bytes, *, log_tail: bool) -> Invocation:
        version = target.version
        reserved = self._versions.latest(version.region, version.name).reserved_concurrency
        dimensions = metrics.dimensions_of(target)
        request = Request(request_id, payload, target.invoked_arn, _trace_id())
        try:
            with self._places.taken(
                (version.region, version.name), None if reserved is None else int(reserved)
            ):
                run, sandbox_log, tail = self._in_process(version, request)
        except Refused as refusal:
            if refusal.status == 429:
                metrics.put_invocation(self._account, version.region, dimensions, {"Throttles": 1})
            raise
        headers = {
            "Content-Type": "application/json",
            "X-Amzn-RequestId": request_id,
            "X-Amz-Executed-Version": version.version,
        }
        answered, failed = worded(run.outcome, version, request_id)
        if failed:
            headers["X-Amz-Function-Error"] = "Unhandled"
            self._log(
                f"{version.name}:{version.version} {answered.decode(errors='replace')} (log {sandbox_log})"
            )
        if log_tail:
            headers["X-Amz-Log-Result"] = tail
        values = {"Invocations": 1, "Errors": int(failed), "Duration": run.duration_seconds * 1000}
        metrics.put_invocation(self._account, version.region, dimensions, values)
        return Invocation(200, headers, answered)

    def _in_process(self, version: Version, request: Request) -> tuple[Run, str, str]:
        while True:
            try:
                sandbox = self._pool.take(version)
            except BadPackage as error:
                raise Refused(502, "InvalidZipFileException", str(error), Type="Server") from error
            was_warm = sandbox.was_used
            try:
                log = sandbox.log
                log.begin()
                log.line(f"START RequestId: {request.id} Version: {version.version}")
                run = sandbox.run(request)
                if was_warm and _died_idle(run):
                    continue
                log.line(f"END RequestId: {request.id}")
                log.line(report_line(request.id, version, run))
                return run, log.name, log.tail()
            finally:
                self._pool.give_back(sandbox)

    def _sweep(self) -> None:
        while not self._closing.wait(_SWEEP_SECONDS):
            self._pool.end_idle()


def _died_idle(run: Run) -> bool:
    return isinstance(run.outcome, Exited) and not run.outcome.request_was_taken


def _trace_id() -> str:
    """https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader"""
    unique = uuid.uuid4().hex
    return f"Root=1-{int(time.time()):08x}-{unique[:24]};Parent={unique[16:]};Sampled=0"
