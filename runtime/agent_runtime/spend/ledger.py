"""Reserves before a model call and settles after it, each by one transaction.

A reservation moves every sum it counts in and leaves a hold, or does nothing at all; a settlement ends the
hold and puts the difference right. So a process that dies between the two leaves a hold, which whoever comes
after its time ends: returned if its call had not begun, else as spent. What was lost on the way is found by
the hold's state: nothing counts twice.
"""

import logging
import random
import time
from collections.abc import Callable, Sequence
from typing import Final

from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.errors import Braked, CapDenied, CapReached, CheckpointUnavailable, SpendUnknown
from agent_runtime.records import Lease, Usage
from agent_runtime.spend.accounts import (
    CLOSED,
    RUN_SPEND,
    Account,
    agent_pk,
    day_account,
    run_account,
    tenant_pk,
)
from agent_runtime.spend.caps import (
    SpendCaps,
    Windows,
    attribute_caps,
    nanos,
    seconds_left,
    usd,
    window_of,
    windows_at,
)
from agent_runtime.spend.days import begun_early, open_day
from agent_runtime.spend.holds import RESERVED, Hold
from agent_runtime.spend.pots import PotAccount
from agent_runtime.spend.room import Room, refused_mark
from agent_runtime.spend.settling import Settling
from agent_runtime.spend.transactions import TRIES, Transactions

_log = logging.getLogger("agent_runtime.spend")
SWEEP_SECONDS: Final = 30.0
MARGIN_SECONDS: Final = 60.0
"""Beyond a call's own time, before its reservation counts as abandoned."""

_DAYS: Final = 2
"""This clock's day, and the next one: a clock is minutes ahead of another, not days."""


