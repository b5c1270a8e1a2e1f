"""What the control table holds of a rollout: one read, and writes that are whole."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.errors import RecordChanged, TrafficUnknown
from agent_runtime.rollout.plan import WHOLE
from agent_runtime.rollout.record import Phase, Record, item_from, record_from
from agent_runtime.rollout.store import Change, RolloutStore
from agent_runtime.traffic import Traffic, read_traffic
from tests.rollout.samples import AGENT, NOW, A, B, C, canary, evidence, plan
from tests.rollout.tables import Table
from tests.runtime.faulty import FaultyClient
from tests.runtime.pretended import Aws

CHANGE = Change(NOW, "someone", "advance", "it is no worse")
TEXTS = st.text(min_size=1, max_size=20)
RECORDS = st.builds(
    Record,
    stable=TEXTS,
    candidate=st.none() | TEXTS,
    candidate_basis_points=st.integers(0, WHOLE),
    previous=st.none() | TEXTS,
    version=st.integers(1),
    phase=st.sampled_from(Phase),
    step=st.integers(0, 20),
    since=st.integers(0),
    held=st.none() | TEXTS,
    rejected=st.dictionaries(TEXTS, st.integers(0)),
    stops=st.booleans(),
)


@given(RECORDS)
def test_a_record_is_read_as_it_was_written(record: Record) -> None:
    item = item_from(AGENT, record)
    assert record_from(item) == record
    traffic = read_traffic(item)
    assert (traffic.stable, traffic.candidate) == (record.stable, record.candidate)
    assert traffic.candidate_basis_points == record.candidate_basis_points
    assert traffic.stops == record.stops


def test_who_was_sent_back_is_told_to_those_who_divide_the_runs() -> None:
    back = canary(rejected={C: 1}).gone_back(NOW, stops=True)
    expected = Traffic(A, rejected=frozenset({B, C}), stops=True)
    assert read_traffic(item_from(AGENT, back)) == expected


def test_a_record_of_the_first_deployment_says_little_and_is_read() -> None:
    item = {"schema_version": {"N": "1"}, "stable": {"S": A}, "version": {"N": "1"}}
    assert record_from(item) == Record(A)
    assert read_traffic(item) == Traffic(A)


@pytest.mark.parametrize(
    "wrong",
    [
        {"schema_version": {"N": "2"}},
        {"stable": {"N": "1"}},
        {"version": {"N": "many"}},
        {"phase": {"S": "ELSEWHERE"}},
        {"rejected": {"S": "b"}},
    ],
)
def test_a_record_that_cannot_be_read_is_unknown(wrong: dict[str, dict[str, str]]) -> None:
    with pytest.raises(TrafficUnknown, match="the traffic record"):
        record_from({**item_from(AGENT, Record(A)), **wrong})


def test_one_read_gives_all_that_the_table_says(store: RolloutStore, table: Table, aws: Aws) -> None:
    record, of = canary(rejected={C: 5}), plan(scores=("task_success",))
    table.fill(record, of)
    newest = evidence(B, at=NOW)
    for proof in (newest, evidence(B, at=NOW - 5, value=0.1), evidence(A, at=7)):
        table.put_evidence(proof)
    table.put_release(B, version="2")
    table.put_release(f"{A}#ecs", queue_url="there")
    table.put("brake", reason={"S": "someone pulled it"})
    state = store.read(AGENT)
    assert (state.plan, state.record) == (of, record)
    assert state.evidence == {A: evidence(A, at=7), B: newest}
    assert sorted(state.releases) == [f"{A}#ecs", B]
    assert (state.releases[B]["version"], state.releases[f"{A}#ecs"]["queue_url"]) == ("2", "there")


def test_an_agent_with_more_than_one_page_is_read_to_its_end(store: RolloutStore, table: Table) -> None:
    filling = {"filling": {"S": "x" * 300_000}}
    for number in range(4):
        table.put(f"a{number}", **filling)
        table.put(f"z{number}", **filling)
    table.put_release(B, version="2")
    state = store.read(AGENT)
    assert (state.record, state.releases[B]["version"]) == (Record(A), "2")


@pytest.mark.parametrize(("item", "what"), [("plan", "plan"), ("traffic", "traffic record")])
def test_without_plan_or_record_the_traffic_is_unknown(
    store: RolloutStore, table: Table, item: str, what: str
) -> None:
    table.take_away(item)
    with pytest.raises(TrafficUnknown, match=f"has no {what} of agent 'answers'"):
        store.read(AGENT)


@pytest.mark.parametrize("item", ["plan", f"evidence#{B}#000000000000001"])
@pytest.mark.parametrize("document", [{}, {"document": {"S": "no json"}}, {"document": {"S": "{}"}}])
def test_an_item_that_cannot_be_read_is_unknown(
    store: RolloutStore, table: Table, item: str, document: dict[str, dict[str, str]]
) -> None:
    table.put(item, **document)
    with pytest.raises(TrafficUnknown, match="an item of agent 'answers' cannot be read"):
        store.read(AGENT)


def test_a_write_changes_the_record_and_adds_to_the_history(store: RolloutStore, table: Table) -> None:
    first = Record(A)
    second = first.begins(B, NOW)
    store.write(AGENT, first, second, replace(CHANGE, what="begin"))
    third = second.steps_to(0, 500, NOW)
    store.write(AGENT, second, third, CHANGE)
    assert store.read(AGENT).record == third
    newest, oldest = store.history(AGENT)
    assert newest == {
        "at": NOW,
        "by": "someone",
        "what": "advance",
        "why": "it is no worse",
        "record": {"version": 3, "phase": "CANARY", "shares": {A: 9_500, B: 500}, "candidate": B},
    }
    assert (oldest["what"], oldest["record"]["version"]) == ("begin", 2)
    assert store.history(AGENT, most=1) == [newest]


def test_a_second_writer_is_told_and_changes_nothing(store: RolloutStore, table: Table) -> None:
    read = store.read(AGENT).record
    store.write(AGENT, read, read.begins(B, NOW), CHANGE)
    before = table.items()
    with pytest.raises(RecordChanged):
        store.write(AGENT, read, read.begins(C, NOW), replace(CHANGE, by="somebody else"))
    assert table.items() == before


def test_where_there_is_no_record_nothing_is_written(store: RolloutStore, table: Table) -> None:
    table.take_away("traffic")
    before = table.items()
    with pytest.raises(RecordChanged):
        store.write(AGENT, Record(A), Record(A).begins(B, NOW), CHANGE)
    assert table.items() == before


def test_a_history_that_is_already_written_is_not_written_over(store: RolloutStore, table: Table) -> None:
    """As after a record that somebody put back from an older copy."""
    read = store.read(AGENT).record
    store.write(AGENT, read, read.begins(B, NOW), CHANGE)
    table.put_record(read)
    before = table.items()
    with pytest.raises(RecordChanged):
        store.write(AGENT, read, read.begins(C, NOW), CHANGE)
    assert table.items() == before


def test_a_write_whose_answer_is_lost_is_known_again_as_ones_own(
    store: RolloutStore, faulty: FaultyClient, table: Table
) -> None:
    read = store.read(AGENT).record
    faulty.lost["transact_write_items"] = 1
    with pytest.raises(TrafficUnknown):
        store.write(AGENT, read, read.begins(B, NOW), CHANGE)
    before = table.items()
    store.write(AGENT, read, read.begins(B, NOW), CHANGE)
    assert table.items() == before
    assert store.read(AGENT).record.candidate == B


@pytest.mark.parametrize("operation", ["query", "transact_write_items", "put_item"])
def test_a_table_that_does_not_answer_is_unknown(
    store: RolloutStore, faulty: FaultyClient, table: Table, operation: str
) -> None:
    faulty.lost[operation] = 1
    with pytest.raises(TrafficUnknown, match="the control table"):
        {
            "query": lambda: store.history(AGENT),
            "transact_write_items": lambda: store.write(AGENT, Record(A), Record(A).begins(B, 1), CHANGE),
            "put_item": lambda: store.add_evidence(evidence()),
        }[operation]()


def test_evidence_is_written_once(store: RolloutStore, table: Table) -> None:
    store.add_evidence(evidence(value=0.95))
    before = table.items()
    store.add_evidence(evidence(value=0.99))
    assert table.items() == before
    later = evidence(at=NOW, value=0.99)
    store.add_evidence(later)
    assert store.read(AGENT).evidence == {B: later}
