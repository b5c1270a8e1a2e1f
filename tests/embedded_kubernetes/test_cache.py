"""The cache of a kind follows its watch, through gaps too."""

import queue
import threading
from collections.abc import Iterator
from typing import Any

from embedded_kubernetes.objects.api import ApiError, Gone
from embedded_kubernetes.objects.cache import Cache


def thing(name: str, version: int, uid: str = "") -> Any:
    return {"metadata": {"name": name, "uid": uid or name, "resourceVersion": str(version)}}


class Server:
    """Answers each list and each watch with what the test has prepared."""

    def __init__(self, *answers: Any) -> None:
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for answer in answers:
            self._answers.put(answer)
        self.asked: list[str] = []
        self._closed = threading.Event()

    def get(self, path: str) -> Any:
        self.asked.append("list")
        answer = self._answers.get()
        if isinstance(answer, Exception):
            raise answer
        version, *items = answer
        return {"metadata": {"resourceVersion": str(version)}, "items": items}

    def watch(self, path: str, resource_version: str, seconds: int) -> Any:
        self.asked.append(f"watch {resource_version}")
        return self

    def __iter__(self) -> Iterator[Any]:
        if self._answers.empty():
            self._closed.wait(30)
            return
        for one in self._answers.get():
            if isinstance(one, Exception):
                raise one
            yield one

    def close(self) -> None:
        self._closed.set()


def followed(*answers: Any, until: int) -> tuple[Server, list[tuple[str, str]], list[str]]:
    """What was asked, what changed, and the log, once this version was seen."""
    server, changes, log = Server(*answers), [], []
    cache = Cache(
        server,  # type: ignore[arg-type]
        "/things",
        log=log.append,
        changed=lambda kind, found: changes.append((kind, found["metadata"]["uid"])),
    )
    cache.start()
    assert cache.wait_for(str(until))
    cache.stop()
    return server, changes, log


def test_a_list_and_what_follows_it() -> None:
    events = [("MODIFIED", thing("a", 6)), ("DELETED", thing("a", 7)), ("BOOKMARK", thing("", 9))]
    server, changes, _ = followed((5, thing("a", 4)), events, until=9)
    assert changes == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]
    assert server.asked[:2] == ["list", "watch 5"]


def test_a_watch_that_ends_goes_on_where_it_was() -> None:
    server, _, _ = followed((5,), [("ADDED", thing("a", 6))], [("ADDED", thing("b", 7))], until=7)
    assert server.asked[:3] == ["list", "watch 5", "watch 6"]


def test_a_version_that_is_gone_is_listed_anew_and_compared() -> None:
    before = (5, thing("kept", 1), thing("lost", 2), thing("changed", 3), thing("again", 4, uid="first"))
    after = (9, thing("kept", 1), thing("changed", 8), thing("new", 7), thing("again", 6, uid="second"))
    _, changes, log = followed(before, [Gone(410, "too old")], after, until=9)
    assert sorted(changes[4:]) == [
        ("ADDED", "new"),
        ("ADDED", "second"),
        ("DELETED", "first"),
        ("DELETED", "lost"),
        ("MODIFIED", "changed"),
    ]
    assert changes.index(("DELETED", "first")) < changes.index(("ADDED", "second"))
    assert log == []


def test_a_server_that_does_not_answer_is_asked_again() -> None:
    server, _, log = followed(ApiError(503, "starting"), OSError("refused"), (5, thing("a", 4)), until=5)
    assert server.asked[:3] == ["list", "list", "list"]
    assert log == ["/things cannot be watched, trying on: 503: starting"]
