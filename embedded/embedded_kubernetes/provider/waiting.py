"""Waits until an object is ready, or gone, without a thread: what it waits for may need the threads."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from embedded_kubernetes.provider.api import Api, Endpoint
from embedded_kubernetes.provider.connection import Object
from embedded_kubernetes.provider.diagnosis import diagnose
from embedded_kubernetes.provider.progress import Progress
from embedded_kubernetes.provider.readiness import judge
from embedded_kubernetes.provider.tokens import Kind

_SHORTEST, _LONGEST = 0.1, 1.0
_FAILED_BY = 3
"""Looks after which a failure is believed: it may be the controller's word on the version before."""
_DIAGNOSED_AFTER_SECONDS = 5.0


class NotReady(Exception):
    """The object is there and did not become ready; with the object as it was last."""

    def __init__(self, live: Object, reason: str) -> None:
        super().__init__(reason)
        self.live, self.reason = live, reason


class Cancelled(Exception):
    """The user stopped the update."""


class Waiter:
    def __init__(self, api: Api, progress: Progress, cancelled: asyncio.Event, seconds: float) -> None:
        self._api, self._progress, self._cancelled, self._seconds = api, progress, cancelled, seconds

    async def until_ready(self, endpoint: Endpoint, live: Object) -> Object:
        """Raises NotReady, which says which pod is in the way and why."""
        namespace, name = live["metadata"].get("namespace", ""), live["metadata"]["name"]
        began, failures = time.monotonic(), 0

        async def look() -> Object | None:
            nonlocal live, failures
            found = await asyncio.to_thread(self._api.read, endpoint, namespace, name)
            if found is None:
                raise NotReady(live, "it was deleted while it was waited for")
            live = found
            verdict = await asyncio.to_thread(judge, live, self._api.listed)
            failures = failures + 1 if verdict.failed else 0
            if verdict.ready:
                return live
            late = time.monotonic() - began > min(_DIAGNOSED_AFTER_SECONDS, self._seconds)
            why = await self._why(live) if late or failures >= _FAILED_BY else ""
            if failures >= _FAILED_BY:
                raise NotReady(live, f"{verdict.reason}{why}")
            await self._progress.say(f"waiting: {verdict.reason}{why}")
            return None

        try:
            return await self._repeat(look)
        except TimeoutError:
            verdict = await asyncio.to_thread(judge, live, self._api.listed)
            why = await self._why(live)
            text = f"not ready after {self._seconds:.0f} s: {verdict.reason}{why}"
            raise NotReady(live, text) from None
        except Cancelled:
            raise NotReady(live, "the update was cancelled before it was ready") from None

    async def until_known(self, kinds: Sequence[Kind], live: Object) -> None:
        """Raises NotReady for a definition whose kinds the server does not tell of: it does so some time
        after the definition is established."""

        async def look() -> Object | None:
            for kind in kinds:
                if await asyncio.to_thread(self._api.endpoint, kind) is None:
                    await self._progress.say(f"waiting until the cluster tells of its kind {kind}")
                    return None
            return live

        try:
            await self._repeat(look)
        except TimeoutError:
            text = f"established, and not told of by the cluster after {self._seconds:.0f} s"
            raise NotReady(live, text) from None
        except Cancelled:
            raise NotReady(live, "the update was cancelled before it was ready") from None

    async def until_gone(self, endpoint: Endpoint, live: Object) -> None:
        """Raises NotReady for one that stays."""
        namespace, name = live["metadata"].get("namespace", ""), live["metadata"]["name"]
        last = live

        async def look() -> Object | None:
            nonlocal last
            found = await asyncio.to_thread(self._api.read, endpoint, namespace, name)
            if found is None or found["metadata"]["uid"] != live["metadata"]["uid"]:
                return live
            last = found
            await self._progress.say(f"waiting until it is gone{_held(found)}")
            return None

        try:
            await self._repeat(look)
        except TimeoutError:
            raise NotReady(
                last, f"still there {self._seconds:.0f} s after its deletion{_held(last)}"
            ) from None
        except Cancelled:
            raise NotReady(last, "the update was cancelled before it was gone") from None

    async def _why(self, live: Object) -> str:
        found = await asyncio.to_thread(diagnose, live, self._api.listed)
        return f" ({found})" if found else ""

    async def _repeat(self, look: Callable[[], Awaitable[Object | None]]) -> Object:
        pause = _SHORTEST
        async with asyncio.timeout(self._seconds):
            while True:
                found = await look()
                if found is not None:
                    return found
                if self._cancelled.is_set():
                    raise Cancelled
                await asyncio.sleep(pause)
                pause = min(pause * 1.5, _LONGEST)


def _held(live: Object) -> str:
    """What keeps an object that is being deleted."""
    finalizers = live["metadata"].get("finalizers") or []
    notes = [
        c["message"]
        for c in (live.get("status") or {}).get("conditions") or []
        if c.get("status") == "True" and c.get("message") and live["kind"] == "Namespace"
    ]
    held = [f"finalizers {', '.join(finalizers)}"] if finalizers else []
    return f" ({'; '.join([*held, *notes])})" if held or notes else ""
