"""Entries of the trail as lines of text, each sealed with the hash of the one before it."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from agent_runtime.audit.trail import What

SCHEMA_VERSION: Final = 1
GENESIS: Final = "0" * 64
"""What the first entry of a chain has for the hash of the one before it."""
MOST_LETTERS: Final = 500
"""Of one detail: an entry tells who did what, and is no place for texts."""
MOST_DETAILS: Final = 20


class EntryAltered(ValueError):
    """A line is not what was sealed; the message says in what."""


@dataclass(frozen=True)
class Entry:
    """One line, read. `at` is in milliseconds since 1970; `told` is all that it says, by name."""

    writer: str
    seq: int
    at: int
    prev: str
    hash: str
    told: dict[str, Any]

    @property
    def name(self) -> str:
        """How people find it: `WRITER/SEQ`."""
        return f"{self.writer}/{self.seq}"


def canonical(document: Mapping[str, Any]) -> str:
    """The one text that stands for a document: names in their order, no spaces, ASCII alone."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(text: str) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def details(kind: str, said: Mapping[str, str], what: Mapping[str, What]) -> dict[str, Any]:
    """What an entry tells: its kind, those of `said` that are no empty texts, and `what`, cut to fit."""
    found: dict[str, Any] = {"kind": kind}
    found |= {name: _fit(value) for name, value in said.items() if value}
    if what:
        found["what"] = {name: _fit(value) for name, value in list(what.items())[:MOST_DETAILS]}
    return found


def seal(document: Mapping[str, Any], *, writer: str, seq: int, at: int, prev: str) -> tuple[str, str]:
    """(the line, its hash) of what `details` made, as the entry `seq` of a chain."""
    body = {**document, "v": SCHEMA_VERSION, "writer": writer, "seq": seq, "at": at, "prev": prev}
    seal = digest(canonical(body))
    return canonical({**body, "hash": seal}), seal


def read_entry(line: str) -> Entry:
    """The entry of a line. Raises `EntryAltered` if a byte of it is not as it was sealed."""
    try:
        document: object = json.loads(line)
    except (ValueError, RecursionError):
        raise EntryAltered("it is no JSON") from None
    if not isinstance(document, dict):
        raise EntryAltered("it is no object")
    told: dict[str, Any] = {str(name): value for name, value in document.items()}
    body = {name: value for name, value in told.items() if name != "hash"}
    try:
        is_sealed = canonical(told) == line and digest(canonical(body)) == told.get("hash")
    except ValueError:
        is_sealed = False
    if not is_sealed:
        raise EntryAltered("its hash is not that of what it says")
    if told.get("v") != SCHEMA_VERSION:
        raise EntryAltered(f"it has schema version {told.get('v')!r}, known is {SCHEMA_VERSION}")
    named = (told.get("writer"), told.get("prev"))
    counted = (told.get("seq"), told.get("at"))
    if not all(isinstance(name, str) for name in named) or not all(type(count) is int for count in counted):
        raise EntryAltered("it does not say where in which chain it stands")
    return Entry(told["writer"], told["seq"], told["at"], told["prev"], told["hash"], told)


def _fit(value: What) -> What:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, str) and len(value) > MOST_LETTERS:
        return f"{value[:MOST_LETTERS]}… ({len(value)} letters)"
    return value
