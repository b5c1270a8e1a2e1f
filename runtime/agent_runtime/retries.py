"""When a failed call is worth another try: by class of error, with full jitter, within a budget."""

import random
import time
from collections.abc import Callable
from threading import Lock
from typing import Final, TypeVar

from botocore.exceptions import ClientError, HTTPClientError

from agent_runtime.errors import AgentRuntimeError

T = TypeVar("T")
ATTEMPTS: Final = 4
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 5.0
BUDGET: Final = 10
"""Retries that one run may spend: more would only add load to what is failing."""
_LASTING: Final = (FileNotFoundError, FileExistsError, PermissionError, IsADirectoryError, NotADirectoryError)
_TRANSIENT_CODES: Final = frozenset(
    {
        "InternalError",
        "InternalServerError",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)


def is_transient(error: BaseException) -> bool:
    """Whether the same call may work in a moment. The runtime's own errors were retried where they arise."""
    if isinstance(error, AgentRuntimeError):
        return False
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return error.response.get("Error", {}).get("Code") in _TRANSIENT_CODES or status >= 500
    return isinstance(error, HTTPClientError | OSError) and not isinstance(error, _LASTING)


class Retries:
    """The retries of one run. `sleep` is injected; `may_pause` says whether there is time for a pause."""

    def __init__(
        self,
        *,
        budget: int = BUDGET,
        sleep: Callable[[float], None] = time.sleep,
        may_pause: Callable[[float], bool] = lambda _: True,
    ) -> None:
        self._left = budget
        self._lock = Lock()
        self._sleep = sleep
        self._may_pause = may_pause

    def pause(self, seconds: float) -> bool:
        """Wait before another try that is not `call`'s to make; False, at once, without time or a retry
        left."""
        if not self._spend(seconds):
            return False
        self._sleep(seconds)
        return True

    def call(self, work: Callable[[], T]) -> T:
        """The result of `work`, tried again on transient errors; the last error is raised as it came."""
        pause = random.uniform(0, FIRST_PAUSE_SECONDS)  # noqa: S311  jitter is no secret
        try:
            return work()
        except Exception as error:
            if not is_transient(error) or not self._spend(pause):
                raise
        # Imported here: few runs ever retry, and a cold start should not pay for it.
        from tenacity import (
            Retrying,
            retry_if_exception,
            stop_after_attempt,
            wait_random_exponential,
        )

        self._sleep(pause)
        tries = stop_after_attempt(ATTEMPTS - 1)
        attempts = Retrying(
            # The budget comes last: a try that is not made must not spend of it.
            stop=lambda state: tries(state) or not self._spend(state.upcoming_sleep),
            wait=wait_random_exponential(multiplier=FIRST_PAUSE_SECONDS, max=LONGEST_PAUSE_SECONDS),
            retry=retry_if_exception(is_transient),
            sleep=self._sleep,
            reraise=True,
        )
        return attempts(work)

    def _spend(self, pause: float) -> bool:
        """Whether there is time for the pause and a retry left, which is then spent."""
        if not self._may_pause(pause):
            return False
        with self._lock:
            has_one = self._left > 0
            self._left -= has_one
            return has_one
