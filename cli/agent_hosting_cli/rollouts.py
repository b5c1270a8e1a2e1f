"""Moves of a rollout by people, and how one stands: the same records and rules as the controller's."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from botocore.exceptions import ClientError

from agent_hosting_cli.deployed import Deployed, told, who
from agent_hosting_cli.project import UserError
from agent_runtime.errors import TrafficUnknown
from agent_runtime.hosts.queue import Queue
from agent_runtime.rollout import moves
from agent_runtime.rollout.actions import hold
from agent_runtime.rollout.controller import Host, moved
from agent_runtime.rollout.decide import decide
from agent_runtime.rollout.division import Division
from agent_runtime.rollout.drift_watch import measured_drift
from agent_runtime.rollout.experiments import Experiment
from agent_runtime.rollout.gates import Evidence
from agent_runtime.rollout.http_route import cluster_of
from agent_runtime.rollout.observation import Observation, Seen, Shadowed
from agent_runtime.rollout.observing import observe
from agent_runtime.rollout.record import Record
from agent_runtime.rollout.store import Change, RolloutStore, State

MOVE_SECONDS: Final = 20.0
"""Most time that a person waits for queued runs to move; the controller goes on with the rest."""


@dataclass(frozen=True)
class Rollouts:
    """The rollout of one deployed agent."""

    found: Deployed

    def status(self) -> dict[str, Any]:
        """How it stands: `{agent, phase, stable, candidate, shares, step, steps, next, …}`."""
        state, seen, now = self._known()
        record, plan = state.record, state.plan
        if (place := plan.argo_rollout) is not None:
            shows = f"kubectl argo rollouts get rollout {place.name} -n {place.namespace}"
            made = hold(record, f"Argo Rollouts moves the traffic: {shows}")
        else:
            made = decide(plan, record, seen, now)
        return {
            "agent": self.found.agent,
            "host": plan.host,
            "phase": record.phase.value,
            "stable": record.stable,
            "candidate": record.candidate,
            "previous": record.previous,
            "shares": {bundle: points / 100 for bundle, points in record.shares.items()},
            "step": record.step + 1 if record.candidate_basis_points else 0,
            "steps": [step.basis_points / 100 for step in plan.steps],
            "since": record.since,
            "held": record.held,
            "rejected": dict(record.rejected),
            "next": {"action": made.action.value, "reason": made.reason},
            "experiment": asdict(record.experiment) if record.experiment else None,
            "group": {name: asdict(member) for name, member in seen.members.items()},
            "copies": _copies(seen.shadowed),
            "candidate_runs": _figures(seen.candidate),
            "stable_runs": _figures(seen.stable),
            "drift": self._drift(state, now),
        }

    def promote(self, why: str) -> Record:
        return self._move(
            "promote", why, lambda state, seen, now: moves.promote(state.plan, state.record, seen, now)
        )

    def hold(self, why: str) -> Record:
        return self._move("hold", why, lambda state, _seen, _now: moves.hold(state.record, why))

    def resume(self, why: str) -> Record:
        return self._move("resume", why, lambda state, _seen, _now: moves.resume(state.record))

    def experiment(self, wanted: Experiment, why: str) -> Record:
        """`wanted.ends_at` counts from now."""
        return self._move(
            "experiment",
            why,
            lambda state, seen, now: moves.experiment(
                state.plan, state.record, seen, replace(wanted, ends_at=now + wanted.ends_at), now
            ),
        )

    def sent_back(
        self, why: str, release: str | None = None, *, may_be_back: bool = False
    ) -> tuple[str, Record]:
        """Roll back, and say which release was: its id and the record. With `may_be_back` one that was sent
        back before is left as it stands."""
        before = told(lambda: self._store().read(self.found.agent)).record
        if may_be_back and release is not None and release in before.rejected:
            return release, before
        record = self.rollback(why, release)
        return max(record.rejected, key=lambda bundle: record.rejected[bundle]), record

    def rollback(self, why: str, release: str | None = None) -> Record:
        return self._move(
            "rollback", why, lambda state, _seen, now: moves.rollback(state.plan, state.record, now, release)
        )

    def history(self, most: int) -> list[dict[str, Any]]:
        """The newest changes first."""
        return told(lambda: self._store().history(self.found.agent, most))

    def add_evidence(self, evidence: Evidence) -> None:
        """Put what an evaluation showed into the control table."""
        if evidence.agent != self.found.agent:
            raise UserError(f"the evidence is of agent {evidence.agent!r}, not {self.found.agent!r}")
        told(lambda: self._store().add_evidence(evidence))

    def _drift(self, state: State, now: int) -> dict[str, str]:
        """Verdict and reason by metric; empty outside of the watch."""
        found = told(lambda: measured_drift(self.found.client("cloudwatch"), state, now / 1000))
        return {drift.metric: f"{drift.verdict.value}: {drift.reason}" for drift in found}

    def _move(self, what: str, why: str, move: Callable[[State, Observation, int], Record]) -> Record:
        known, seen, now = self._known()
        if known.plan.argo_rollout is not None:
            place = known.plan.argo_rollout
            raise UserError(
                f"Argo Rollouts moves the traffic of {self.found.agent}: kubectl argo rollouts "
                f"promote|abort|pause {place.name} -n {place.namespace}"
            )
        change = Change(now, told(lambda: who(self.found.client)), what, why)
        return told(
            lambda: moved(
                self._store(),
                self._host(),
                self.found.agent,
                lambda state: move(state, seen, now),
                change,
                self.found.trail,
            )
        )

    def _known(self) -> tuple[State, Observation, int]:
        now = time.time()
        store = self._store()
        state = told(lambda: store.read(self.found.agent))
        return state, observe(self.found.client("cloudwatch"), store, state, now), int(now * 1000)

    def _store(self) -> RolloutStore:
        return RolloutStore(self.found.client("dynamodb"), self.found.control_table)

    def _host(self) -> Host:
        return _Host(self.found)


@dataclass(frozen=True)
class _Host:
    """Applies a record with the caller's own rights."""

    found: Deployed

    def apply(self, state: State, latest: Callable[[], Record]) -> None:
        """Raises `UserError` where the record counts already and these rights do not reach further."""
        ends, sqs = time.monotonic() + MOVE_SECONDS, self.found.client("sqs")
        division = Division(
            self.found.client("lambda"),
            lambda route: cluster_of(route, self.found.client("sts")),
            lambda url: Queue(sqs, url),
            self.found.checkpoints,
            lambda: time.monotonic() < ends,
        )
        try:
            division.apply(state, latest)
        except (ClientError, TrafficUnknown) as error:
            cause = error.__cause__ or error
            code = cause.response.get("Error", {}).get("Code", "") if isinstance(cause, ClientError) else ""
            if not code.startswith("AccessDenied"):
                raise
            raise UserError(
                "the move is written and counts; your role may not move calls and queued runs itself, so "
                "that the rollout controller does it within a minute"
            ) from None


def _copies(shadowed: Shadowed | None) -> dict[str, Any] | None:
    if shadowed is None:
        return None
    figures = {"runs": shadowed.runs, "errors": shadowed.errors, "cost_usd": round(shadowed.cost_usd, 6)}
    return {**figures, "agreement": round(shadowed.agreement.mean, 3)}


def _figures(seen: Seen | None) -> dict[str, Any] | None:
    if seen is None:
        return None
    return {
        "runs": seen.runs,
        "errors": seen.errors,
        "escalations": seen.escalations,
        "mean_latency_ms": round(seen.latency_ms.mean, 1),
        "cost_per_run_usd": round(seen.cost_usd.mean, 6),
        "scores": {name: round(amounts.mean, 3) for name, amounts in seen.scores.items() if amounts.count},
    }
