"""All objects of one kind, kept as the API server has them by a list and the watch that follows it."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

import urllib3

from embedded_kubernetes.objects.api import Api, ApiError, Gone, Missing, Object, Watch, name_of

_Found = TypeVar("_Found")
Changed = Callable[[str, Object], None]
"""Gets (ADDED, MODIFIED or DELETED, object), one call after the other."""
_WATCH_SECONDS = 240
_FIRST_PAUSE_SECONDS, _LAST_PAUSE_SECONDS = 0.1, 5.0


class Cache:
    """`path` is that of the kind in all namespaces, such as `/api/v1/pods`.

    A kind that the API server does not know (its definition is not installed) is empty, and looked for again.
    """

    def __init__(self, api: Api, path: str, *, log: Callable[[str], None], changed: Changed | None = None):
        self._api, self._path, self._log, self._changed = api, path, log, changed
        self._objects: dict[tuple[str, str], Object] = {}
        self._seen = 0
        self._listed = False
        self._news = threading.Condition()
        self._stopped = threading.Event()
        self._watch: Watch | None = None
        self._thread = threading.Thread(target=self._run, name=f"watch {path}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        watch = self._watch
        if watch is not None:
            watch.close()
        self._thread.join(10)

    def all(self) -> list[Object]:
        with self._news:
            return list(self._objects.values())

    def get(self, namespace: str, name: str) -> Object | None:
        with self._news:
            return self._objects.get((namespace, name))

    def wait_for(self, resource_version: str, seconds: float = 10.0) -> bool:
        """Whether a change with this version, as a write's answer has it, is in the cache in that time.

        Versions of one kind are numbers that grow: KEP-5504.
        """
        with self._news:
            return self._news.wait_for(lambda: self._seen >= int(resource_version), seconds)

    def wait_until(self, look: Callable[[list[Object]], _Found], seconds: float = 30.0) -> _Found:
        """What `look` finds in all objects, once that is true or the time is over."""
        with self._news:
            return self._news.wait_for(lambda: look(list(self._objects.values())), seconds)

    def wait_until_listed(self, seconds: float = 10.0) -> bool:
        with self._news:
            return self._news.wait_for(lambda: self._listed, seconds)

    def _run(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        version: str | None = None
        while not self._stopped.is_set():
            begun = time.monotonic()
            try:
                version = version or self._list()
                version = self._follow(version)
            except Gone:
                version = None
            except Missing:
                version = None
                self._replace([])
            except (ApiError, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                if not self._stopped.is_set() and pause == _FIRST_PAUSE_SECONDS:
                    self._log(f"{self._path} cannot be watched, trying on: {error}")
                version = None
            if time.monotonic() - begun > _LAST_PAUSE_SECONDS:
                pause = _FIRST_PAUSE_SECONDS
            self._stopped.wait(pause)
            pause = min(2 * pause, _LAST_PAUSE_SECONDS)

    def _list(self) -> str:
        said = self._api.get(self._path)
        self._replace(said["items"])
        version = str(said["metadata"]["resourceVersion"])
        self._note(version)
        return version

    def _follow(self, version: str) -> str:
        """The version to go on from, once the server ends the watch."""
        watch = self._watch = self._api.watch(self._path, version, _WATCH_SECONDS)
        if self._stopped.is_set():
            watch.close()
        for kind, thing in watch:
            version = str(thing["metadata"]["resourceVersion"])
            if kind != "BOOKMARK":
                self._apply(kind, thing)
            self._note(version)
        return version

    def _replace(self, listed: list[Object]) -> None:
        """After a gap: what is gone was deleted meanwhile, under whatever name it came back."""
        before = {thing["metadata"]["uid"]: thing for thing in self.all()}
        now = {thing["metadata"]["uid"]: thing for thing in listed}
        for uid in before.keys() - now.keys():
            self._apply("DELETED", before[uid])
        for uid, thing in now.items():
            known = before.get(uid)
            if known is None or known["metadata"]["resourceVersion"] != thing["metadata"]["resourceVersion"]:
                self._apply("ADDED" if known is None else "MODIFIED", thing)
        with self._news:
            self._listed = True
            self._news.notify_all()

    def _apply(self, kind: str, thing: Object) -> None:
        with self._news:
            if kind == "DELETED":
                self._objects.pop(name_of(thing), None)
            else:
                self._objects[name_of(thing)] = thing
        if self._changed is not None:
            self._tell(self._changed, kind, thing)

    def _tell(self, changed: Changed, kind: str, thing: Object) -> None:
        try:
            changed(kind, thing)
        except Exception as error:  # noqa: BLE001 - one object's fault must not stop the watch of all
            self._log(f"{self._path} {'/'.join(name_of(thing))}: {error!r}")

    def _note(self, version: str) -> None:
        with self._news:
            self._seen = max(self._seen, int(version))
            self._news.notify_all()
