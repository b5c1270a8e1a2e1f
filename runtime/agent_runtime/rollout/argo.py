"""Follows an Argo Rollout: it moves the traffic itself, and the record says what it does, so that runs which
come through the queue are divided in the same way."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from agent_runtime.errors import ClusterUnavailable, TrafficUnknown
from agent_runtime.kubernetes_api import KubernetesApi
from agent_runtime.rollout.actions import Action, Decided, hold
from agent_runtime.rollout.plan import Place
from agent_runtime.rollout.record import MOST_REJECTED, Phase, Record

_BUNDLE: Final = "agent-hosting/bundle"
"""Label of pods."""


@dataclass(frozen=True)
class Walk:
    """How far Argo is."""

    stable: str
    """Bundle of the stable revision."""
    candidate: str | None
    """Bundle of the revision that it moves to; None when it has arrived."""
    basis_points: int
    aborted: bool
    step: int = 0
    """Which weight that is, of those that it walks through."""


def walk_of(rollout: Mapping[str, Any], stable_bundle: str) -> Walk:
    """Pure. `stable_bundle` is what the ReplicaSet of `status.stableRS` runs."""
    wanted = rollout["spec"]["template"]["metadata"]["labels"][_BUNDLE]
    status = rollout.get("status") or {}
    if wanted == stable_bundle:
        return Walk(stable_bundle, None, 0, aborted=False)
    steps = rollout["spec"]["strategy"]["canary"].get("steps") or []
    done = steps[: status.get("currentStepIndex", 0)]
    weights = [step["setWeight"] for step in done if "setWeight" in step]
    aborted = bool(status.get("abort"))
    if aborted or not weights:
        return Walk(stable_bundle, wanted, 0, aborted)
    return Walk(stable_bundle, wanted, weights[-1] * 100, aborted, len(weights) - 1)


def followed(record: Record, walk: Walk, now: int) -> Decided:
    """The record that says what Argo does. `now` is in milliseconds since 1970."""
    if walk.candidate is None:
        if record.stable == walk.stable and record.candidate is None:
            return hold(record, "Argo has arrived")
        if record.stable == walk.stable:
            dropped = _written(Record(walk.stable), record, now, Phase.STEADY)
            return Decided(Action.DROP, "Argo runs the stable release alone", dropped)
        # The pods of the release before are gone: what waits for it, and its sessions, go on in this one.
        left = Record(walk.stable, rejected={record.stable: now})
        made = _written(left, record, now, Phase.STEADY)
        return Decided(Action.PROMOTE, f"Argo has arrived at {walk.stable}", made)
    if walk.aborted:
        known = (record.stable, record.candidate) == (walk.stable, None)
        if known and walk.candidate in record.rejected:
            return hold(record, "Argo went back")
        back = _written(Record(walk.stable, rejected={walk.candidate: now}), record, now, Phase.STEADY)
        return Decided(Action.GO_BACK, f"Argo went back from {walk.candidate}", back)
    same = (record.stable, record.candidate, record.candidate_basis_points)
    if same == (walk.stable, walk.candidate, walk.basis_points):
        return hold(record, f"Argo is at {walk.basis_points / 100:g} %")
    moved = Record(walk.stable, walk.candidate, walk.basis_points, step=walk.step)
    reason = f"Argo gives {walk.candidate} {walk.basis_points / 100:g} %"
    return Decided(Action.ADVANCE, reason, _written(moved, record, now, Phase.CANARY))


def read_walk(api: KubernetesApi, place: Place) -> Walk:
    """Raises `TrafficUnknown`."""
    try:
        rollout = api.get(f"/apis/argoproj.io/v1alpha1/namespaces/{place.namespace}/rollouts/{place.name}")
        status = rollout.get("status") or {}
        # Until Argo has seen a new template, its step is that of the walk before.
        if status.get("observedGeneration") != str(rollout["metadata"]["generation"]):
            raise TrafficUnknown(f"Argo has not seen the last change of the Rollout {place.name} yet")
        if not (stable := status.get("stableRS")):
            raise TrafficUnknown(f"the Rollout {place.name} has no stable revision yet")
        revision = api.get(f"/apis/apps/v1/namespaces/{place.namespace}/replicasets/{place.name}-{stable}")
    except ClusterUnavailable as error:
        raise TrafficUnknown(f"the Rollout {place.name} cannot be read: {error}") from error
    return walk_of(rollout, revision["metadata"]["labels"][_BUNDLE])


def _written(made: Record, before: Record, now: int, phase: Phase) -> Record:
    """`made` after `before`. Who serves or is tried again is no longer rejected, or its workers would take no
    run."""
    serving = (made.stable, made.candidate)
    rejected = {**before.rejected, **made.rejected}
    newest_first = sorted(rejected.items(), key=lambda held: -held[1])
    return replace(
        made,
        phase=phase,
        since=now,
        version=before.version + 1,
        previous=before.previous if made.stable == before.stable else before.stable,
        rejected={b: at for b, at in newest_first[:MOST_REJECTED] if b not in serving},
    )
