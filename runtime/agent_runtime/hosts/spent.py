"""Runs whose agent or tenant has nothing left to spend: no worker takes them, they wait for the window."""

from collections.abc import Callable

from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.errors import CapReached
from agent_runtime.hosts.endings import ending
from agent_runtime.hosts.queue import RunMessage
from agent_runtime.outside import IS_AS_READ, update_from_outside
from agent_runtime.records import RunStatus, Value

_WAITING = (RunStatus.QUEUED, RunStatus.PARKED)
"""Every other run goes on to where the ledger refuses its next call, or to its end without one."""


def parked_unless_paid(
    store: CheckpointStore,
    message: RunMessage,
    check_room: Callable[[str], None],
    jitter: Callable[[], float],
) -> int | None:
    """None where the run may begin or go on; else it is PARKED with the reason, and the seconds after which
    it is to be looked at again. Raises `CheckpointUnavailable`.

    A person may have raised the cap meanwhile, so that is long before the window is over, and spread: or a
    tenant's runs would all come back at once.
    """
    try:
        check_room(message.tenant)
    except CapReached as reached:
        refused = reached
    else:
        return None
    head = store.find_head(message.tenant, message.run_id)
    if head is None or "held" in head or head["bundle_id"] != message.bundle_id:
        return None  # one that waits for a person goes on waiting for him
    if RunStatus(head["status"]) not in _WAITING:
        return None
    end = ending(refused, takes=1, max_receives=1, now=store.now(), jitter=jitter)
    parked: dict[str, Value] = {"status": end.status.value, "error": end.error, "resends": 0}
    due: dict[str, Value] = {"due_at": int(end.due_at * 1000)} if "takes" in head else {}
    same = (*IS_AS_READ, "bundle_id")
    if update_from_outside(store, head, parked | due, (), while_same=same) is None:
        return None  # somebody took it, ended it or moved it: as its taking will tell
    return end.resend_after
