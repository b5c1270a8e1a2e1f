"""Keeps a worker that has lost its lease from writing to a thread."""

import threading
from collections.abc import Sequence

from agent_runtime.integrations.langgraph.keys import HEAD, Thread
from agent_runtime.integrations.langgraph.lifetimes import Lifetimes
from agent_runtime.integrations.langgraph.table import Action, ThreadTable, envelope


class Fence:
    """One worker's right to write, checked in the transaction of each write."""

    def __init__(self, table: ThreadTable, lifetimes: Lifetimes, run_id: str, epoch: int) -> None:
        self._table = table
        self._lifetimes = lifetimes
        self._worker = {":run": {"S": run_id}, ":epoch": {"N": str(epoch)}}
        self._claimed: set[str] = set()
        self._lock = threading.Lock()

    def claim(self, thread: Thread) -> None:
        """Take the thread over at the first use. Raises `LeaseLost` if a newer epoch of the run has it."""
        if thread.pk in self._claimed:
            return
        head = envelope(thread.pk, HEAD, self._lifetimes.of_new())
        thread_is_new, run_is_another, epoch_is_not_newer = (
            "attribute_not_exists(pk)",
            "run_id <> :run",
            "epoch <= :epoch",
        )
        request = {
            "Key": {"pk": head["pk"], "sk": head["sk"]},
            "UpdateExpression": "SET run_id = :run, epoch = :epoch, expires_at = :end, schema_version = :is",
            "ConditionExpression": f"{thread_is_new} OR {run_is_another} OR {epoch_is_not_newer}",
            "ExpressionAttributeValues": {
                **self._worker,
                ":is": head["schema_version"],
                ":end": head["expires_at"],
            },
        }
        self._table.write([Action("Update", request)])
        self._claimed.add(thread.pk)

    def write(self, thread: Thread, actions: Sequence[Action]) -> None:
        """Do all `actions` if the thread is still this worker's. Raises `LeaseLost`."""
        self.claim(thread)
        check = {
            "Key": {"pk": {"S": thread.pk}, "sk": {"S": HEAD}},
            "ConditionExpression": "run_id = :run AND epoch = :epoch",
            "ExpressionAttributeValues": self._worker,
        }
        # Parallel tasks write at the same time, and DynamoDB cancels transactions that meet on the head.
        with self._lock:
            self._table.write(actions, Action("ConditionCheck", check))
