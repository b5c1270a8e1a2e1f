"""The decision of one call of the controller: begin, advance, hold or go back. Pure, and one move at most."""

from dataclasses import dataclass
from enum import StrEnum

from agent_runtime.rollout.comparing import mean_is_worse, rate_is_worse
from agent_runtime.rollout.gates import judge
from agent_runtime.rollout.observation import Observation, Seen
from agent_runtime.rollout.plan import Limits, Plan
from agent_runtime.rollout.record import Phase, Record


class Action(StrEnum):
    """What the controller does."""

    HOLD = "hold"
    BEGIN = "begin"
    """A new candidate is named, at weight 0."""
    DROP = "drop"
    """A candidate that is no longer deployed is forgotten; it had no run."""
    ADVANCE = "advance"
    PROMOTE = "promote"
    """The candidate becomes the stable release."""
    SETTLE = "settle"
    """The watch is over."""
    GO_BACK = "go back"


@dataclass(frozen=True)
class Decided:
    """`record` is what is to be written; of a hold, what was read."""

    action: Action
    reason: str
    record: Record


def decide(plan: Plan, record: Record, seen: Observation, now: int) -> Decided:
    """One move at most. `now` is in milliseconds since 1970."""
    if (trigger := _trigger(plan.limits, record, seen)) is not None:
        if record.phase is Phase.WATCH and record.previous is None:
            return _hold(record, f"{trigger}; there is no release before it to go back to")
        return Decided(Action.GO_BACK, trigger, record.gone_back(now, stops=plan.running == "stop"))
    if record.phase is Phase.WATCH and now - record.since < plan.watch_seconds * 1000:
        begun = _begun(plan, record, seen, now)
        # A newer release ends the watch of this one, and so does not before it is ready to go out.
        if begun is not None and lacking(plan, begun.record, seen) is None:
            return begun
        return _hold(record, "the release is watched")
    if record.phase is Phase.WATCH:
        return Decided(Action.SETTLE, "nothing was seen in the time of watching", record.steady(now))
    if record.candidate_basis_points == 0 and (begun := _begun(plan, record, seen, now)) is not None:
        return begun
    if record.candidate is None:
        return _hold(record, "the newest release serves everyone, or was sent back")
    if record.candidate_basis_points == 0 and record.candidate not in plan.releases:
        return Decided(Action.DROP, f"{record.candidate} is no longer deployed", record.dropped(now))
    return _next(plan, record, seen, now)


def _trigger(limits: Limits, record: Record, seen: Observation) -> str | None:
    """Why the watched release goes back at once, whoever holds it."""
    if record.phase not in (Phase.CANARY, Phase.WATCH):
        return None
    if seen.alarms:
        return f"alarm {', '.join(seen.alarms)}"
    found = seen.recent
    if found is None or found.runs < limits.minimum_runs:
        return None
    measured = (
        ("errors", found.errors / found.runs, limits.error_rate),
        ("escalations", found.escalations / found.runs, limits.escalation_rate),
        ("mean latency in ms", found.latency_ms.mean, limits.mean_latency_ms),
        ("cost of a run in USD", found.cost_usd.mean, limits.cost_per_run_usd),
    )
    for name, value, limit in measured:
        if value > limit:
            return f"{name}: {value:.3g} in the last {limits.window_seconds} s, and {limit:g} is allowed"
    return None


def _begun(plan: Plan, record: Record, seen: Observation, now: int) -> Decided | None:
    """The newest release as candidate, where it is another one and was not sent back since its evidence."""
    newest = plan.releases[-1]
    if newest in (record.stable, record.candidate):
        return None
    if not _may_try(record, newest, seen):
        return None
    return Decided(Action.BEGIN, f"{newest} is the newest release", record.begins(newest, now))


def _next(plan: Plan, record: Record, seen: Observation, now: int) -> Decided:
    """The candidate's next step, if all that it needs is there."""
    if record.held is not None:
        return _hold(record, f"held: {record.held}")
    if (missing := lacking(plan, record, seen)) is not None:
        return _hold(record, missing)
    if record.phase is not Phase.CANARY:
        first = plan.steps[0].basis_points
        return Decided(Action.ADVANCE, "its evidence passes the gate", record.steps_to(0, first, now))
    number = min(record.step, len(plan.steps) - 1)
    step = plan.steps[number]
    left = record.since + step.hold_seconds * 1000 - now
    if left > 0:
        return _hold(record, f"step {number + 1} of {len(plan.steps)}: {left / 1000:.0f} s are left")
    if seen.candidate is None or seen.stable is None:
        return _hold(record, "the metrics cannot be read")
    if seen.candidate.runs < step.minimum_runs:
        return _hold(record, f"{seen.candidate.runs} of {step.minimum_runs} runs in this step")
    if (worse := _worse(plan, seen.candidate, seen.stable)) is not None:
        return Decided(Action.GO_BACK, worse, record.gone_back(now, stops=plan.running == "stop"))
    if (unscored := _unscored(plan, step.minimum_runs, seen.candidate)) is not None:
        return _hold(record, unscored)
    if number + 1 < len(plan.steps):
        share = plan.steps[number + 1].basis_points
        return Decided(Action.ADVANCE, "it is no worse", record.steps_to(number + 1, share, now))
    return Decided(Action.PROMOTE, "it serves everyone and is no worse", record.promoted(now))


def lacking(plan: Plan, record: Record, seen: Observation) -> str | None:
    """What the candidate lacks to get any run at all, whoever asks."""
    candidate = record.candidate or ""
    evidence = seen.evidence.get(candidate)
    if seen.unfit is not None:
        return seen.unfit
    if evidence is None or evidence.bundle_id != candidate:
        return f"no evidence for {candidate}"
    if not _may_try(record, candidate, seen):
        return f"{candidate} was sent back, and its evidence is older than that"
    reasons = [judged.reason for judged in judge(plan.gate, evidence.metrics) if judged.reason is not None]
    return "; ".join(reasons) or None


def _worse(plan: Plan, candidate: Seen, stable: Seen) -> str | None:
    """Why the candidate goes back at the end of a step."""
    for metric in plan.scores:
        found, threshold = candidate.scores.get(metric), plan.gate.thresholds[metric]
        if found is not None and found.count and not threshold.holds(found.mean):
            return f"{metric} is {found.mean:.3g} in {found.count} runs, and {threshold.text()} is needed"
    chances = {
        "more errors": rate_is_worse(candidate.errors, candidate.runs, stable.errors, stable.runs),
        "more escalations": rate_is_worse(
            candidate.escalations, candidate.runs, stable.escalations, stable.runs
        ),
        "slower": mean_is_worse(candidate.latency_ms, stable.latency_ms),
        "dearer": mean_is_worse(candidate.cost_usd, stable.cost_usd),
    }
    for what, chance in chances.items():
        if chance < plan.alpha:
            return f"{what} than {stable.runs} runs of the stable release (p = {chance:.2g})"
    return None


def _unscored(plan: Plan, needed: int, candidate: Seen) -> str | None:
    for metric in plan.scores:
        found = candidate.scores.get(metric)
        if found is None or found.count < needed:
            return f"{0 if found is None else found.count} of {needed} runs reported {metric}"
    return None


def _may_try(record: Record, bundle_id: str, seen: Observation) -> bool:
    """Whether it was never sent back, or has evidence that is newer than that."""
    evidence = seen.evidence.get(bundle_id)
    rejected_at = record.rejected.get(bundle_id)
    return rejected_at is None or (evidence is not None and evidence.created_at > rejected_at)


def _hold(record: Record, reason: str) -> Decided:
    return Decided(Action.HOLD, reason, record)
