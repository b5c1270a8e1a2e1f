"""What a call of the controller can decide."""

from dataclasses import dataclass
from enum import StrEnum

from agent_runtime.rollout.plan import Plan
from agent_runtime.rollout.record import Record


class Action(StrEnum):
    """What the controller does."""

    HOLD = "hold"
    BEGIN = "begin"
    """A new candidate is named, at weight 0."""
    DROP = "drop"
    """A candidate that is no longer deployed is forgotten; it had no run."""
    SHADOW = "shadow"
    """The candidate gets copies of runs."""
    ADVANCE = "advance"
    PROMOTE = "promote"
    """The candidate becomes the stable release."""
    CONCLUDE = "conclude"
    """The experiment is over."""
    SETTLE = "settle"
    """The watch is over."""
    GO_BACK = "go back"


@dataclass(frozen=True)
class Decided:
    """`record` is what is to be written; of a hold, what was read."""

    action: Action
    reason: str
    record: Record
    copies: int = 0
    """Runs to copy to the candidate now."""


def hold(record: Record, reason: str, copies: int = 0) -> Decided:
    """Nothing is written."""
    return Decided(Action.HOLD, reason, record, copies)


def go_back(plan: Plan, record: Record, reason: str, now: int) -> Decided:
    """The watched release takes no new run."""
    return Decided(Action.GO_BACK, reason, record.gone_back(now, stops=plan.running == "stop"))
