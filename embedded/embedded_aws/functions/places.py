"""Counts running invocations of each function against its reserved concurrency."""

import threading
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

from embedded_aws.functions.invocation import Throttled

RESERVED = "ReservedFunctionConcurrentInvocationLimitExceeded"
"""`Reason` of https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html, TooManyRequestsException."""


class Places:
    """`changed` is notified, and `generation` grows, whenever a place becomes free."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.generation = 0
        self._running: Counter[tuple[str, str]] = Counter()

    @contextmanager
    def taken(self, function: tuple[str, str], limit: int | None) -> Generator[None]:
        with self.changed:
            if limit is not None and self._running[function] >= limit:
                raise Throttled(RESERVED)
            self._running[function] += 1
        try:
            yield
        finally:
            with self.changed:
                self._running[function] -= 1
                self.generation += 1
                self.changed.notify_all()
