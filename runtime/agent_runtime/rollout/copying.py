"""Begins copies of runs that the stable release did, for a candidate that gets no run of its own yet."""

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.copies import copy_id
from agent_runtime.hosts.queue import Queue, RunMessage
from agent_runtime.outside import submit_copy
from agent_runtime.records import ENDED, RunStatus
from agent_runtime.rollout.store import State
from agent_runtime.samples import Sample

_log = logging.getLogger("agent_runtime.rollout.copying")
AT_ONCE: Final = {"ecs": 10, "eks": 10, "lambda": 2}
"""By host: a function's reserved concurrency, ten if nobody says otherwise, is its callers' too."""
MOST_LOOKED_AT: Final = 50
"""Samples that one call looks at, the newest first."""


Start = Callable[[State, Mapping[str, Any], str], None]
"""Starts the copy of a run, given by its head, under an id. May be called again."""


@dataclass(frozen=True)
class Copier:
    """`samples` gives up to so many finished runs, the newest first. At most `at_once` are under way."""

    store: CheckpointStore
    samples: Callable[[int], Iterable[Sample]]
    start: Start
    at_once: int

    def begin(self, state: State, most: int) -> int:
        """Start up to `most` copies of runs that have none yet; how many were started. Raises
        `CheckpointUnavailable` and botocore's errors: the next call goes on."""
        begun, candidate, under_way = 0, state.record.candidate or "", 0
        for sample in self.samples(MOST_LOOKED_AT):
            if begun + under_way >= min(most, self.at_once):
                break
            name = copy_id(candidate, sample.run_id)
            head = self.store.find_head(sample.tenant, sample.run_id)
            if head is None or RunStatus(head["status"]) is not RunStatus.DONE:
                continue
            if sample.bundle_id != state.record.stable:
                continue
            copy = self.store.find_head(sample.tenant, name)
            if copy is not None:
                under_way += RunStatus(copy["status"]) not in ENDED
            else:
                self.start(state, head, name)
                begun += 1
        _log.info("copies begun", extra={"candidate": candidate, "copies": begun})
        return begun


def through_queue(store: CheckpointStore, queue: Callable[[str], Queue]) -> Start:
    """Copies on ECS: written and sent as a run is. One that was written and not sent the reaper sends."""

    def start(state: State, head: Mapping[str, Any], name: str) -> None:
        candidate = state.record.candidate or ""
        release = state.releases.get(f"{candidate}#{state.plan.host}", {})
        if "queue_url" not in release:
            return
        submit_copy(store, head, name, candidate)
        message = RunMessage(store.heads.agent, name, head["tenant"], candidate)
        queue(release["queue_url"]).send(message)

    return start


def through_call(functions: Any) -> Start:
    """Copies on Lambda: an asynchronous call of the candidate's version. `functions` is boto3's client."""

    def start(state: State, head: Mapping[str, Any], _name: str) -> None:
        release = state.releases.get(state.record.candidate or "", {})
        if "version" not in release:
            return
        wanted = {"copy_of": {"tenant": head["tenant"], "run_id": head["run_id"]}}
        functions.invoke(
            FunctionName=state.plan.function_name,
            Qualifier=release["version"],
            InvocationType="Event",
            Payload=json.dumps(wanted).encode(),
        )

    return start
