"""Whatever is done to a chain that was written whole is found, and named."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.audit.anchors import Head
from agent_runtime.audit.entries import GENESIS, EntryAltered, canonical, details, digest, read_entry, seal
from agent_runtime.audit.verify import Checked, Line, Wrong, verify_chain

WRITER, NOW, DAY_MS = "20260101-worker-a1", 1_800_000_000_000, 86_400_000
TEXT = st.text(max_size=20)
WHAT = st.dictionaries(TEXT, TEXT | st.integers() | st.booleans() | st.floats(), max_size=4)


def chain(*documents: dict[str, Any], at: int = NOW - 3_600_000) -> list[Line]:
    lines, prev = [], GENESIS
    for seq, document in enumerate(documents, 1):
        line, prev = seal(document, writer=WRITER, seq=seq, at=at + seq, prev=prev)
        lines.append(Line(WRITER, at + seq, line))
    return lines


def plain(count: int) -> list[Line]:
    return chain(*(details("tool-call", {"run_id": f"run-{n}"}, {"effect": "read"}) for n in range(count)))


def head_of(lines: list[Line], *, began_at: int = NOW - 3_600_000, moved_at: int = NOW - 600_000) -> Head:
    last = read_entry(lines[-1].text)
    return Head(WRITER, last.seq, last.hash, began_at, moved_at)


def check(lines: list[Line], head: Head | None, *, now: int = NOW) -> Checked:
    return verify_chain(WRITER, lines, head, where="log", now=now, retention_ms=365 * DAY_MS)


def found(checked: Checked) -> list[tuple[Wrong, str]]:
    return [(finding.wrong, finding.entry.rpartition("/")[2]) for finding in checked.findings]


@given(
    st.lists(st.builds(details, st.just("tool-call"), st.just({"run_id": "r"}), WHAT), min_size=1, max_size=8)
)
def test_a_chain_that_nobody_touched_is_whole(documents: list[dict[str, Any]]) -> None:
    lines = chain(*documents)
    checked = check(lines, head_of(lines))
    assert (checked.findings, checked.notes) == ([], [])
    assert checked.entries == len(documents)


@given(st.integers(1, 8), st.data())
def test_an_entry_that_is_removed_is_named(count: int, data: st.DataObject) -> None:
    lines, n = plain(count + 1), data.draw(st.integers(0, count - 1))
    checked = check(lines[:n] + lines[n + 1 :], head_of(lines))
    assert found(checked) == [(Wrong.REMOVED, str(n + 1))]


@given(st.integers(1, 8), st.data())
def test_a_chain_that_lost_its_end_is_found_by_its_head(count: int, data: st.DataObject) -> None:
    lines = plain(count)
    left = data.draw(st.integers(0, count - 1))
    assert found(check(lines[:left], head_of(lines))) == [(Wrong.TRUNCATED, str(left + 1))]


@given(st.integers(1, 5), st.data())
def test_one_changed_letter_is_found_in_the_entry_that_has_it(count: int, data: st.DataObject) -> None:
    lines = plain(count)
    n = data.draw(st.integers(0, count - 1))
    text = lines[n].text
    place = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.characters(codec="ascii").filter(lambda one: one != text[place]))
    changed = text[:place] + letter + text[place + 1 :]
    checked = check([*lines[:n], lines[n]._replace(text=changed), *lines[n + 1 :]], head_of(lines))
    assert (Wrong.ALTERED, str(n + 1)) in found(checked)
    assert all(wrong is Wrong.ALTERED for wrong, _ in found(checked))


@given(st.integers(2, 6), st.data())
def test_an_entry_that_was_written_anew_with_a_fitting_hash_is_found(count: int, data: st.DataObject) -> None:
    lines = plain(count)
    n = data.draw(st.integers(0, count - 1))
    told = read_entry(lines[n].text).told
    body = {name: value for name, value in told.items() if name != "hash"} | {"run_id": "another"}
    forged = canonical({**body, "hash": digest(canonical(body))})
    changed = check([*lines[:n], lines[n]._replace(text=forged), *lines[n + 1 :]], head_of(lines))
    # The entry after it does not follow it any more; of the last one the head tells.
    assert found(changed) == [(Wrong.ALTERED, str(min(n + 2, count)))]


@given(st.integers(2, 6))
def test_a_chain_that_was_forged_from_its_first_entry_on_is_found_by_its_head(count: int) -> None:
    forged = chain(*(details("tool-call", {"run_id": "other"}, {"n": n}) for n in range(count)))
    assert found(check(forged, head_of(plain(count)))) == [(Wrong.ALTERED, str(count))]


@given(st.integers(2, 6), st.data())
def test_two_entries_that_changed_places_are_found(count: int, data: st.DataObject) -> None:
    lines = plain(count)
    n = data.draw(st.integers(0, count - 2))
    lines[n], lines[n + 1] = lines[n + 1], lines[n]
    assert found(check(lines, head_of(plain(count)))) == [(Wrong.REORDERED, str(n + 1))]


def test_an_entry_under_another_time_is_found() -> None:
    lines = plain(3)
    moved = lines[1]._replace(at=(lines[1].at or 0) + 1)
    assert found(check([lines[0], moved, lines[2]], head_of(lines))) == [(Wrong.ALTERED, "2")]


@given(st.integers(1, 5), st.integers(1, 5))
def test_a_batch_that_was_sent_twice_is_no_finding(count: int, again: int) -> None:
    lines = plain(count)
    assert check(lines + lines[:again], head_of(lines)).findings == []


def test_an_entry_of_another_chain_is_found() -> None:
    lines = plain(2)
    line, _ = seal(details("tool-call", {}, {}), writer="another", seq=3, at=NOW, prev="0" * 64)
    assert found(check([*lines, Line(WRITER, NOW, line)], head_of(lines))) == [(Wrong.ALTERED, "3")]


def test_a_chain_whose_head_was_taken_away_is_found() -> None:
    assert found(check(plain(2), None)) == [(Wrong.REMOVED, "head")]


def test_a_chain_that_was_taken_away_as_a_whole_is_found_by_its_head() -> None:
    assert found(check([], head_of(plain(3)))) == [(Wrong.TRUNCATED, "1")]


def test_entries_after_the_head_are_those_of_a_process_that_died_before_it_told_of_them() -> None:
    lines = plain(3)
    assert check(lines, head_of(lines[:2])).findings == []
    begun = Head(WRITER, 0, GENESIS, NOW - 3_600_000, NOW - 600_000)
    assert check(lines, begun).findings == []
    assert check([], begun).findings == []


def test_what_is_too_new_to_be_read_is_a_note_and_no_finding() -> None:
    lines = plain(3)
    checked = check(lines[:2], head_of(lines, moved_at=NOW - 1_000))
    assert checked.findings == []
    assert "ask again" in checked.notes[0]


def test_what_is_past_its_days_may_be_gone() -> None:
    lines = plain(3)
    old = head_of(lines, began_at=NOW - 366 * DAY_MS, moved_at=NOW - 365 * DAY_MS)
    for left in ([], lines[2:], lines[1:]):
        checked = check(left, old)
        assert checked.findings == []
        assert len(checked.notes) == 1
    # A gap in the middle is nobody's age.
    assert found(check([lines[0], lines[2]], old)) == [(Wrong.REMOVED, "2")]


@given(WHAT)
def test_whatever_is_told_comes_back_as_it_was_sealed(what: dict[str, Any]) -> None:
    line, seal_of_it = seal(details("tool-call", {}, what), writer=WRITER, seq=1, at=NOW, prev=GENESIS)
    assert line.isascii()
    assert "\n" not in line
    assert read_entry(line).hash == seal_of_it


@pytest.mark.parametrize(
    "line", ["", "{}", "[1]", "nul", '{"hash":"x"}', "[" * 100_000, '{"a":1,"a":1,"hash":"x"}', '{"a":NaN}']
)
def test_what_is_no_entry_is_altered(line: str) -> None:
    with pytest.raises(EntryAltered):
        read_entry(line)


def test_a_long_detail_is_cut_and_says_so() -> None:
    told = details("tool-call", {"who": "x" * 600}, {"name": "y" * 501})
    assert told["who"] == "x" * 500 + "… (600 letters)"
    assert json.dumps(told).count("letters") == 2
