"""The candidate's next step, if all that it needs is there: pure."""

from agent_runtime.rollout.actions import Action, Decided, go_back, hold
from agent_runtime.rollout.comparing import mean_is_worse, rate_is_worse
from agent_runtime.rollout.experiments import Experiment, is_over, result_of
from agent_runtime.rollout.groups import fallen, lagging
from agent_runtime.rollout.lacking import lacking
from agent_runtime.rollout.observation import Observation, Seen
from agent_runtime.rollout.plan import Plan
from agent_runtime.rollout.record import Phase, Record
from agent_runtime.rollout.shadowing import judged
from agent_runtime.rollout.triggers import over_a_limit

_UNNOTICED_MS = 100.0
"""No caller of an agent minds less, and a new release has its cold starts in its first few runs, which the
stable one has behind it."""


def next_of(plan: Plan, record: Record, seen: Observation, now: int) -> Decided:
    """From waiting over a shadow and the steps to all runs, or back."""
    missing = lacking(plan, record, seen)
    if missing is not None and record.candidate_basis_points:
        return go_back(plan, record, missing, now)  # what it needed to get runs it has no longer
    if record.experiment is not None:
        return _compared(record, record.experiment, seen, now)
    if record.held is not None:
        return hold(record, f"held: {record.held}")
    if missing is not None:
        return hold(record, missing)
    if record.phase is not Phase.CANARY:
        return _first(plan, record, seen, now)
    return _step(plan, record, seen, now)


def _first(plan: Plan, record: Record, seen: Observation, now: int) -> Decided:
    """The first step of a candidate with passing evidence; before it, its shadow."""
    if plan.shadow is not None:
        if record.phase is not Phase.SHADOW:
            return Decided(Action.SHADOW, "its evidence passes the gate", record.shadowed(now))
        if (made := judged(plan, plan.shadow, record, seen, now)) is not None:
            return made
    if (behind := fallen(plan, seen.members) or lagging(plan, 0, seen.members)) is not None:
        return hold(record, behind)
    reason = "its evidence passes the gate" if plan.shadow is None else "its copies agree"
    return Decided(Action.ADVANCE, reason, record.steps_to(0, plan.steps[0].basis_points, now))


def _step(plan: Plan, record: Record, seen: Observation, now: int) -> Decided:
    number = min(record.step, len(plan.steps) - 1)
    step = plan.steps[number]
    left = record.since + step.hold_seconds * 1000 - now
    if left > 0:
        return hold(record, f"step {number + 1} of {len(plan.steps)}: {left / 1000:.0f} s are left")
    if seen.candidate is None or seen.stable is None:
        return hold(record, "the metrics cannot be read")
    if seen.candidate.runs < step.minimum_runs:
        return hold(record, f"{seen.candidate.runs} of {step.minimum_runs} runs in this step")
    if (worse := _worse(plan, seen.candidate, seen.stable)) is not None:
        return go_back(plan, record, worse, now)
    if (unscored := _unscored(plan, step.minimum_runs, seen.candidate)) is not None:
        return hold(record, unscored)
    if (behind := lagging(plan, record.step + 1, seen.members)) is not None:
        return hold(record, behind)
    if number + 1 < len(plan.steps):
        share = plan.steps[number + 1].basis_points
        return Decided(Action.ADVANCE, "it is no worse", record.steps_to(number + 1, share, now))
    return Decided(Action.PROMOTE, "it serves everyone and is no worse", record.promoted(now))


def _compared(record: Record, experiment: Experiment, seen: Observation, now: int) -> Decided:
    """The result of an experiment, once it has its runs or its time is over."""
    if seen.candidate is None or seen.stable is None:
        return hold(record, "the metrics cannot be read")
    if not is_over(experiment, seen.candidate, seen.stable, now):
        runs = f"{seen.candidate.runs} and {seen.stable.runs} of {experiment.minimum_runs} runs"
        return hold(record, f"experiment on {experiment.metric}: {runs}")
    told = result_of(experiment.metric, seen.candidate, seen.stable).text()
    return Decided(Action.CONCLUDE, told, record.concluded(told, now))


def _worse(plan: Plan, candidate: Seen, stable: Seen) -> str | None:
    """Why the candidate goes back at the end of a step. Where it has all runs there is nobody to compare
    with: then limits and scores judge alone."""
    if (over := over_a_limit(plan.limits, candidate)) is not None:
        return f"{over} in this step"
    for metric in plan.scores:
        found, threshold = candidate.scores.get(metric), plan.gate.thresholds[metric]
        if found is not None and found.count and not threshold.holds(found.mean):
            return f"{metric} is {found.mean:.3g} in {found.count} runs, and {threshold.text()} is needed"
    rates = (
        ("more errors", candidate.errors, stable.errors),
        ("more escalations", candidate.escalations, stable.escalations),
    )
    means = (
        ("slower", "ms", candidate.latency_ms, stable.latency_ms, _UNNOTICED_MS),
        ("dearer", "USD", candidate.cost_usd, stable.cost_usd, 0.0),
    )
    for what, found, other in rates:
        chance = rate_is_worse(found, candidate.runs, other, stable.runs)
        if chance < plan.alpha:
            figures = f"{found} of {candidate.runs} runs against {other} of {stable.runs}"
            return f"{what} than the stable release: {figures} (p = {chance:.2g})"
    for what, unit, mean, beside, least in means:
        chance = mean_is_worse(mean, beside, least=least)
        if chance < plan.alpha:
            figures = (
                f"{mean.mean:.3g} {unit} in {mean.count} runs against {beside.mean:.3g} in {beside.count}"
            )
            return f"{what} than the stable release: {figures} (p = {chance:.2g})"
    return None


def _unscored(plan: Plan, needed: int, candidate: Seen) -> str | None:
    for metric in plan.scores:
        found = candidate.scores.get(metric)
        if found is None or found.count < needed:
            return f"{0 if found is None else found.count} of {needed} runs reported {metric}"
    return None
