"""Stops runs and does not come back before it is proven of each, or its time is over."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from agent_hosting_cli.deployed import told, who
from agent_hosting_cli.runs import AgentRuns
from agent_runtime.audit.trail import told as on_trail
from agent_runtime.brake import engage, utc_now
from agent_runtime.errors import AgentRuntimeError, RunUnknown
from agent_runtime.open_runs import Wanted, open_heads
from agent_runtime.stopping import Stop, Watch, stop

SETTLE_SECONDS: Final = 7.0
"""A door may let runs in for five seconds after a brake was engaged, and the index is a moment behind."""
MOST_ROUNDS: Final = 100
_LOOK_SECONDS: Final = 1.0
_REFUSED: Final = (AgentRuntimeError, ClientError, BotoCoreError)
Key = tuple[str, str, str]
"""Agent, tenant and id of a run."""


@dataclass
class Outcome:
    """What became of the runs. Each line is `{agent, run_id, tenant, bundle_id, was}` and how it is known
    that the run stopped (`proof`), or why it is not (`reason`)."""

    stopped: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    not_stopped: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    braked: list[str] = field(default_factory=list[str])
    failed: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    """`{agent, reason}` of what could not be done for an agent as a whole: nobody else is left running for
    it."""

    @property
    def is_proven(self) -> bool:
        return not self.not_stopped and not self.failed

    def as_dict(self) -> dict[str, Any]:
        return {
            "stopped": self.stopped,
            "not_stopped": self.not_stopped,
            "braked": self.braked,
            "failed": self.failed,
        }


@dataclass(frozen=True)
class KillSwitch:
    """Over some agents. `clock` is monotonic, in seconds; `at_once` runs are written at a time."""

    agents: Sequence[AgentRuns]
    why: str
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    at_once: int = 8

    def count(self, wanted: Wanted) -> int:
        """How many runs would be stopped now."""
        return len(self._targets(wanted, {}))

    def stop(self, wanted: Wanted, *, brakes: bool, wait_seconds: float) -> Outcome:
        """Stop all that fits, and all that begins meanwhile; with `brakes` the agents take no new runs.

        Waits at most so long for the proof of each. What AWS refuses for one agent stops those of no other.
        Raises `UserError` where it does not say who calls.
        """
        by, done = told(lambda: who(self.agents[0].deployed.client)), Outcome()
        if brakes:
            for one in self.agents:
                self._brake(one, by, done)
        unread: dict[str, str] = {}
        stops: dict[Key, tuple[AgentRuns, Watch]] = {}
        failed: dict[Key, dict[str, Any]] = {}
        settled_at = self.clock() + (SETTLE_SECONDS if brakes else _LOOK_SECONDS)
        for _ in range(MOST_ROUNDS):
            fresh = [target for target in self._targets(wanted, unread) if _key(*target) not in stops]
            for target, result in zip(fresh, self._each(fresh, by, done), strict=True):
                if isinstance(result, Stop):
                    stops[_key(*target)] = (target[0], Watch(result, self.clock()))
                    failed.pop(_key(*target), None)
                else:
                    failed[_key(*target)] = {**_named(*target), "reason": result}
            if not [target for target in fresh if _key(*target) in stops] and self.clock() >= settled_at:
                break
            self.sleep(_LOOK_SECONDS)
        self._prove(stops, done, wait_seconds)
        done.not_stopped += failed.values()
        done.failed += [{"agent": agent, "reason": reason} for agent, reason in unread.items()]
        return done

    def _targets(self, wanted: Wanted, unread: dict[str, str]) -> list[tuple[AgentRuns, dict[str, Any]]]:
        """The runs that fit; `unread` are the agents whose runs cannot be listed now, and why."""
        found: list[tuple[AgentRuns, dict[str, Any]]] = []
        for one in self.agents:
            try:
                found += [(one, head) for head in open_heads(one.store, wanted)]
                unread.pop(one.agent, None)
            except _REFUSED as error:
                unread[one.agent] = f"its runs cannot be listed: {error}"
        return found

    def _each(
        self, targets: Sequence[tuple[AgentRuns, dict[str, Any]]], by: str, done: Outcome
    ) -> list[Stop | str]:
        """For each the stop, or why there is none."""

        def one_of(target: tuple[AgentRuns, dict[str, Any]]) -> Stop | str:
            one, head = target
            run = {"run_id": head["run_id"], "tenant": head["tenant"]}
            stopped: Stop | None = None
            try:
                with on_trail(one.deployed.trail, "run-stopped", **run, who=by, how="stopped", why=self.why):
                    stopped = stop(one.store, head["tenant"], head["run_id"], by=by, why=self.why)
            except _REFUSED as error:
                if stopped is None:
                    return str(error)
                # It is stopped all the same: a proof is due for it, and a word about the trail.
                done.failed.append({"agent": one.agent, "reason": f"{head['run_id']}: {error}"})
            return stopped

        if self.at_once == 1:
            return [one_of(target) for target in targets]
        with ThreadPoolExecutor(self.at_once) as threads:
            return list(threads.map(one_of, targets))

    def _prove(self, stops: dict[Key, tuple[AgentRuns, Watch]], done: Outcome, wait_seconds: float) -> None:
        ends, waiting = self.clock() + wait_seconds, dict(stops)
        while waiting:
            for key, (one, watch) in list(waiting.items()):
                line = _line(one, watch.stopped)
                try:
                    proof = watch.proof(one.store, self.clock())
                except RunUnknown as error:
                    done.not_stopped.append({**line, "reason": str(error)})
                except _REFUSED as error:
                    if self.clock() < ends:
                        continue
                    done.not_stopped.append({**line, "reason": str(error)})
                else:
                    if proof is not None:
                        done.stopped.append({**line, "proof": proof.value})
                    elif self.clock() < ends:
                        continue
                    else:
                        done.not_stopped.append({**line, "reason": _still(watch)})
                del waiting[key]
            if waiting:
                self.sleep(_LOOK_SECONDS)

    def _brake(self, one: AgentRuns, by: str, done: Outcome) -> None:
        client = one.deployed.client("dynamodb")
        named = {"reason": f"stopped by a person: {self.why}"[:500], "engaged_by": by[:500]}
        table = one.deployed.control_table

        try:
            with on_trail(one.deployed.trail, "brake-engaged", who=by, reason=self.why):
                if engage(client, table, one.agent, engaged_at=utc_now(), **named):
                    done.braked.append(one.agent)
        except _REFUSED as error:
            done.failed.append({"agent": one.agent, "reason": f"its brake: {error}"})


def _key(one: AgentRuns, head: dict[str, Any]) -> Key:
    return one.agent, head["tenant"], head["run_id"]


def _named(one: AgentRuns, head: dict[str, Any]) -> dict[str, Any]:
    return {
        "agent": one.agent,
        "run_id": head["run_id"],
        "tenant": head["tenant"],
        "bundle_id": head["bundle_id"],
        "was": head["status"],
    }


def _line(one: AgentRuns, stopped: Stop) -> dict[str, Any]:
    head = {"run_id": stopped.run_id, "tenant": stopped.tenant, "bundle_id": stopped.bundle_id}
    return _named(one, {**head, "status": stopped.was.value})


def _still(watch: Watch) -> str:
    """Why there is no proof yet."""
    if watch.words:
        return "no later step of it counts, but its worker lives and is still in one that it had begun"
    reason = "no later step of it counts, but its worker has not said that it let go: a tool or model call "
    return reason + "may still be under way there"
