"""Which release a run goes to."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.errors import TrafficUnknown
from agent_runtime.traffic import WHOLE, Traffic, place, read_traffic

RECORD: dict[str, Any] = {
    "agent": {"S": "answers"},
    "item": {"S": "traffic"},
    "schema_version": {"N": "1"},
    "stable": {"S": "a"},
    "candidate": {"S": "b"},
    "candidate_basis_points": {"N": "500"},
}


@given(key=st.text(), first=st.integers(0, WHOLE), second=st.integers(0, WHOLE))
def test_growing_the_weight_never_moves_a_session_back(key: str, first: int, second: int) -> None:
    smaller, larger = sorted((first, second))
    if Traffic("a", "b", smaller).bundle_for(key) == "b":
        assert Traffic("a", "b", larger).bundle_for(key) == "b"


@given(key=st.text())
def test_none_and_all_are_exact(key: str) -> None:
    assert Traffic("a", "b", 0).bundle_for(key) == "a"
    assert Traffic("a", "b", WHOLE).bundle_for(key) == "b"
    assert Traffic("a", None, WHOLE).bundle_for(key) == "a"


@given(key=st.text(), release=st.text(min_size=1))
def test_a_place_does_not_depend_on_what_is_released(key: str, release: str) -> None:
    assert 0 <= place(key) < WHOLE
    points = place(key) + 1
    assert Traffic("a", release, points).bundle_for(key) == release
    assert Traffic("a" + release, release, points - 1).bundle_for(key) == "a" + release


@pytest.mark.parametrize("points", [1, 500, 2000, 5000, 9999])
def test_the_share_is_met_within_one_per_cent(points: int) -> None:
    traffic = Traffic("a", "b", points)
    found = sum(traffic.bundle_for(f"session-{n}") == "b" for n in range(20_000)) / 20_000
    assert abs(found - points / WHOLE) <= 0.01


def test_a_record_is_read() -> None:
    assert read_traffic(RECORD) == Traffic("a", "b", 500)
    assert read_traffic({name: RECORD[name] for name in ("schema_version", "stable")}) == Traffic("a")


@pytest.mark.parametrize(
    "changes",
    [
        None,
        {"schema_version": {"N": "2"}},
        {"schema_version": {"S": "1"}},
        {"candidate_basis_points": {"N": "-1"}},
        {"candidate_basis_points": {"N": "10001"}},
    ],
)
def test_a_record_that_is_missing_new_or_wrong_is_no_decision(changes: dict[str, Any] | None) -> None:
    with pytest.raises(TrafficUnknown):
        read_traffic(None if changes is None else RECORD | changes)


@pytest.mark.parametrize(
    "changes", [{"stable": {}}, {"stable": {"N": "1"}}, {"candidate_basis_points": {"N": "0.5"}}]
)
def test_a_record_of_other_types_is_no_decision_either(changes: dict[str, Any]) -> None:
    with pytest.raises(TrafficUnknown):
        read_traffic(RECORD | changes)
