"""Finds what was removed, altered, put in another order or cut off in chains of entries. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, NamedTuple

from agent_runtime.audit.anchors import Head
from agent_runtime.audit.entries import GENESIS, Entry, EntryAltered, read_entry

SETTLING_MS: Final = 120_000
"""How long after a head has moved CloudWatch may not show its entry yet; it says seconds."""


class Line(NamedTuple):
    """A line of one stream. `at` is the time under which it is kept, in milliseconds since 1970, or None
    where lines have no time of their own."""

    writer: str
    at: int | None
    text: str


class Wrong(StrEnum):
    """What somebody has done to the trail."""

    REMOVED = "removed"
    ALTERED = "altered"
    REORDERED = "reordered"
    TRUNCATED = "truncated"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. `entry` is `WRITER/SEQ`, `where` is log, export or head."""

    wrong: Wrong
    entry: str
    where: str
    reason: str

    def __str__(self) -> str:
        return f"{self.entry} is {self.wrong.value} in the {self.where}: {self.reason}"


@dataclass
class Checked:
    """What was looked at, and what was found."""

    entries: int = 0
    chains: int = 0
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What is as it may be and cannot be told yet, or no more."""

    def add(self, other: "Checked") -> None:
        self.entries += other.entries
        self.chains += other.chains
        self.findings += other.findings
        self.notes += other.notes


def verify_chains(
    lines: Iterable[Line], heads: Mapping[str, Head], *, where: str, now: int, retention_ms: int
) -> Checked:
    """Every chain of `lines`, held to its head. Times in milliseconds since 1970; entries older than
    `retention_ms` may be gone."""
    chains: dict[str, list[Line]] = {writer: [] for writer in heads}
    for line in lines:
        chains.setdefault(line.writer, []).append(line)
    found = Checked()
    for writer in sorted(chains):
        found.add(
            verify_chain(
                writer, chains[writer], heads.get(writer), where=where, now=now, retention_ms=retention_ms
            )
        )
    return found


def verify_chain(
    writer: str, lines: Sequence[Line], head: Head | None, *, where: str, now: int, retention_ms: int
) -> Checked:
    """One chain, in the order in which its place gives its lines."""
    done = Checked(chains=1)
    entries = _read(writer, lines, where, done)
    done.entries = len(entries)
    order = list(entries)
    _check_order(writer, order, where, done)
    numbers = sorted(entries)
    known = {*numbers, *_altered_numbers(done, writer)}
    first = min(known, default=None)
    is_aged = now - _began(writer, entries, head, now) >= retention_ms
    if first is not None and first > 1:
        if is_aged:
            done.notes.append(f"{writer}: entries before {first} are past their days")
        else:
            done.findings.append(_gap(writer, 1, first - 1, where))
    for before, after in zip(sorted(known), sorted(known)[1:], strict=False):
        if after > before + 1:
            done.findings.append(_gap(writer, before + 1, after - 1, where))
    _check_links(writer, entries, where, done)
    _check_head(writer, entries, max(known, default=0), head, done, where, now=now, is_aged=is_aged)
    return done


def _read(writer: str, lines: Sequence[Line], where: str, done: Checked) -> dict[int, Entry]:
    """Those that are as they were sealed, by number, in the order of the lines."""
    entries: dict[int, Entry] = {}
    last = 0
    for line in lines:
        try:
            entry = read_entry(line.text)
        except EntryAltered as error:
            # Its own number cannot be believed: it stands after the one before it.
            last += 1
            done.findings.append(Finding(Wrong.ALTERED, f"{writer}/{last}", where, str(error)))
            continue
        same = entries.get(entry.seq)
        if entry.writer != writer:
            last += 1
            reason = f"it belongs to the chain {entry.writer}"
            done.findings.append(Finding(Wrong.ALTERED, f"{writer}/{last}", where, reason))
            continue
        if line.at is not None and line.at != entry.at:
            reason = "it is kept under another time than its own"
            done.findings.append(Finding(Wrong.ALTERED, entry.name, where, reason))
        elif same is not None and same.hash != entry.hash:
            done.findings.append(Finding(Wrong.ALTERED, entry.name, where, "two entries have its number"))
        entries.setdefault(entry.seq, entry)
        last = entry.seq
    return entries


def _began(writer: str, entries: Mapping[int, Entry], head: Head | None, now: int) -> int:
    """The latest that anything says, since whoever takes entries away would say that they were old."""
    told = [head.began_at] if head else [min((entry.at for entry in entries.values()), default=now)]
    try:
        named = datetime.strptime(writer.partition("-")[0], "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return max(told)
    return max(*told, int(named.timestamp() * 1000))


def _altered_numbers(done: Checked, writer: str) -> set[int]:
    """Numbers that are taken, if by something else than what was sealed: they are not removed, too."""
    names = (finding.entry for finding in done.findings if finding.wrong is Wrong.ALTERED)
    return {int(name.rpartition("/")[2]) for name in names if name.startswith(f"{writer}/")}


def _check_order(writer: str, order: Sequence[int], where: str, done: Checked) -> None:
    highest = 0
    for number in order:
        if number < highest:
            reason = f"it comes after entry {highest}"
            done.findings.append(Finding(Wrong.REORDERED, f"{writer}/{number}", where, reason))
        highest = max(highest, number)


def _check_links(writer: str, entries: Mapping[int, Entry], where: str, done: Checked) -> None:
    for number, entry in sorted(entries.items()):
        before = entries.get(number - 1)
        expected = GENESIS if number == 1 else before.hash if before is not None else entry.prev
        if entry.prev != expected:
            reason = "it does not follow the entry before it"
            done.findings.append(Finding(Wrong.ALTERED, f"{writer}/{number}", where, reason))


def _check_head(
    writer: str,
    entries: Mapping[int, Entry],
    last: int,
    head: Head | None,
    done: Checked,
    where: str,
    *,
    now: int,
    is_aged: bool,
) -> None:
    if head is None:
        if entries and not is_aged:
            reason = "the control table has no head of this chain"
            done.findings.append(Finding(Wrong.REMOVED, f"{writer}/head", "head", reason))
        return
    if last < head.seq:
        if now - head.moved_at < SETTLING_MS:
            done.notes.append(f"{writer}: entries after {last} are too new to be told: ask again")
        elif is_aged:
            done.notes.append(f"{writer}: entries after {last} are past their days")
        else:
            reason = f"the chain goes to entry {head.seq} and ends with {last}"
            done.findings.append(Finding(Wrong.TRUNCATED, f"{writer}/{last + 1}", where, reason))
    at_head = entries.get(head.seq)
    if at_head is not None and at_head.hash != head.hash:
        reason = "it is another entry than the one that the chain's head tells of"
        done.findings.append(Finding(Wrong.ALTERED, at_head.name, where, reason))


def _gap(writer: str, first: int, last: int, where: str) -> Finding:
    many = "" if first == last else f", and those to {last}"
    return Finding(Wrong.REMOVED, f"{writer}/{first}", where, f"its number is missing{many}")
