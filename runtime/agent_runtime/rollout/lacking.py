"""What a release lacks to get any run at all, whoever asks: pure."""

from agent_runtime.rollout.gates import judge
from agent_runtime.rollout.observation import Observation
from agent_runtime.rollout.plan import Plan
from agent_runtime.rollout.record import Record


def lacking(plan: Plan, record: Record, seen: Observation) -> str | None:
    """Why the candidate stays at weight 0; None where nothing is missing."""
    candidate = record.candidate or ""
    evidence = seen.evidence.get(candidate)
    if candidate in plan.unfit:
        return plan.unfit[candidate]
    if evidence is None or evidence.bundle_id != candidate:
        return f"no evidence for {candidate}"
    if not may_try(record, candidate, seen):
        return f"{candidate} was sent back, and its evidence is older than that"
    reasons = [judged.reason for judged in judge(plan.gate, evidence.metrics) if judged.reason is not None]
    return "; ".join(reasons) or None


def may_try(record: Record, bundle_id: str, seen: Observation) -> bool:
    """Whether it was never sent back, or has evidence that is newer than that."""
    evidence = seen.evidence.get(bundle_id)
    rejected_at = record.rejected.get(bundle_id)
    return rejected_at is None or (evidence is not None and evidence.created_at > rejected_at)
