"""Opens the days of an account, so that their month's sum is right whoever's clock is ahead.

The first who reaches a day closes the one before it, and begins with what its month had come to: from there
on nothing is reserved in a day whose sum was carried over. A clock that is behind reserves in the newest day.
"""

from datetime import date, timedelta
from typing import Any

from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.records import SCHEMA_VERSION, Value
from agent_runtime.spend.accounts import CARRIED, CLOSED, Account, month_shard
from agent_runtime.spend.caps import Windows

_FIRST_HOUR = "h00"


def begun_early(windows: Windows) -> Windows:
    """The windows of whoever finds the day of `windows` closed: the first of the next."""
    return Windows(_moved(windows.day, 1), _FIRST_HOUR)


def open_day(table: CheckpointTable, agent: str, account: Account) -> None:
    """Begin the account's day with what is known of its month so far. Others may do so as well, and whoever
    dies in between leaves the day before closed, which the next one finds. Raises `CheckpointUnavailable`."""
    before = _moved(account.sk, -1)
    last = _closed(table, account, before) if before[:7] == account.sk[:7] else {}
    item: dict[str, Value] = {**account.key, "schema_version": SCHEMA_VERSION, "day": 0, "month": 0}
    item["expires_at"] = account.expires_at
    if account.scope == "tenant":  # so that the tenants of a month can be listed
        item |= {"due_shard": month_shard(agent, account.sk[:7]), "due_at": 0}
    table.put(item | _carried(last), "attribute_not_exists(pk)")


def _closed(table: CheckpointTable, account: Account, day: str) -> dict[str, Any]:
    """The item of `day`, in which nothing is reserved from here on. One in which nothing was is made: a clock
    that is behind could open it else."""
    key: dict[str, Value] = {"pk": account.pk, "sk": day}
    is_there = "attribute_exists(pk)"
    done = table.update(key, {CLOSED: 1}, is_there, {}, returning=True)
    if done.is_written:
        return done.item
    earlier = table.query(account.pk, f"{day[:7]}-00", day, most=1, newest_first=True)
    item: dict[str, Value] = {**key, "schema_version": SCHEMA_VERSION, "day": 0, "month": 0, CLOSED: 1}
    item |= {"expires_at": account.expires_at, **_carried(next(earlier, {}))}
    if table.put(item, "attribute_not_exists(pk)") is None:
        return item
    return table.update(key, {CLOSED: 1}, is_there, {}, returning=True).item  # opened in the meantime


def _carried(item: dict[str, Any]) -> dict[str, Any]:
    return {name: item[name] for name in item if name.startswith(CARRIED)}


def _moved(day: str, days: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()
