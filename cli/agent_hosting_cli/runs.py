"""Runs of all agents of a stack: found, shown, let go on. What stops them is in `kill_switch`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from agent_hosting_cli.deployed import Deployed, told, who
from agent_hosting_cli.project import UserError
from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.hosts.queue import RunMessage, senders
from agent_runtime.open_runs import FoundRun, Wanted, described, ended_heads, found, open_heads
from agent_runtime.records import RunStatus
from agent_runtime.stopping import resume


@dataclass(frozen=True)
class AgentRuns:
    """The runs of one deployed agent."""

    deployed: Deployed

    @property
    def agent(self) -> str:
        return self.deployed.agent

    @property
    def host(self) -> str:
        return str(self.deployed.outputs.get("host", ""))

    @cached_property
    def store(self) -> CheckpointStore:
        return self.deployed.checkpoints()

    @property
    def queues(self) -> dict[str, str]:
        """Queue by bundle id; none on Lambda."""
        return dict(self.deployed.outputs.get("queue_urls") or {})

    def wake(self, tenant: str, run_id: str, bundle_id: str) -> None:
        """Tell the run's queue that it goes on. Raises botocore's errors."""
        message = RunMessage(self.agent, run_id, tenant, bundle_id)
        senders(self.deployed.client("sqs"), self.queues)(message)


@dataclass(frozen=True)
class Runs:
    """Over some agents of a stack. Raises `UserError`."""

    agents: Sequence[AgentRuns]

    @classmethod
    def of(cls, deployed: Sequence[Deployed]) -> "Runs":
        return cls([AgentRuns(one) for one in deployed])

    def open(self, wanted: Wanted) -> Iterator[tuple[AgentRuns, FoundRun]]:
        """Those that have not ended."""
        for one in self.agents:
            for head in told(lambda one=one: list(open_heads(one.store, wanted))):
                yield one, found(head)

    def ended(self, wanted: Wanted, hours: float) -> Iterator[tuple[AgentRuns, FoundRun]]:
        """Those that have ended and were begun in the last hours; it reads whole tables."""
        for one in self.agents:
            since = int((one.store.now() - hours * 3600) * 1000)
            for head in told(lambda one=one, since=since: list(ended_heads(one.store, wanted, since))):
                yield one, found(head)

    def show(self, run_id: str, tenant: str | None) -> dict[str, Any]:
        """All that is known of one run, with its agent and host."""
        one, there = self.find(run_id, tenant)
        shown = told(lambda: described(one.store, there, run_id))
        if shown is None:
            raise _unknown(run_id)
        return {"agent": one.agent, "host": one.host, **shown}

    def resume(self, run_id: str, tenant: str | None, why: str) -> dict[str, Any]:
        """Let a run go on; `{agent, run_id, tenant, goes_on}`."""
        one, there = self.find(run_id, tenant)
        by = told(lambda: who(one.deployed.client))

        def go() -> str:
            bundles = frozenset(one.queues) if one.queues else None
            trail = one.deployed.trail
            bundle_id = resume(one.store, there, run_id, by=by, why=why, bundles=bundles, audit=trail)
            if bundle_id is None:
                return "when its caller asks again with the same key"
            one.wake(there, run_id, bundle_id)
            return "at once"

        return {"agent": one.agent, "run_id": run_id, "tenant": there, "goes_on": told(go)}

    def find(self, run_id: str, tenant: str | None) -> tuple[AgentRuns, str]:
        """The agent and the tenant of a run. Of one that has ended the tenant must be given."""
        for one in self.agents:
            if tenant is not None:
                if told(lambda one=one: one.store.find_head(tenant, run_id)) is not None:
                    return one, tenant
                continue
            heads = told(lambda one=one: list(open_heads(one.store, Wanted(run_id=run_id))))
            if heads:
                return one, str(heads[0]["tenant"])
        raise _unknown(run_id)


def statuses(given: Sequence[str]) -> frozenset[RunStatus]:
    """The statuses of their names, in any case of letters. Raises `UserError`."""
    try:
        return frozenset(RunStatus(name.upper()) for name in given)
    except ValueError:
        allowed = ", ".join(status.value for status in RunStatus)
        raise UserError(f"--status {' '.join(given)}: a status is one of {allowed}") from None


def _unknown(run_id: str) -> UserError:
    return UserError(
        f"no run {run_id} is under way in this stack; of one that has ended, name the tenant with --tenant"
    )
