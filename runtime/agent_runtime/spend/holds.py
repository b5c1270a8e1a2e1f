"""One reservation as the ledger's table keeps it, so that whoever comes later can end it."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from agent_runtime.records import SCHEMA_VERSION, Value, encode
from agent_runtime.spend.accounts import HOLD, Account, agent_pk, day_account, run_account
from agent_runtime.spend.caps import Windows
from agent_runtime.spend.pots import PotAccount, PotReference

RESERVED, CALLED = "RESERVED", "CALLED"
"""Before its call, and from its beginning on: what is CALLED may have been paid for."""
SETTLED, RETURNED, COUNTED = "SETTLED", "RETURNED", "COUNTED"
"""Ended: with what the call cost, with nothing, or as abandoned with what was reserved."""
UNENDED: Final = frozenset({RESERVED, CALLED, "OPEN"})
"""`OPEN` is what older processes write: whether their call has begun it does not say."""
_KEPT_SECONDS: Final = 7 * 86_400
"""Longer than any run could come back to it."""


@dataclass(frozen=True)
class Hold:
    """An amount reserved in some accounts. Times are seconds since 1970."""

    agent: str
    token: str
    amount: int
    """Billionths of a US dollar."""
    windows: Windows
    days: tuple[tuple[str, str], ...]
    """Scope and partition of the accounts by day."""
    run: tuple[str, int] | None
    """Partition and expiry of the run's account, where the run has a cap."""
    until: float
    """When it counts as abandoned."""
    pot: PotAccount | None = None
    """That of the tree of runs, where the run is of one."""

    @classmethod
    def new(
        cls,
        agent: str,
        amount: int,
        windows: Windows,
        accounts: Sequence[Account],
        until: float,
        pot: PotAccount | None = None,
    ) -> "Hold":
        days = tuple((account.scope, account.pk) for account in accounts if account.is_by_day)
        run = next(((account.pk, account.expires_at) for account in accounts if not account.is_by_day), None)
        return cls(agent, os.urandom(12).hex(), amount, windows, days, run, until, pot)

    @classmethod
    def read(cls, agent: str, values: Mapping[str, Any]) -> "Hold":
        """The hold of an item."""
        told = json.loads(values["accounts"])
        run = None if told["run"] is None else (str(told["run"][0]), int(told["run"][1]))
        days = tuple((scope, pk) for scope, pk in told["days"])
        windows = Windows(values["day"], values["hour"])
        token = values["sk"].removeprefix(HOLD)
        pot = None
        if told.get("pot") is not None:  # older holds have none
            table, root, pot_id, expires_at = told["pot"]
            pot = PotAccount(table, PotReference(root, pot_id), expires_at)
        return cls(agent, token, values["amount"], windows, days, run, values["until"], pot)

    @property
    def key(self) -> dict[str, Value]:
        return {"pk": agent_pk(self.agent), "sk": f"{HOLD}{self.token}"}

    @property
    def accounts(self) -> list[Account | PotAccount]:
        found: list[Account | PotAccount] = [day_account(scope, pk, self.windows) for scope, pk in self.days]
        found += [] if self.run is None else [run_account(*self.run)]
        return found if self.pot is None else [*found, self.pot]

    def put(self, table: str) -> dict[str, Any]:
        """The put that opens it; the index `due` finds it until it is ended."""
        item: dict[str, Value] = {
            **self.key,
            "schema_version": SCHEMA_VERSION,
            "state": RESERVED,
            "amount": self.amount,
            "day": self.windows.day,
            "hour": self.windows.hour,
            "accounts": json.dumps({"days": self.days, "run": self.run, "pot": self._told_pot()}),
            "until": int(self.until),
            "due_shard": due_shard(self.agent),
            "due_at": int(self.until * 1000),
            "expires_at": int(self.until) + _KEPT_SECONDS,
        }
        return {"TableName": table, "Item": encode(item), "ConditionExpression": "attribute_not_exists(pk)"}

    def _told_pot(self) -> list[str | int] | None:
        if self.pot is None:
            return None
        reference = self.pot.reference
        return [self.pot.table, reference.agent, reference.pot_id, self.pot.expires_at]

    def close(self, table: str, state: str, *, was: str, actual: int = 0) -> dict[str, Any]:
        """The update that ends it, if it is as it `was`."""
        return {
            "TableName": table,
            "Key": encode(self.key),
            "UpdateExpression": "SET #state = :state, actual = :actual REMOVE due_shard, due_at",
            "ConditionExpression": "#state = :was",
            "ExpressionAttributeNames": {"#state": "state"},
            "ExpressionAttributeValues": encode({":state": state, ":was": was, ":actual": actual}),
        }


def due_shard(agent: str) -> str:
    return f"{agent}#spend"
