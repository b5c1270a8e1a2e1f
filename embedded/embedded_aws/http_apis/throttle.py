"""Token buckets, one for each throttled route of a stage.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass
class _Bucket:
    tokens: float
    filled: float


class Throttle:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[tuple[str, str, str], _Bucket] = {}

    def admits(self, api_id: str, stage: Any, route_key: str) -> bool:
        """`stage` is moto's record of it. No limit is set: the account's, which no machine reaches."""
        settings = {
            **_given(stage.default_route_settings),
            **_given((stage.route_settings or {}).get(route_key)),
        }
        rate, burst = settings.get("throttlingRateLimit"), settings.get("throttlingBurstLimit")
        if rate is None and burst is None:
            return True
        per_second = float(rate) if rate is not None else float("inf")
        room = float(burst) if burst is not None else max(1.0, per_second)
        return self._take((api_id, stage.name, route_key), per_second, room)

    def _take(self, key: tuple[str, str, str], per_second: float, room: float) -> bool:
        now = self._clock()
        with self._lock:
            bucket = self._buckets.setdefault(key, _Bucket(room, now))
            if now > bucket.filled:
                bucket.tokens = min(room, bucket.tokens + (now - bucket.filled) * per_second)
                bucket.filled = now
            if bucket.tokens < 1:
                return False
            bucket.tokens -= 1
            return True


def _given(settings: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (settings or {}).items() if value is not None}
