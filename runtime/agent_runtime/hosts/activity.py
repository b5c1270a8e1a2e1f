"""How many sessions this process has served of late: written each minute, for what scales the pods."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

EVERY_SECONDS: Final = 60


class Activity:
    """Sessions with a turn under way, or within the last `active_seconds`; a run without a session counts as
    long as it is under way. `clock` is monotonic, in seconds."""

    def __init__(self, active_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._active_seconds = active_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._under_way: Counter[str] = Counter()
        self._last: dict[str, float] = {}

    def begin(self, key: str) -> None:
        """A turn begins; `key` names its session, or else its run."""
        with self._lock:
            self._under_way[key] += 1

    def end(self, key: str, *, is_session: bool) -> None:
        """A turn that has begun is over."""
        with self._lock:
            self._under_way[key] -= 1
            if is_session:
                self._last[key] = self._clock()

    def count(self) -> int:
        """How many are active now; the others are forgotten."""
        with self._lock:
            since = self._clock() - self._active_seconds
            self._last = {key: at for key, at in self._last.items() if at > since}
            self._under_way = +self._under_way
            return len(self._last.keys() | self._under_way.keys())

    def tell_each_minute(self, write: Callable[[int], None], until: Callable[[float], bool]) -> None:
        """Write the count until `until`, which waits for so many seconds, says that it is over."""

        def tell() -> None:
            while not until(EVERY_SECONDS):
                write(self.count())

        threading.Thread(target=tell, name="activity", daemon=True).start()
