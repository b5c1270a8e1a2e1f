"""The traffic record of an agent whose runs are divided at submit."""

import json
from collections.abc import Mapping

import pytest

from agent_hosting._traffic import Traffic, kept_beside, wanted

OLD, MID, NEW = "aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"
RELEASES = [OLD, MID, NEW]


def test_a_record_is_written_and_read_alike() -> None:
    record = Traffic(OLD, candidate=NEW, candidate_basis_points=500, previous=MID, version=7)
    item = json.loads(record.as_item("handbook"))
    assert item == {
        "agent": {"S": "handbook"},
        "item": {"S": "traffic"},
        "schema_version": {"N": "1"},
        "stable": {"S": OLD},
        "candidate": {"S": NEW},
        "candidate_basis_points": {"N": "500"},
        "previous": {"S": MID},
        "version": {"N": "7"},
    }
    assert Traffic.of(item) == record
    assert Traffic.of(json.loads(Traffic(OLD).as_item("handbook"))) == Traffic(OLD)
    assert Traffic.of(None) is None


@pytest.mark.parametrize(
    ("record", "shares"),
    [
        (Traffic(OLD), {OLD: 1}),
        (Traffic(OLD, NEW, 500), {OLD: 0.95, NEW: 0.05}),
        (Traffic(OLD, NEW, 10_000), {NEW: 1}),
        (Traffic(OLD, NEW, 0), {OLD: 1}),
        (Traffic(OLD, None, 500), {OLD: 1}),
    ],
)
def test_shares_are_those_of_new_runs(record: Traffic, shares: dict[str, float]) -> None:
    assert record.shares == shares


def test_stable_and_previous_are_kept_warm_and_a_candidate_is_not() -> None:
    assert Traffic(OLD, NEW, 500, MID).warm == {OLD, MID}
    assert Traffic(OLD).warm == {OLD}


@pytest.mark.parametrize(
    ("shares", "held", "left_behind"),
    [
        # The controller's: begun with the newest, then left alone.
        (None, None, Traffic(NEW)),
        (None, Traffic(OLD, NEW, 500, version=9), Traffic(OLD, NEW, 500, version=9)),
        # Pulumi's.
        ({NEW: 1.0}, None, Traffic(NEW)),
        ({"stable": 1.0}, None, Traffic(NEW)),
        ({NEW: 0.05, "stable": 0.95}, None, Traffic(NEW)),
        ({NEW: 0.05, OLD: 0.95}, None, Traffic(OLD, NEW, 500)),
        ({NEW: 1.0}, Traffic(OLD, version=3), Traffic(NEW, previous=OLD, version=4)),
        ({NEW: 0.05, "stable": 0.95}, Traffic(OLD, version=3), Traffic(OLD, NEW, 500, version=4)),
        ({"stable": 1.0}, Traffic(MID, version=3), Traffic(MID, version=3)),
        # What serves already changes nothing.
        ({NEW: 1.0}, Traffic(NEW, previous=OLD, version=4), Traffic(NEW, previous=OLD, version=4)),
        # The one before stays known while a candidate is tried, until that is itself the one before.
        ({NEW: 0.2, MID: 0.8}, Traffic(MID, previous=OLD, version=5), Traffic(MID, NEW, 2000, OLD, 6)),
        ({NEW: 1.0}, Traffic(MID, NEW, 2000, OLD, 6), Traffic(NEW, previous=MID, version=7)),
        ({OLD: 1.0}, Traffic(MID, previous=OLD, version=2), Traffic(OLD, previous=MID, version=3)),
        # One that is no longer deployed is nothing to go back to.
        ({NEW: 1.0}, Traffic("dddddddddddd", version=2), Traffic(NEW, version=3)),
    ],
)
def test_a_deployment_leaves_this_record_behind(
    shares: Mapping[str, float] | None, held: Traffic | None, left_behind: Traffic
) -> None:
    assert wanted(shares, RELEASES, held) == left_behind


@pytest.mark.parametrize(
    ("held", "kept"),
    [
        (None, []),
        (Traffic(NEW), []),
        (Traffic(OLD), [OLD]),
        (Traffic(NEW, previous=OLD), [OLD]),
        (Traffic(MID, previous=OLD), [MID]),
        (Traffic(OLD, NEW, 500), [OLD]),
        (Traffic(OLD, MID, 500), [OLD, MID]),
    ],
)
def test_beside_a_working_tree_stays_what_serves_else_the_one_before(
    held: Traffic | None, kept: list[str]
) -> None:
    assert kept_beside({NEW}, held) == kept
