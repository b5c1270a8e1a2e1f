"""The record follows an Argo Rollout: whatever it does, the record says it, and only when it changes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.errors import ClusterUnavailable, TrafficUnknown
from agent_runtime.rollout.actions import Action
from agent_runtime.rollout.argo import Walk, followed, read_walk, walk_of
from agent_runtime.rollout.plan import WHOLE, Place
from agent_runtime.rollout.record import MOST_REJECTED, Phase, Record, item_from, record_from
from tests.rollout.samples import AGENT, NOW, A, B, C

LABEL = "agent-hosting/bundle"
STEPS = [
    step for weight in (5, 20, 50, 100) for step in ({"setWeight": weight}, {"pause": {"duration": "86400s"}})
]
PLACE = Place(cluster_name="pods", endpoint="", certificate_authority="", namespace="agents", name="handbook")


def rollout(wanted: str, steps: list[dict[str, Any]] = STEPS, **status: Any) -> dict[str, Any]:
    """As the API server shows it."""
    canary = {"steps": steps} if steps else {}
    template = {"metadata": {"labels": {LABEL: wanted}}}
    return {
        "metadata": {"generation": 4},
        "spec": {"template": template, "strategy": {"canary": canary}},
        "status": {"observedGeneration": "4", **status},
    }


def at(index: int, wanted: str = B, **status: Any) -> Walk:
    return walk_of(rollout(wanted, currentStepIndex=index, **status), A)


def test_a_rollout_of_its_stable_revision_has_arrived() -> None:
    assert at(len(STEPS), wanted=A) == Walk(A, None, 0, aborted=False)


@pytest.mark.parametrize(
    ("index", "points", "step"),
    [
        (0, 0, 0),
        (1, 500, 0),
        (2, 500, 0),
        (3, 2_000, 1),
        (4, 2_000, 1),
        (5, 5_000, 2),
        (6, 5_000, 2),
        (7, WHOLE, 3),
        (8, WHOLE, 3),
    ],
)
def test_the_share_is_that_of_the_last_weight_that_is_done(index: int, points: int, step: int) -> None:
    assert at(index) == Walk(A, B, points, aborted=False, step=step)


def test_a_rollout_that_argo_has_not_looked_at_yet_gives_its_candidate_nothing() -> None:
    found = {**rollout(B), "status": None}
    assert walk_of(found, A) == Walk(A, B, 0, aborted=False)


def test_one_that_is_aborted_gives_its_candidate_nothing_whatever_step_it_was_at() -> None:
    assert at(5, abort=True) == Walk(A, B, 0, aborted=True)


def test_one_without_steps_gives_its_candidate_nothing_before_it_arrives() -> None:
    assert walk_of(rollout(B, []), A) == Walk(A, B, 0, aborted=False)


def walking(points: int, candidate: str = B, stable: str = A) -> Walk:
    return Walk(stable, candidate, points, aborted=False)


BACK, ARRIVED = Walk(A, B, 0, aborted=True), Walk(B, None, 0, aborted=False)


def test_a_walk_to_its_end_is_a_record_for_each_step_and_then_a_promotion() -> None:
    record, seen = Record(A, version=7), []
    for points in (0, 500, 2_000, 5_000, WHOLE):
        made = followed(record, walking(points), NOW)
        record = made.record
        assert (made.action, record.phase, record.since) == (Action.ADVANCE, Phase.CANARY, NOW)
        seen.append(record.shares)
    assert seen == [{A: WHOLE}, {A: 9_500, B: 500}, {A: 8_000, B: 2_000}, {A: 5_000, B: 5_000}, {B: WHOLE}]
    made = followed(record, ARRIVED, NOW + 1)
    assert made.action is Action.PROMOTE
    assert made.record == Record(B, previous=A, rejected={A: NOW + 1}, version=13, since=NOW + 1)


def test_a_promotion_whose_steps_nobody_saw_is_written_at_once() -> None:
    made = followed(Record(A, version=3), ARRIVED, NOW)
    promoted = Record(B, previous=A, rejected={A: NOW}, version=4, since=NOW)
    assert (made.action, made.record) == (Action.PROMOTE, promoted), "the pods of A are gone"


def test_an_abort_takes_every_run_from_the_candidate_and_remembers_when() -> None:
    before = Record(A, B, 2_000, previous=C, phase=Phase.CANARY, version=3, rejected={C: 1})
    made = followed(before, BACK, NOW)
    assert made.action is Action.GO_BACK
    assert made.record == Record(A, previous=C, rejected={C: 1, B: NOW}, version=4, since=NOW)
    assert made.reason == f"Argo went back from {B}"


def test_an_abort_is_written_once() -> None:
    record = followed(Record(A, B, 500, phase=Phase.CANARY), BACK, NOW).record
    again = followed(record, BACK, NOW + 1)
    assert (again.action, again.record) == (Action.HOLD, record)


def test_an_abort_of_a_candidate_whose_predecessor_arrived_unseen_says_who_serves() -> None:
    made = followed(Record(A, version=3, rejected={C: 1}), Walk(B, C, 0, aborted=True), NOW)
    assert made.record == Record(B, previous=A, rejected={C: NOW}, version=4, since=NOW)


def test_of_a_candidate_that_is_tried_again_and_arrives_unseen_the_workers_take_runs() -> None:
    made = followed(Record(A, rejected={B: 1}), ARRIVED, NOW)
    assert (made.record.stable, made.record.rejected) == (B, {A: NOW})


def test_the_newest_fifty_rejections_are_remembered() -> None:
    before = Record(A, B, 500, phase=Phase.CANARY, rejected={f"{n:012x}": n for n in range(MOST_REJECTED)})
    rejected = followed(before, BACK, NOW).record.rejected
    assert (len(rejected), rejected[B], min(rejected.values())) == (MOST_REJECTED, NOW, 1)


def test_a_candidate_that_is_tried_again_is_no_longer_rejected() -> None:
    made = followed(Record(A, rejected={B: 1, C: 2}), walking(500), NOW)
    assert (made.record.shares, made.record.rejected) == ({A: 9_500, B: 500}, {C: 2})


def test_a_newer_candidate_takes_the_place_of_one_that_walks() -> None:
    made = followed(Record(A, B, 5_000, phase=Phase.CANARY, version=9), walking(0, C), NOW)
    assert (made.record.candidate, made.record.shares, made.record.version) == (C, {A: WHOLE}, 10)
    assert made.record.rejected == {}, "nobody found anything wrong with it"


def test_a_template_that_is_put_back_takes_the_candidate_away_without_rejecting_it() -> None:
    made = followed(Record(A, B, 5_000, phase=Phase.CANARY, version=9), Walk(A, None, 0, aborted=False), NOW)
    assert made.action is Action.DROP
    assert (made.record.candidate, made.record.shares, made.record.rejected) == (None, {A: WHOLE}, {})
    assert (made.record.phase, made.record.version) == (Phase.STEADY, 10)


BUNDLES = st.sampled_from([A, B, C])
WALKS = st.builds(
    lambda stable, wanted, index, abort: walk_of(
        rollout(wanted, currentStepIndex=index, abort=abort), stable
    ),
    BUNDLES,
    BUNDLES,
    st.integers(0, len(STEPS)),
    st.booleans(),
)


@given(st.lists(WALKS, min_size=1, max_size=12))
def test_the_record_says_what_argo_does_after_any_walks_and_grows_by_one_with_each_change(
    walks: list[Walk],
) -> None:
    record = Record(A)
    for now, walk in enumerate(walks, NOW):
        made = followed(record, walk, now)
        before, record = record, made.record
        changed = made.action is not Action.HOLD
        assert (record != before) is changed
        assert record.version == before.version + changed
        given = {walk.candidate: walk.basis_points} if walk.candidate and not walk.aborted else {}
        shares = {walk.stable: WHOLE - sum(given.values()), **given}
        assert record.shares == {bundle: points for bundle, points in shares.items() if points}
        assert record.candidate == (None if walk.aborted else walk.candidate)
        assert record.candidate is not None or record.candidate_basis_points == 0
        assert {record.stable, record.candidate}.isdisjoint(record.rejected), "their workers take runs"
        assert record.previous != record.stable
        if walk.aborted:
            assert walk.candidate in record.rejected
        assert followed(record, walk, now + 1).action is Action.HOLD, "the same again"
        assert record_from(item_from(AGENT, record)) == record, "it can be written and read"


class Shown:
    """An API that shows these objects by the end of their paths."""

    def __init__(self, **objects: dict[str, Any] | ClusterUnavailable) -> None:
        self.objects = objects

    def get(self, path: str) -> dict[str, Any]:
        found = self.objects[path.split("/")[-2]]
        if isinstance(found, ClusterUnavailable):
            raise found
        self.path = path
        return found


def test_the_stable_bundle_is_the_one_of_the_stable_revision() -> None:
    api = Shown(
        rollouts=rollout(B, stableRS="5d8", currentStepIndex=2),
        replicasets={"metadata": {"labels": {LABEL: A}}},
    )
    assert read_walk(api, PLACE) == walking(500)  # type: ignore[arg-type]
    assert api.path == "/apis/apps/v1/namespaces/agents/replicasets/handbook-5d8"


def test_a_rollout_without_a_stable_revision_leaves_the_record_as_it_is() -> None:
    with pytest.raises(TrafficUnknown, match="handbook has no stable revision yet"):
        read_walk(Shown(rollouts=rollout(A)), PLACE)  # type: ignore[arg-type]


def test_a_template_that_argo_has_not_seen_is_not_at_the_step_of_the_walk_before_it() -> None:
    found = rollout(B, stableRS="5d8", currentStepIndex=len(STEPS), observedGeneration="3")
    with pytest.raises(TrafficUnknown, match="has not seen the last change of the Rollout handbook yet"):
        read_walk(Shown(rollouts=found), PLACE)  # type: ignore[arg-type]


@pytest.mark.parametrize("missing", ["rollouts", "replicasets"])
def test_a_cluster_that_does_not_answer_leaves_the_record_as_it_is(missing: str) -> None:
    objects: dict[str, Any] = {"rollouts": rollout(B, stableRS="5d8")}
    with pytest.raises(TrafficUnknown, match=r"the Rollout handbook cannot be read: .*not today"):
        read_walk(Shown(**{**objects, missing: ClusterUnavailable("not today", 503)}), PLACE)  # type: ignore[arg-type]
