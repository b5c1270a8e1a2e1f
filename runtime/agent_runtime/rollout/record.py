"""The traffic record of an agent, and every way in which it may change: pure."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from agent_runtime.errors import TrafficUnknown
from agent_runtime.rollout.experiments import Experiment
from agent_runtime.rollout.plan import WHOLE
from agent_runtime.traffic import SCHEMA_VERSION

ITEM: Final = "traffic"
MOST_REJECTED: Final = 50
"""Bundles whose rejection is remembered: the newest ones."""


class Phase(StrEnum):
    """Where the rollout of the candidate stands."""

    STEADY = "STEADY"
    """There is none."""
    WAITING = "WAITING"
    """It has no passing evidence yet, and takes no run."""
    SHADOW = "SHADOW"
    """It takes copies of runs that no caller sees."""
    EXPERIMENT = "EXPERIMENT"
    """It takes a fixed share until there is a result."""
    CANARY = "CANARY"
    """It takes the share of its step."""
    WATCH = "WATCH"
    """It takes every run, and can still go back by itself to the one before."""


@dataclass(frozen=True)
class Record:
    """Which releases take new runs, and how far the candidate is. Times are milliseconds since 1970."""

    stable: str
    candidate: str | None = None
    candidate_basis_points: int = 0
    previous: str | None = None
    version: int = 1
    """Grows by one with each change; who writes says which one it has read."""
    phase: Phase = Phase.STEADY
    step: int = 0
    since: int = 0
    """When the phase or step began."""
    held: str | None = None
    """Why a person does not let it advance."""
    rejected: Mapping[str, int] = field(default_factory=dict)
    """When each bundle was sent back: only newer evidence lets it try again."""
    stops: bool = False
    """Whether runs that a worker of a rejected release has in hand stop at their next step."""
    experiment: Experiment | None = None
    """Which comparison is under way."""

    @property
    def watched(self) -> str | None:
        """The release that may go back by itself: the candidate, or what took its place a short time ago."""
        return self.stable if self.phase is Phase.WATCH else self.candidate

    @property
    def shares(self) -> dict[str, int]:
        """Basis points of new runs by bundle id; releases without any are left out."""
        part = self.candidate_basis_points if self.candidate is not None else 0
        both = {self.stable: WHOLE - part, self.candidate or "": part}
        return {bundle: points for bundle, points in both.items() if points > 0}

    def begins(self, candidate: str, now: int) -> "Record":
        """A new candidate, without any run yet. One that it takes the place of is forgotten; and if it was
        sent back once, that is too: its workers are to take runs again."""
        rejected = {bundle: at for bundle, at in self.rejected.items() if bundle != candidate}
        fresh = replace(self, candidate=candidate, candidate_basis_points=0, phase=Phase.WAITING)
        return replace(fresh, step=0, since=now, held=None, rejected=rejected, version=self.version + 1)

    def dropped(self, now: int) -> "Record":
        """Without a candidate that is no longer there, and that had no run."""
        kept = replace(self, candidate=None, phase=Phase.STEADY, step=0, held=None)
        return replace(kept, since=now, version=self.version + 1)

    def shadowed(self, now: int) -> "Record":
        """The candidate with copies of runs, and none of its own."""
        return replace(self, phase=Phase.SHADOW, since=now, version=self.version + 1)

    def compared(self, experiment: Experiment, now: int) -> "Record":
        """The candidate at the fixed share of an experiment."""
        points = experiment.basis_points
        begun = replace(self, phase=Phase.EXPERIMENT, candidate_basis_points=points, experiment=experiment)
        return replace(begun, step=0, since=now, held=None, version=self.version + 1)

    def concluded(self, result: str, now: int) -> "Record":
        """The experiment is over: the candidate has no run, and a person says whether it goes on."""
        waits = replace(self, phase=Phase.WAITING, candidate_basis_points=0, experiment=None)
        return replace(waits, since=now, held=result, version=self.version + 1)

    def steps_to(self, step: int, basis_points: int, now: int) -> "Record":
        """The candidate at the share of a step."""
        moved = replace(self, phase=Phase.CANARY, step=step, candidate_basis_points=basis_points)
        moved = replace(moved, experiment=None, held=None)
        return replace(moved, since=now, version=self.version + 1)

    def promoted(self, now: int) -> "Record":
        """The candidate takes every run, and the release before stays warm beside it."""
        assert self.candidate is not None
        made = Record(self.candidate, previous=self.stable, phase=Phase.WATCH, rejected=self.rejected)
        return replace(made, since=now, version=self.version + 1)

    def steady(self, now: int) -> "Record":
        """Nothing is watched any more; what one could go back to stays."""
        return replace(self, phase=Phase.STEADY, since=now, held=None, version=self.version + 1)

    def gone_back(self, now: int, *, stops: bool) -> "Record":
        """The watched release takes no new run, and cannot come back without new evidence. With `stops`, runs
        that its workers have in hand stop at their next step.

        Raises `TrafficUnknown` where there is nothing to go back to.
        """
        if self.candidate is not None:
            bad, to, previous = self.candidate, self.stable, self.previous
        elif self.previous is not None:
            bad, to, previous = self.stable, self.previous, None
        else:
            raise TrafficUnknown(f"{self.stable} serves alone, and no release before it is known")
        newest_first = sorted({**self.rejected, bad: now}.items(), key=lambda held: -held[1])
        return Record(
            stable=to,
            previous=previous,
            version=self.version + 1,
            since=now,
            rejected=dict(newest_first[:MOST_REJECTED]),
            stops=stops,
        )

    def held_for(self, reason: str | None) -> "Record":
        """Held by a person, or let go on."""
        return replace(self, held=reason, version=self.version + 1)


def record_from(item: Mapping[str, Any]) -> Record:
    """The record of a control table's item. Raises `TrafficUnknown`."""
    if item.get("schema_version", {}).get("N") != str(SCHEMA_VERSION):
        raise TrafficUnknown("the traffic record was written by another version of the runtime")
    try:
        return Record(
            stable=item["stable"]["S"],
            candidate=item["candidate"]["S"] if "candidate" in item else None,
            candidate_basis_points=int(item.get("candidate_basis_points", {"N": "0"})["N"]),
            previous=item["previous"]["S"] if "previous" in item else None,
            version=int(item["version"]["N"]),
            phase=Phase(item.get("phase", {"S": "STEADY"})["S"]),
            step=int(item.get("step", {"N": "0"})["N"]),
            since=int(item.get("since", {"N": "0"})["N"]),
            held=item["held"]["S"] if "held" in item else None,
            rejected={b: int(at["N"]) for b, at in item.get("rejected", {"M": {}})["M"].items()},
            stops="stops" in item,
            experiment=Experiment(**json.loads(item["experiment"]["S"])) if "experiment" in item else None,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise TrafficUnknown(f"the traffic record cannot be read: {type(error).__name__} {error}") from error


def item_from(agent: str, record: Record) -> dict[str, Any]:
    """The item of a record, in DynamoDB's own JSON."""
    texts = {"candidate": record.candidate, "previous": record.previous, "held": record.held}
    texts["experiment"] = json.dumps(asdict(record.experiment)) if record.experiment else None
    numbers = {
        "schema_version": SCHEMA_VERSION,
        "candidate_basis_points": record.candidate_basis_points,
        "version": record.version,
        "step": record.step,
        "since": record.since,
    }
    return {
        "agent": {"S": agent},
        "item": {"S": ITEM},
        "stable": {"S": record.stable},
        "phase": {"S": record.phase.value},
        "rejected": {"M": {bundle: {"N": str(at)} for bundle, at in record.rejected.items()}},
        **({"stops": {"BOOL": True}} if record.stops else {}),
        **{name: {"S": text} for name, text in texts.items() if text is not None},
        **{name: {"N": str(number)} for name, number in numbers.items()},
    }