class Ledger:
    """The spend of one agent. `clock` gives seconds since 1970, `monotonic` any seconds that never go
    back."""

    def __init__(
        self,
        table: CheckpointTable,
        agent: str,
        caps: SpendCaps,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.caps: Final = caps
        self.room: Final = Room(table, agent, caps, clock=clock, monotonic=monotonic)
        """For those who let runs in."""
        self._table = table
        self._agent = agent
        self._clock, self._monotonic = clock, monotonic
        self._transactions = Transactions(table, sleep=sleep, jitter=jitter)
        self._settling = Settling(table, agent, self._transactions, clock)
        self._reached_at = monotonic()
        self._swept_at = float("-inf")

    def reserve(
        self,
        lease: Lease,
        tenant: str,
        cost_usd: float,
        seconds: float,
        run_cap_usd: float | None = None,
        pot: PotAccount | None = None,
    ) -> Hold | None:
        """Reserve `cost_usd` for a call of at most `seconds`, in the `pot` of the run's tree too; None in the
        grace after the table was last reached.

        Raises `CapReached`, `CapDenied` where the root of the tree has ended, and `SpendUnknown` when the
        table cannot be reached for longer.
        """
        amount, now = nanos(cost_usd), self._clock()
        windows, until = windows_at(now), now + seconds + MARGIN_SECONDS
        try:
            if self._monotonic() - self._swept_at >= SWEEP_SECONDS:
                self.sweep()
            for _ in range(_DAYS):
                accounts = self._accounts(lease, tenant, windows, run_cap_usd)
                hold = Hold.new(self._agent, amount, windows, accounts, until, pot)
                if self._reserved(hold, accounts if pot is None else [*accounts, pot]):
                    break
                windows = begun_early(windows)
            else:
                raise SpendUnknown(f"by other clocks it is {windows.day} or later; see to this machine's")
        except CheckpointUnavailable as error:
            if self._monotonic() - self._reached_at < self.caps.grace_seconds:
                _log.warning("call not counted: the ledger is out of reach", exc_info=error)
                return None
            raise SpendUnknown(f"the ledger cannot be reached, so nothing may be spent: {error}") from error
        self._reached_at = self._monotonic()
        return hold

    def begin(self, hold: Hold) -> None:
        """The call begins now: from here on it may cost, whatever becomes of this process. Raises
        `SpendUnknown`; the call must not be made then."""
        try:
            self._settling.begin(hold)
        except CheckpointUnavailable as error:
            if self._monotonic() - self._reached_at < self.caps.grace_seconds:
                _log.warning("call not marked as begun: the ledger is out of reach", exc_info=error)
                return
            raise SpendUnknown(f"the ledger cannot be reached, so nothing may be spent: {error}") from error

    def settle(self, hold: Hold, used: Usage, bundle_id: str) -> None:
        """Count what the call has really cost. Where the table cannot be reached the reservation stays
        counted, and this process settles it later: what was answered is not thrown away."""
        self._settling.settle(hold, used, bundle_id)

    def spent_by(self, lease: Lease) -> int:
        """What the run has spent or reserved, if it has a cap of its own, in billionths of a US dollar.
        Raises `CheckpointUnavailable`."""
        return int((self._table.get({"pk": lease.pk, "sk": RUN_SPEND}) or {}).get("spent", 0))

    def sweep(self) -> int:
        """Settle what could not be settled before, and end what processes that died have reserved; how many
        reservations gave something back. Raises `CheckpointUnavailable`."""
        self._swept_at = self._monotonic()
        return self._settling.late() + self._settling.abandoned()

    def _accounts(
        self, lease: Lease, tenant: str, windows: Windows, run_cap_usd: float | None
    ) -> list[Account]:
        found = [
            day_account("agent", agent_pk(self._agent), windows, attribute_caps(self.caps.agent, windows)),
            day_account(
                "tenant",
                tenant_pk(self._agent, tenant),
                windows,
                attribute_caps(self.caps.of_tenant(tenant), windows),
            ),
        ]
        cap = None if run_cap_usd is None else nanos(run_cap_usd)
        return found if cap is None else [*found, run_account(lease.pk, lease.expires_at, cap)]

    def _reserved(self, hold: Hold, accounts: Sequence[Account | PotAccount]) -> bool:
        """False where a clock that is ahead has begun the next day. Raises `CapReached`, `CapDenied`,
        `Braked` and `CheckpointUnavailable`."""
        parts = [
            {"Put": hold.put(self._table.name)},
            *({"Update": account.reserve(self._table.name, hold.amount)} for account in accounts),
        ]
        swept = False
        for _ in range(TRIES):
            refused = self._transactions.write(parts)
            if refused is None or self._settling.state(hold) == RESERVED:
                return True
            spent = [(account, account.find(self._table)) for account in accounts]
            if any(CLOSED in (found or {}) for account, found in spent if account.is_by_day):
                return False
            unopened = [a for a, found in spent if found is None and isinstance(a, Account) and a.is_by_day]
            for account in unopened:
                open_day(self._table, self._agent, account)
            if unopened:
                continue
            passed = [(a, p) for a, found in spent if (p := a.passed(hold.amount, found or {}))]
            if not passed:
                continue  # others have given some back since
            if not swept and self.sweep():
                swept = True
                continue
            account, (attribute, there, cap) = passed[0]
            if isinstance(account, PotAccount):
                if attribute == "held":
                    raise Braked("a person has stopped the run at the root of its tree")
                if attribute == "state":
                    raise CapDenied("the run at the root of its tree has ended, and with it their budget")
                raise CapReached("tree", "run", usd(there), usd(cap), usd(hold.amount))
            raise self._refusal(account, attribute, there, cap, hold.amount)
        raise CheckpointUnavailable("the ledger is too busy")

    def _refusal(self, account: Account, attribute: str, there: int, cap: int, amount: int) -> CapReached:
        """The error, once those who let runs in are told that a call was refused."""
        if not account.is_by_day:
            return CapReached(account.scope, "run", usd(there), usd(cap), usd(amount))
        window, mark = window_of(attribute), refused_mark(attribute)
        if amount <= cap:
            is_less = f"attribute_exists(pk) AND (attribute_not_exists(#{mark}) OR #{mark} > :amount)"
            self._table.update(account.key, {mark: amount}, is_less, {":amount": amount})
        seconds = seconds_left(window, self._clock())
        figures = (usd(there), usd(cap), usd(amount))
        return CapReached(account.scope, window, *figures, retry_after_seconds=seconds)
