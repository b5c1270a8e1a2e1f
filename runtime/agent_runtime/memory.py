"""`run.memory`: what a session remembers from one run to the next."""

import copy
import json
from collections.abc import Callable, Iterator, MutableMapping
from threading import Lock
from typing import Any, Final

from agent_runtime.errors import MemoryInStep, MemoryTooLarge, ResultNotJson
from agent_runtime.scopes import current_scope

MOST_BYTES: Final = 4 * 1024 * 1024
"""As JSON. What is over 350 KB lies in S3; a run reads and writes all of it, whatever it uses."""
MOST_KEY: Final = 256


class Memory(MutableMapping[str, Any]):
    """A mapping of JSON values, read at its first use.

    It is changed outside of steps, from their results: a step that is replayed is not done again, and a
    change within it would be lost. Within a step what is read is a copy.
    """

    def __init__(self, load: Callable[[], dict[str, Any]]) -> None:
        self._load = load
        self._lock = Lock()
        self._values: dict[str, Any] | None = None
        self._began: dict[str, str] = {}
        """Text of each value as the run found it."""

    def __getitem__(self, key: str) -> Any:
        value = self._loaded()[key]
        return copy.deepcopy(value) if _is_in_step() else value

    def __setitem__(self, key: str, value: Any) -> None:
        self._check_place()
        if not isinstance(key, str) or not 0 < len(key) <= MOST_KEY:
            raise ResultNotJson(f"a key of run.memory is a text of 1 to {MOST_KEY} characters, not {key!r}")
        self._loaded()[key] = json.loads(_text(key, value))

    def __delitem__(self, key: str) -> None:
        self._check_place()
        del self._loaded()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._loaded()))

    def __len__(self) -> int:
        return len(self._loaded())

    def __repr__(self) -> str:
        return "Memory(not read)" if self._values is None else f"Memory({len(self._values)} keys)"

    def changes(self) -> dict[str, str | None]:
        """Text of each value that the run has set or changed within, and None of each that it deleted.
        Raises `ResultNotJson`."""
        if self._values is None:
            return {}
        now = {key: _text(key, value) for key, value in self._values.items()}
        gone: dict[str, str | None] = dict.fromkeys(self._began.keys() - now.keys())
        return gone | {key: text for key, text in now.items() if self._began.get(key) != text}

    def _loaded(self) -> dict[str, Any]:
        with self._lock:
            if self._values is None:
                values = self._load()
                self._began = {key: _text(key, value) for key, value in values.items()}
                self._values = values
            return self._values

    def _check_place(self) -> None:
        if _is_in_step():
            raise MemoryInStep(
                "run.memory was changed inside a step, which is not done again when the run is taken up "
                "again; return the value from the step and change run.memory after it"
            )


def merged(values: dict[str, Any], changes: dict[str, str | None]) -> dict[str, Any]:
    """`values` with the changes of a run laid over them."""
    kept = {key: value for key, value in values.items() if key not in changes}
    return kept | {key: json.loads(text) for key, text in changes.items() if text is not None}


def memory_text(values: dict[str, Any]) -> str:
    """The whole memory as JSON, the same text for the same values. Raises `MemoryTooLarge`."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)
    if (size := len(text.encode())) > MOST_BYTES:
        raise MemoryTooLarge(
            f"the session's memory would have {size} bytes, and {MOST_BYTES} are allowed; keep less in "
            "run.memory, such as a summary, and the rest where it can be searched"
        )
    return text


def _is_in_step() -> bool:
    """Whether the thread is inside a step, or is one that the run did not start."""
    scope = current_scope.get()
    return scope is None or bool(scope.name)


def _text(key: str, value: Any) -> str:
    try:
        return json.dumps(value, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ResultNotJson(f"run.memory[{key!r}] is set to what JSON cannot hold: {error}") from error
