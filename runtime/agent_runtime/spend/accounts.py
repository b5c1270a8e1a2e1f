"""Where the ledger's sums lie in the checkpoint table, and the updates that move them.

| partition | sort key | item |
|---|---|---|
| `AGENT#spend`, `AGENT#TENANT#spend` | `2027-01-15` | what was spent that day, by hour, and in its month |
| a run's own | `spend` | what the run, and those that it began, have spent |
| `AGENT#spend` | `hold#TOKEN` | one reservation: open, settled or returned |

One item a day and account bounds all three windows in one conditional update, and stays below a KB.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.heads import without_hash
from agent_runtime.records import SCHEMA_VERSION, Value, encode
from agent_runtime.spend.caps import Windows

KEPT_DAYS: Final = 400
"""How long sums are kept: a year can be compared with the one before."""
RUN_SPEND: Final = "spend"
_RUN_SUM: Final = "spent"
HOLD: Final = "hold#"
CARRIED: Final = ("month", "told_month")
"""Beginnings of the attributes that go from one day's item into the next of the same month."""
CLOSED: Final = "closed"
"""Attribute of a day in which nothing more is reserved: the next one has begun, by somebody's clock."""


def agent_pk(agent: str) -> str:
    return f"{agent}#spend"


def tenant_pk(agent: str, tenant: str) -> str:
    """Raises `CheckpointError` for a tenant whose name could reach another's keys."""
    return f"{agent}#{without_hash('tenant', tenant)}#spend"


def tenant_of(pk: str) -> str:
    """The tenant of an account's partition."""
    return pk.split("#")[1]


def month_shard(agent: str, month: str) -> str:
    """Shard of the index `due` that lists the days on which tenants spent something in a month."""
    return f"{agent}#spend-{month}"


@dataclass(frozen=True)
class Account:
    """One item with sums, and the caps of its attributes in billionths of a dollar."""

    scope: str
    """`agent`, `tenant` or `run`."""
    pk: str
    sk: str
    attributes: tuple[str, ...]
    expires_at: int
    """Seconds since 1970 at which DynamoDB may delete it."""
    caps: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def is_by_day(self) -> bool:
        return self.scope != "run"

    @property
    def key(self) -> dict[str, Value]:
        return {"pk": self.pk, "sk": self.sk}

    def move(self, table: str, amount: int, more: Mapping[str, int] | None = None) -> dict[str, Any]:
        """The update that adds `amount` to the sums, and `more` to other numbers, whatever the caps."""
        added = {**dict.fromkeys(self.attributes, amount), **(more or {})}
        names = {f"#{n}": attribute for n, attribute in enumerate(added)}
        values = {f":{n}": value for n, value in enumerate(added.values())}
        adds = ", ".join(f"#{n} :{n}" for n in range(len(added)))
        return {
            "TableName": table,
            "Key": encode(self.key),
            "UpdateExpression": f"SET schema_version = :version, expires_at = :expires ADD {adds}",
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": encode(
                {**values, ":version": SCHEMA_VERSION, ":expires": self.expires_at}
            ),
        }

    def reserve(self, table: str, amount: int) -> dict[str, Any]:
        """The same, if no cap is passed by it. A day must have been opened, since its month's sum comes from
        the day before, and must not have been closed."""
        update = self.move(table, amount)
        by_attribute = {attribute: name for name, attribute in update["ExpressionAttributeNames"].items()}
        conditions: list[str] = []
        if self.is_by_day:
            conditions = ["attribute_exists(pk)", "attribute_not_exists(#closed)"]
            update["ExpressionAttributeNames"]["#closed"] = CLOSED
        values: dict[str, Value] = {}
        for n, (attribute, cap) in enumerate(self.caps.items()):
            name = by_attribute[attribute]
            conditions.append(f"(attribute_not_exists({name}) OR {name} <= :cap{n})")
            values[f":cap{n}"] = cap - amount
        if conditions:
            update["ConditionExpression"] = " AND ".join(conditions)
        update["ExpressionAttributeValues"] |= encode(values)
        return update

    def find(self, table: CheckpointTable) -> dict[str, Any] | None:
        """The item as last written."""
        return table.get(self.key)

    def passed(self, amount: int, spent: Mapping[str, Any]) -> tuple[str, int, int] | None:
        """Attribute, sum and cap of the first cap that `amount` would pass, by the item `spent`."""
        for attribute, cap in self.caps.items():
            if (there := int(spent.get(attribute, 0))) > cap - amount:
                return attribute, there, cap
        return None


def day_account(scope: str, pk: str, windows: Windows, caps: Mapping[str, int] | None = None) -> Account:
    ends = datetime.fromisoformat(windows.day).replace(tzinfo=UTC).timestamp()
    expires_at = int(ends) + KEPT_DAYS * 86_400
    return Account(scope, pk, windows.day, ("day", windows.hour, "month"), expires_at, caps or {})


def run_account(pk: str, expires_at: int, cap: int | None = None) -> Account:
    return Account("run", pk, RUN_SPEND, (_RUN_SUM,), expires_at, {} if cap is None else {_RUN_SUM: cap})
