"""The run that a call comes from, and the approval that it brings: read where the agent's own writes cannot
be pretended by a model, in the agent's table."""

import json
import time
from collections.abc import Callable
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from agent_runtime.brake import BrakeReader
from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.errors import Braked, CheckpointUnavailable
from agent_runtime.hosts.problems import Problem, problem_of
from agent_runtime.records import HEAD, SCHEMA_VERSION, SKEW_SECONDS, RunStatus, Value, path_from, path_text
from agent_runtime.tools.arguments import approval_name

ITEM: Final = "tool-gateway"
"""Item of the control table that says where an agent's runs lie."""
_PLACES_SECONDS: Final = 300.0
"""An agent's table has the same name for as long as it exists."""


class Runs:
    """Looks agents' runs up. `open_table` makes the table of a name; `clock` gives seconds since 1970, and
    `monotonic` seconds."""

    def __init__(
        self,
        dynamodb: Any,
        control_table: str,
        own: CheckpointTable,
        keep_days: int,
        *,
        open_table: Callable[[str], CheckpointTable],
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._dynamodb = dynamodb
        self._control_table = control_table
        self._own = own
        self._keep_seconds = keep_days * 86_400
        self._open = open_table
        self._clock = clock
        self._monotonic = monotonic
        self._places: dict[str, tuple[float, CheckpointTable]] = {}
        self._brakes: dict[str, BrakeReader] = {}

    def check_brake(self, agent: str) -> None:
        """Raises `Problem` 429 for an agent that is braked: it reaches nothing, whatever its code does."""
        reader = self._brakes.setdefault(agent, BrakeReader(self._dynamodb, self._control_table, agent))
        if (reason := reader.reason()) is not None:
            raise problem_of(Braked(reason), None)

    def check(self, agent: str, tenant: str, run_id: str) -> None:
        """Raises `Problem` 403 unless this very tenant's run is being worked on now. One answer for all other
        cases: a caller learns nothing of the runs of others. The lease's end is by the worker's clock; one
        that lost the run for less than that is held off by its epoch: no step of it counts."""
        head = self._table_of(agent).get({"pk": f"{agent}#{tenant}#{run_id}", "sk": HEAD})
        over = int((self._clock() - SKEW_SECONDS) * 1000)
        is_worked_on = head is not None and head.get("status") == RunStatus.RUNNING.value
        if not is_worked_on or (head or {}).get("lease_expires_at", 0) < over:
            raise Problem(
                403, "run-refused", "The call belongs to no run", "this tenant has no such run in work"
            )

    def use_approval(
        self, agent: str, tenant: str, run_id: str, path: str, tool: str, arguments: dict[str, Any], key: str
    ) -> None:
        """Uses up the approval that the run has at `path`. The same call again, by its key, may use it again.

        Raises `Problem` 403 where a person has not approved of this very call, and where another call was
        made with it.
        """
        try:  # the approval's id will do, too: it is the path behind the run's id
            place = path_text(path_from(path.removeprefix(f"{run_id}.")))
        except ValueError:
            raise _unapproved("`approval` is no path of a step") from None
        run = f"{agent}#{tenant}#{run_id}"
        found = self._table_of(agent).get({"pk": run, "sk": f"approval#{place}"})
        if found is None or found.get("decision") != "approve":
            raise _unapproved("the run has no such approval")
        if found.get("name") != approval_name(tool, arguments):
            raise _unapproved("the approval is for another tool, or for other arguments")
        item: dict[str, Value] = {
            "pk": f"approval#{run}",
            "sk": f"{place}#{found.get('birth', '')}",
            "schema_version": SCHEMA_VERSION,
            "used_by": key,
            "expires_at": int(self._clock()) + self._keep_seconds,
        }
        before = self._own.put(item, "attribute_not_exists(pk)", {})
        if before is not None and before.get("used_by") != key:
            raise _unapproved("the approval was used for another call")

    def _table_of(self, agent: str) -> CheckpointTable:
        held = self._places.get(agent)
        if held is not None and self._monotonic() - held[0] < _PLACES_SECONDS:
            return held[1]
        try:
            reply = self._dynamodb.get_item(
                TableName=self._control_table,
                Key={"agent": {"S": agent}, "item": {"S": ITEM}},
                ConsistentRead=True,
            )
        except (ClientError, BotoCoreError) as error:
            raise CheckpointUnavailable(
                f"the control table cannot be read ({type(error).__name__})"
            ) from error
        item = reply.get("Item")
        if item is None:
            raise Problem(
                403, "caller-unknown", "The agent is not connected", "deploy it with this `tool_gateway`"
            )
        table = self._open(json.loads(item["document"]["S"])["checkpoint_table"])
        self._places[agent] = (self._monotonic(), table)
        return table


def _unapproved(reason: str) -> Problem:
    return Problem(403, "approval-refused", "The approval does not count", reason)
