"""Asks ECS not to end this task while a run is in a step."""

import http.client
import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

_log = logging.getLogger("agent_runtime.hosts.protection")
MINUTES: Final = 60
"""How long a protection lasts that nobody takes back: a worker that hangs must not stand for ever."""
_RENEWED_AFTER_SECONDS: Final = 1200
_CALL_SECONDS: Final = 2


class TaskProtection:
    """The task's scale-in protection:
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection-endpoint.html

    Outside ECS, where the endpoint is not set, it does nothing. A refusal is logged: a run that is cut off is
    resumed, so that it is no reason to stop.
    """

    def __init__(self, environ: Mapping[str, str], clock: Callable[[], float] = time.monotonic) -> None:
        self._endpoint = environ.get("ECS_AGENT_URI", "")
        self._clock = clock
        self._protected_at: float | None = None

    def keep(self, is_working: bool) -> None:
        """Protect the task, or take the protection back; says it to ECS only when something changes."""
        now = self._clock()
        is_fresh = self._protected_at is not None and now - self._protected_at < _RENEWED_AFTER_SECONDS
        if not self._endpoint or is_working == is_fresh or (not is_working and self._protected_at is None):
            return
        self._protected_at = now if is_working else None
        body = {"ProtectionEnabled": is_working} | ({"ExpiresInMinutes": MINUTES} if is_working else {})
        try:
            self._put(json.dumps(body))
        except (OSError, http.client.HTTPException) as error:
            _log.warning("task protection not set", extra={"wanted": is_working}, exc_info=error)

    def _put(self, body: str) -> None:
        url = urlsplit(f"{self._endpoint}/task-protection/v1/state")
        connection = http.client.HTTPConnection(url.netloc, timeout=_CALL_SECONDS)
        try:
            connection.request("PUT", url.path, body, {"Content-Type": "application/json"})
            reply = connection.getresponse()
            said = reply.read(2048).decode(errors="replace")
        finally:
            connection.close()
        if reply.status != 200:
            _log.warning("task protection refused", extra={"status": reply.status, "said": said})
