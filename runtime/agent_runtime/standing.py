"""Whether a worker's own release was sent back: then it takes nothing new."""

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Final

from agent_runtime.control import ControlReader
from agent_runtime.errors import TrafficUnknown
from agent_runtime.traffic import Traffic

CACHE_SECONDS: Final = 5.0
"""How late a worker may notice, and no more than one read in that time, also where the read fails."""


class Standing:
    """Of one release. Where the record cannot be read it keeps the standing that it had: an outage of the
    control table must not stop every worker of an agent. `clock` is monotonic, in seconds."""

    def __init__(
        self, control: ControlReader, bundle_id: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._control = control
        self._bundle_id = bundle_id
        self._clock = clock
        self._read_at = -CACHE_SECONDS
        self._traffic: Traffic | None = None
        self._reading = threading.Lock()

    def is_rejected(self) -> bool:
        """Whether new runs go elsewhere, and those that wait are moved."""
        traffic = self._latest()
        return traffic is not None and self._bundle_id in traffic.rejected

    def rejected(self) -> frozenset[str]:
        """All releases that were sent back."""
        traffic = self._latest()
        return frozenset() if traffic is None else traffic.rejected

    def stable(self) -> str | None:
        """The release that serves, as far as it is known."""
        traffic = self._latest()
        return None if traffic is None else traffic.stable

    def stops_running(self) -> bool:
        """Whether runs in hand stop at their next step, too."""
        return self.is_rejected() and self._traffic is not None and self._traffic.stops

    def _latest(self) -> Traffic | None:
        # One thread reads. The others go on with what was read before, and wait where that is nothing.
        if self._is_old() and self._reading.acquire(blocking=self._traffic is None):
            try:
                if self._is_old():
                    self._read()
            finally:
                self._reading.release()
        return self._traffic

    def _is_old(self) -> bool:
        return self._clock() - self._read_at >= CACHE_SECONDS

    def _read(self) -> None:
        with contextlib.suppress(TrafficUnknown):
            _, self._traffic = self._control.read()
        self._read_at = self._clock()
