"""How reservations end: settled with what the call cost, returned where none was begun, else counted.

What a process that died leaves behind is told apart by its hold. One that is RESERVED began no call, and
comes back; one that is CALLED may have been answered, and paid for: it costs what was reserved.
"""

import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.errors import CheckpointUnavailable, SpendUnknown
from agent_runtime.records import Usage
from agent_runtime.spend.accounts import Account
from agent_runtime.spend.caps import nanos
from agent_runtime.spend.holds import CALLED, COUNTED, RESERVED, RETURNED, SETTLED, UNENDED, Hold, due_shard
from agent_runtime.spend.pots import PotAccount
from agent_runtime.spend.transactions import Transactions

_log = logging.getLogger("agent_runtime.spend")
MOST_RETURNED: Final = 25
MOST_LATE: Final = 1000
"""Settlements that a process remembers while the table cannot be reached."""
LATE_SECONDS: Final = 3600.0
"""After which one that could not be written is given up: what was reserved stays counted."""


class Settling:
    """Of one agent's holds. `clock` gives seconds since 1970."""

    def __init__(
        self, table: CheckpointTable, agent: str, transactions: Transactions, clock: Callable[[], float]
    ) -> None:
        self._table, self._agent, self._transactions, self._clock = table, agent, transactions, clock
        self._late: deque[tuple[Hold, Usage, str]] = deque(maxlen=MOST_LATE)

    def begin(self, hold: Hold) -> None:
        """The call begins now, and from here on it may cost. Raises `CheckpointUnavailable`, and
        `SpendUnknown` where the reservation was returned in the meantime: then it may not be made."""
        done = self._table.update(hold.key, {"state": CALLED}, "#state = :reserved", {":reserved": RESERVED})
        if not done.is_written and done.item.get("state") != CALLED:  # else the answer was lost
            raise SpendUnknown("the call's reservation was returned before it began")

    def settle(self, hold: Hold, used: Usage, bundle_id: str) -> None:
        """Count what the call has really cost, however its hold has ended. While the table cannot be reached
        the reservation counts in its place, and `late` comes back to it."""
        try:
            self._settled(hold, used, bundle_id)
        except CheckpointUnavailable as error:
            _log.warning(
                "call not settled: it counts as reserved", extra={"hold": hold.token}, exc_info=error
            )
            self._late.append((hold, used, bundle_id))

    def late(self) -> int:
        """Settle what could not be settled before; how many."""
        settled = 0
        for _ in range(len(self._late)):
            try:
                hold, used, bundle_id = self._late.popleft()
            except IndexError:  # another thread took it
                break
            try:
                self._settled(hold, used, bundle_id)
                settled += 1
            except CheckpointUnavailable as error:
                if self._clock() < hold.until + LATE_SECONDS:
                    self._late.append((hold, used, bundle_id))
                    continue
                _log.warning("settlement given up", extra={"hold": hold.token}, exc_info=error)
        return settled

    def abandoned(self) -> int:
        """End the holds that processes left whose time is over; how many were returned. Raises
        `CheckpointUnavailable`."""
        returned, now = 0, int(self._clock() * 1000)
        for key in self._table.due(due_shard(self._agent), now, MOST_RETURNED):
            held = self._table.get(key)
            if held is None or held["state"] not in UNENDED:  # the index is a moment behind the table
                continue
            returned += self._given_up(Hold.read(self._agent, held), held["state"])
        return returned

    def _given_up(self, hold: Hold, state: str) -> bool:
        """Whether the hold was returned. One that cannot be, such as one of a pot that the agent may not move
        any more, counts as spent: it must not stand in the way of the others."""
        extra = {"hold": hold.token}
        if state == RESERVED:
            moves = [{"Update": a.move(self._table.name, -hold.amount)} for a in hold.accounts]
            close = hold.close(self._table.name, RETURNED, was=RESERVED)
            try:
                return self._transactions.write([{"Update": close}, *moves]) is None
            except CheckpointUnavailable as error:
                _log.warning("reservation not returned: it counts as spent", extra=extra, exc_info=error)
        close = hold.close(self._table.name, COUNTED, was=state, actual=hold.amount)
        if self._transactions.write([{"Update": close}]) is None and state != RESERVED:
            _log.warning("call abandoned: it counts as reserved", extra=extra)
        return False

    def _settled(self, hold: Hold, used: Usage, bundle_id: str) -> None:
        actual = nanos(used.cost_usd)
        counted = {
            "calls": used.model_calls,
            "input_tokens": used.input_tokens,
            "output_tokens": used.output_tokens,
            f"bundle_{bundle_id}": actual,
        }
        was: str | None = CALLED
        for _ in (CALLED, COUNTED, RETURNED):  # whoever sweeps may end it meanwhile
            amount = actual if was == RETURNED else actual - hold.amount
            moves = [self._counting(a, amount, counted) for a in hold.accounts]
            close = hold.close(self._table.name, SETTLED, was=str(was), actual=actual)
            if self._transactions.write([{"Update": close}, *moves]) is None:
                return
            was = self.state(hold)
            if was == SETTLED:
                return
            if was is None:
                break
        _log.error("a reservation is gone: its call is not settled", extra={"hold": hold.token})

    def _counting(
        self, account: Account | PotAccount, amount: int, counted: dict[str, int]
    ) -> dict[str, Any]:
        more = counted if account.is_by_day else {}
        return {"Update": account.move(self._table.name, amount, more)}

    def state(self, hold: Hold) -> str | None:
        """As it was last written; None where there is no such hold."""
        found = self._table.get(hold.key)
        return None if found is None else found["state"]
