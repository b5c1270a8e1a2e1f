"""The log of refused calls: one JSON line each."""

import json
import threading
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class RefusedCall:
    at: str
    """ISO 8601, UTC."""
    principal: str
    """ARN of the role's session; the access key id where nobody is known by it."""
    action: str
    resource: str
    reason: str
    statement: str | None = None
    """Sid of the statement that denies; None where none allows."""


class RefusalLog:
    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()

    def write(self, refused: RefusedCall) -> None:
        line = json.dumps(asdict(refused)) + "\n"
        with self._lock:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as log:
                log.write(line)


def read_log(path: Path) -> list[RefusedCall]:
    """Oldest first; empty where nothing was refused yet."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8") as lines:
        return [RefusedCall(**json.loads(line)) for line in lines if line.endswith("\n")]
