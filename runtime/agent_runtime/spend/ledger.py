"""Reserves before a model call and settles after it, each by one transaction.

A reservation moves every sum it counts in and leaves a hold, or does nothing at all; a settlement ends the
hold and puts the difference right. So a process that dies between the two leaves an open hold, which whoever
comes after its time returns. What was lost on the way is found by the hold's state: nothing counts twice.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
"""

import logging
import random
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.errors import Braked, CapDenied, CapReached, CheckpointUnavailable, SpendUnknown
from agent_runtime.records import SCHEMA_VERSION, Lease, Usage, Value
from agent_runtime.spend.accounts import (
    CARRIED,
    RUN_SPEND,
    Account,
    agent_pk,
    day_account,
    month_shard,
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
from agent_runtime.spend.holds import OPEN, RETURNED, SETTLED, Hold, due_shard
from agent_runtime.spend.pots import PotAccount
from agent_runtime.spend.room import Room, refused_mark

_log = logging.getLogger("agent_runtime.spend")
TRIES: Final = 12
"""Of one transaction. Two that meet on an item are both told to try again."""
_PAUSE_SECONDS: Final = 0.01
MOST_RETURNED: Final = 25
SWEEP_SECONDS: Final = 30.0
MARGIN_SECONDS: Final = 60.0
"""Beyond a call's own time, before its reservation counts as abandoned."""


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
        self._sleep, self._jitter = sleep, jitter
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
        accounts = self._accounts(lease, tenant, windows_at(now), run_cap_usd)
        hold = Hold.new(
            self._agent, amount, windows_at(now), accounts, now + min(seconds, 3600) + MARGIN_SECONDS, pot
        )
        try:
            if self._monotonic() - self._swept_at >= SWEEP_SECONDS:
                self.sweep()
            self._reserved(hold, accounts if pot is None else [*accounts, pot])
        except CheckpointUnavailable as error:
            if self._monotonic() - self._reached_at < self.caps.grace_seconds:
                _log.warning("call not counted: the ledger is out of reach", exc_info=error)
                return None
            raise SpendUnknown(f"the ledger cannot be reached, so nothing may be spent: {error}") from error
        self._reached_at = self._monotonic()
        return hold

    def settle(self, hold: Hold, used: Usage, bundle_id: str) -> None:
        """Count what the call has really cost. Does so too where the hold was returned in the meantime.

        Raises `SpendUnknown`: the reservation then stays counted until its time is over.
        """
        actual = nanos(used.cost_usd)
        counted = {
            "calls": used.model_calls,
            "input_tokens": used.input_tokens,
            "output_tokens": used.output_tokens,
            f"bundle_{bundle_id}": actual,
        }
        try:
            for was, amount in ((OPEN, actual - hold.amount), (RETURNED, actual)):
                moves = [self._counting(a, amount, counted) for a in hold.accounts]
                close = hold.close(self._table.name, SETTLED, was=was, actual=actual)
                if self._written([{"Update": close}, *moves]) is None or self._state(hold) == SETTLED:
                    return
        except CheckpointUnavailable as error:
            raise SpendUnknown(f"a call's cost could not be counted: {error}") from error
        _log.error("a reservation is gone: its call is not counted", extra={"hold": hold.token})

    def spent_by(self, lease: Lease) -> int:
        """What the run has spent or reserved, if it has a cap of its own, in billionths of a US dollar.
        Raises `CheckpointUnavailable`."""
        return int((self._table.get({"pk": lease.pk, "sk": RUN_SPEND}) or {}).get("spent", 0))

    def sweep(self) -> int:
        """Return what was reserved by processes that died; how many reservations that were. Raises
        `CheckpointUnavailable`."""
        self._swept_at = self._monotonic()
        returned = 0
        now = int(self._clock() * 1000)
        for key in self._table.due(due_shard(self._agent), now, MOST_RETURNED):
            held = self._table.get(key)
            if held is None or held["state"] != OPEN:  # the index is a moment behind the table
                continue
            hold = Hold.read(self._agent, held)
            moves = [{"Update": a.move(self._table.name, -hold.amount)} for a in hold.accounts]
            close = hold.close(self._table.name, RETURNED, was=OPEN)
            returned += self._written([{"Update": close}, *moves]) is None
        return returned

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

    def _reserved(self, hold: Hold, accounts: Sequence[Account | PotAccount]) -> None:
        """Raises `CapReached`, `CapDenied`, `Braked` and `CheckpointUnavailable`."""
        parts = [
            {"Put": hold.put(self._table.name)},
            *({"Update": account.reserve(self._table.name, hold.amount)} for account in accounts),
        ]
        swept = False
        for _ in range(TRIES):
            refused = self._written(parts)
            if refused is None or self._state(hold) == OPEN:
                return
            spent = [(account, account.find(self._table)) for account in accounts]
            unopened = [a for a, found in spent if found is None and isinstance(a, Account) and a.is_by_day]
            for account in unopened:
                self._open(account)
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

    def _open(self, account: Account) -> None:
        """Begin the account's day with what is known of its month so far. Others may do so as well."""
        newest = self._table.query(account.pk, f"{account.sk[:7]}-00", account.sk, most=1, newest_first=True)
        last = next((item for item in newest if item["sk"] < account.sk), {})
        carried = {name: last[name] for name in last if name.startswith(CARRIED)}
        item: dict[str, Value] = {**account.key, "schema_version": SCHEMA_VERSION, "day": 0, "month": 0}
        item["expires_at"] = account.expires_at
        if account.scope == "tenant":  # so that the tenants of a month can be listed
            item |= {"due_shard": month_shard(self._agent, account.sk[:7]), "due_at": 0}
        self._table.put(item | carried, "attribute_not_exists(pk)")

    def _counting(
        self, account: Account | PotAccount, amount: int, counted: dict[str, int]
    ) -> dict[str, Any]:
        more = counted if account.is_by_day else {}
        return {"Update": account.move(self._table.name, amount, more)}

    def _state(self, hold: Hold) -> str | None:
        found = self._table.get(hold.key)
        return None if found is None else found["state"]

    def _written(self, parts: list[dict[str, Any]]) -> list[str] | None:
        """None once all parts are written, else the reasons why none is. Raises `CheckpointUnavailable`."""
        client = self._table.client
        for attempt in range(TRIES):
            try:
                client.transact_write_items(TransactItems=parts)  # type: ignore[arg-type]
                return None
            except client.exceptions.TransactionCanceledException as error:
                reasons = [str(r.get("Code")) for r in error.response.get("CancellationReasons", [])]
                if "ConditionalCheckFailed" in reasons:
                    return reasons
                if not set(reasons) & {"TransactionConflict", "ThrottlingError"}:
                    raise CheckpointUnavailable(f"table {self._table.name} refused: {reasons}") from error
            except HTTPClientError:
                pass  # the answer may be lost: sent again, it finds the hold as it is
            except (ClientError, BotoCoreError) as error:
                raise CheckpointUnavailable(
                    f"table {self._table.name} refused: {type(error).__name__}"
                ) from error
            self._sleep(self._jitter() * _PAUSE_SECONDS * 2 ** min(attempt, 6))
        raise CheckpointUnavailable(f"table {self._table.name} does not answer")
