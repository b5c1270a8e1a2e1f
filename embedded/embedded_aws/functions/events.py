"""Asynchronous invocation: a bounded queue, retries, and destinations for what succeeds or fails for good."""

import json
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from embedded_aws.functions.destinations import Destinations, dead_letter, record
from embedded_aws.functions.invocation import Invocation, Throttled
from embedded_aws.functions.names import FunctionName
from embedded_aws.functions.places import Places
from embedded_aws.functions.versions import Versions, kept

EVENT_LIMIT_BYTES = 1024 * 1024
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: 1 MB for an asynchronous one."""
_QUEUE_LIMIT = 10_000
_WORKERS = 8
_DEFAULT_RETRIES = 2
_DEFAULT_AGE_SECONDS = 6 * 3600


@dataclass(eq=False)
class Event:
    request_id: str
    region: str
    named: FunctionName
    payload: bytes
    accepted: float = field(default_factory=time.monotonic)
    attempts: int = 0
    throttled_at: int | None = None
    """Generation of the places at the last refusal: there is no use in another attempt before it changes."""


class Events:
    """Retries follow at once, where AWS waits a minute and then two; after a throttle, once a place is free.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
    """

    def __init__(
        self,
        attempt: Callable[[Event], Invocation],
        versions: Versions,
        places: Places,
        *,
        account: str,
        log: Callable[[str], None],
    ) -> None:
        self._attempt, self._versions, self._places, self._log = attempt, versions, places, log
        self._destinations = Destinations(account, self.accept_for)
        self._changed = places.changed
        self._queue: deque[Event] = deque()
        self._working = 0
        self._stopped = False
        self._workers: list[threading.Thread] = []

    def accept(self, event: Event) -> None:
        with self._changed:
            if self._stopped or len(self._queue) >= _QUEUE_LIMIT:
                raise Throttled("CallerRateLimitExceeded")
            self._queue.append(event)
            if len(self._workers) < _WORKERS:
                worker = threading.Thread(target=self._work, name="lambda-events", daemon=True)
                self._workers.append(worker)
                worker.start()
            self._changed.notify_all()

    def accept_for(self, region: str, named: FunctionName, request_id: str, payload: bytes) -> None:
        self.accept(Event(request_id, region, named, payload))

    def wait(self, seconds: float | None) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: not self._queue and not self._working, seconds)

    def stop(self) -> None:
        """Drops what waits: a stopped machine has no queue that survives it."""
        with self._changed:
            self._stopped = True
            self._queue.clear()
            self._changed.notify_all()

    def join(self) -> None:
        for worker in self._workers:
            worker.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                while (event := self._next()) is None and not self._stopped:
                    self._changed.wait()
                if event is None:
                    return
                self._working += 1
            try:
                again = self._process(event)
            except Exception as error:  # noqa: BLE001 one bad event must not end the worker of all others
                self._log(f"event {event.request_id} for {event.named.name} is dropped: {error!r}")
                again = False
            with self._changed:
                if again and not self._stopped:
                    self._queue.append(event)
                self._working -= 1
                self._changed.notify_all()

    def _next(self) -> Event | None:
        for event in self._queue:
            if event.throttled_at != self._places.generation:
                self._queue.remove(event)
                return event
        return None

    def _process(self, event: Event) -> bool:
        """One attempt; True when the event must be tried again."""
        latest = self._versions.latest(event.region, event.named.name)
        settings = dict(latest.event_invoke_config[-1].config) if latest.event_invoke_config else {}
        age = settings.get("MaximumEventAgeInSeconds") or _DEFAULT_AGE_SECONDS
        if latest.reserved_concurrency is not None and int(latest.reserved_concurrency) == 0:
            self._fail(event, settings, "ZeroReservedConcurrency", None)
            return False
        if time.monotonic() - event.accepted > age:
            self._fail(event, settings, "EventAgeExceeded", None)
            return False
        generation = self._places.generation
        try:
            result = self._attempt(event)
        except Throttled:
            event.throttled_at = generation
            return True
        event.throttled_at = None
        event.attempts += 1
        if result.function_error is None:
            self._send(event, settings, "OnSuccess", "Success", result)
            return False
        if event.attempts <= settings.get("MaximumRetryAttempts", _DEFAULT_RETRIES):
            return True
        self._fail(event, settings, "RetriesExhausted", result)
        return False

    def _fail(
        self, event: Event, settings: dict[str, Any], condition: str, result: Invocation | None
    ) -> None:
        self._send(event, settings, "OnFailure", condition, result)
        target = kept(self._versions.latest(event.region, event.named.name), "DeadLetterConfig").get(
            "TargetArn"
        )
        if target and not self._stopped:
            message = _message(result)
            self._destinations.send(target, event.payload.decode(), dead_letter(event.request_id, message))

    def _send(
        self, event: Event, settings: dict[str, Any], which: str, condition: str, result: Invocation | None
    ) -> None:
        chosen = (settings.get("DestinationConfig") or {}).get(which) or {}
        # Stopping ends running processes: that is no failure of the function.
        if chosen.get("Destination") and not self._stopped:
            arn = self._versions.resolve(event.region, event.named.name, None).version.arn
            body = record(
                request_id=event.request_id,
                function_arn=f"{arn}:{event.named.qualifier or '$LATEST'}",
                condition=condition,
                attempts=event.attempts,
                payload=event.payload,
                result=result,
            )
            self._destinations.send(chosen["Destination"], json.dumps(body), {})


def _message(result: Invocation | None) -> str:
    return str(json.loads(result.payload).get("errorMessage", "")) if result else ""
