"""What an export consists of: objects with entries, and a chain of manifests that tell of them. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from agent_runtime.audit.anchors import Exported, Head
from agent_runtime.audit.entries import EntryAltered, canonical, digest, read_entry
from agent_runtime.audit.verify import Checked, Finding, Line, Wrong, verify_chains

SCHEMA_VERSION: Final = 1
_WHERE: Final = "export"


@dataclass(frozen=True)
class Part:
    """The entries of one chain in one export: those from `first` to `last`, whose hash and time it has."""

    first: int
    last: int
    hash: str
    at: int


def manifest_key(agent: str, number: int) -> str:
    return f"{agent}/manifests/{number:08d}.json"


def entries_key(agent: str, number: int, sha256: str) -> str:
    """Its hash makes the name of what was written by one who died before its manifest another one."""
    return f"{agent}/entries/{number:08d}-{sha256[:16]}.jsonl"


def manifest(agent: str, number: int, previous: str, at: int, body: str, parts: Mapping[str, Part]) -> str:
    """The text of the manifest `number`, of entries whose lines are `body`."""
    sha256 = digest(body)
    return canonical(
        {
            "v": SCHEMA_VERSION,
            "agent": agent,
            "number": number,
            "previous": previous,
            "at": at,
            "entries": entries_key(agent, number, sha256),
            "sha256": sha256,
            "chains": {
                writer: {"first": part.first, "last": part.last, "hash": part.hash, "at": part.at}
                for writer, part in parts.items()
            },
        }
    )


def parts_of(text: str) -> dict[str, Part]:
    """The parts that a manifest tells of. Raises ValueError, LookupError and TypeError."""
    chains: dict[str, Any] = json.loads(text)["chains"]
    return {writer: Part(**told) for writer, told in chains.items()}


def verify_export(
    agent: str,
    manifests: Mapping[int, str],
    bodies: Mapping[str, str],
    state: Exported,
    *,
    now: int,
    retention_ms: int,
) -> tuple[Checked, dict[str, str]]:
    """What is wrong with an export, and the hash of each entry in it by its name. `manifests` are texts by
    their number, `bodies` those of the objects with entries by their key."""
    done = Checked()
    hashes: dict[str, str] = {}
    lines: list[Line] = []
    heads: dict[str, Head] = {}
    if not manifests and 0 < state.manifest_at <= now - retention_ms:
        done.notes.append(f"all {state.number} manifests are past their days")
        return done, hashes
    first = min(manifests, default=max(state.number, 1))
    if first > 1 and manifests:
        done.notes.append(f"manifests before {first} are past their days, or were taken away with all after")
    previous = ""
    for number in range(first, max([*manifests, state.number], default=0) + 1):
        name = f"manifest/{number}"
        if (text := manifests.get(number)) is None:
            wrong = Wrong.TRUNCATED if number > max(manifests, default=0) else Wrong.REMOVED
            done.findings.append(Finding(wrong, name, _WHERE, "it is not there"))
            previous = ""
            continue
        reason = _misfit(agent, number, text, previous, state)
        if reason:
            done.findings.append(Finding(Wrong.ALTERED, name, _WHERE, reason))
        previous = digest(text)
        lines += _lines(number, text, bodies, heads, done)
    done.add(verify_chains(lines, heads, where=_WHERE, now=now, retention_ms=retention_ms))
    for line in lines:
        try:
            entry = read_entry(line.text)
        except EntryAltered:
            continue
        hashes[entry.name] = entry.hash
    return done, hashes


def compare(log: Sequence[Line], exported: Mapping[str, str], heads: Mapping[str, Head]) -> Checked:
    """What the log says otherwise than the export does, and heads that were moved back behind it."""
    done = Checked()
    for line in log:
        try:
            entry = read_entry(line.text)
        except EntryAltered:
            continue
        if exported.get(entry.name, entry.hash) != entry.hash:
            reason = "the export has another entry of this number"
            done.findings.append(Finding(Wrong.ALTERED, entry.name, "log", reason))
    last: dict[str, int] = {}
    for name in exported:
        writer, _, seq = name.rpartition("/")
        last[writer] = max(last.get(writer, 0), int(seq))
    for writer, seq in sorted(last.items()):
        head = heads.get(writer)
        if head is not None and head.seq < seq:
            reason = f"entries to {seq} were exported, and it tells of {head.seq}"
            done.findings.append(Finding(Wrong.ALTERED, f"{writer}/head", "head", reason))
    return done


def _misfit(agent: str, number: int, text: str, previous: str, state: Exported) -> str:
    try:
        told = json.loads(text)
        fits = canonical(told) == text and (told["agent"], told["number"]) == (agent, number)
        parts_of(text)
        if not fits:
            return "it is not as it was written"
        if previous and told["previous"] != previous:
            return "it does not follow the manifest before it"
    except (ValueError, LookupError, TypeError, AttributeError):
        return "it is no manifest"
    if number == state.number and digest(text) != state.sha256:
        return "it is another one than the control table tells of"
    return ""


def _lines(
    number: int, text: str, bodies: Mapping[str, str], heads: dict[str, Head], done: Checked
) -> Iterator[Line]:
    """The lines of one manifest's entries; notes in `heads` how far each chain goes by it."""
    try:
        told = json.loads(text)
        key, sha256, parts = str(told["entries"]), told["sha256"], parts_of(text)
    except (ValueError, LookupError, TypeError, AttributeError):
        return
    for writer, part in parts.items():
        known = heads.get(writer)
        began = known.began_at if known else part.at
        heads[writer] = Head(writer, part.last, part.hash, began, part.at)
    body = bodies.get(key)
    name = f"entries/{number}"
    if body is None:
        done.findings.append(Finding(Wrong.REMOVED, name, _WHERE, f"{key} is not there"))
        return
    if digest(body) != sha256:
        done.findings.append(Finding(Wrong.ALTERED, name, _WHERE, f"{key} is not what its manifest says"))
    for line in body.splitlines():
        yield Line(_writer_of(line), None, line)


def _writer_of(line: str) -> str:
    try:
        return read_entry(line).writer
    except EntryAltered:
        try:
            return str(json.loads(line)["writer"])
        except (ValueError, LookupError, TypeError, RecursionError):
            return "unknown"
