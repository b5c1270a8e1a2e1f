"""What the ledger knows, for people who ask: sums by day, tenant, bundle and hour."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.spend.accounts import agent_pk, month_shard, tenant_of, tenant_pk
from agent_runtime.spend.caps import usd

_BUNDLE: Final = "bundle_"
MOST_TENANT_DAYS: Final = 10_000


@dataclass(frozen=True)
class Spent:
    """One line of a report. Dollars count what is reserved at the moment, too."""

    name: str
    usd: float
    calls: int
    input_tokens: int
    output_tokens: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class SpendReader:
    """The sums of one agent. All calls raise `CheckpointUnavailable`; days are such as 2027-01-15."""

    def __init__(self, table: CheckpointTable, agent: str) -> None:
        self._table, self._agent = table, agent

    def by_day(self, first: str, last: str, tenant: str | None = None) -> list[Spent]:
        """The days on which anything was spent, oldest first."""
        return [_spent(day["sk"], day) for day in self._days(first, last, tenant) if _is_used(day)]

    def by_bundle(self, first: str, last: str) -> list[Spent]:
        """Dollars alone, most first: calls are counted for the agent as a whole."""
        sums: dict[str, int] = {}
        for item in self._days(first, last, None):
            for name in item:
                if name.startswith(_BUNDLE):
                    bundle = name.removeprefix(_BUNDLE)
                    sums[bundle] = sums.get(bundle, 0) + item[name]
        return most_first([Spent(bundle, usd(amount), 0, 0, 0) for bundle, amount in sums.items()])

    def by_hour(self, day: str) -> list[Spent]:
        """The hours of one day, in UTC."""
        item = next(iter(self._days(day, day, None)), {})
        hours = sorted(name for name in item if len(name) == 3 and name[0] == "h")
        return [Spent(f"{day} {hour[1:]}:00", usd(item[hour]), 0, 0, 0) for hour in hours]

    def by_tenant(self, first: str, last: str) -> list[Spent]:
        """Each tenant that spent anything, most first."""
        tenants = {
            tenant_of(str(key["pk"]))
            for month in _months(first, last)
            for key in self._table.due(month_shard(self._agent, month), 10**15, MOST_TENANT_DAYS)
        }
        found = []
        for tenant in tenants:
            days = self.by_day(first, last, tenant)
            if days:
                found.append(_total(tenant, days))
        return most_first(found)

    def _days(self, first: str, last: str, tenant: str | None) -> Iterator[dict[str, Any]]:
        pk = agent_pk(self._agent) if tenant is None else tenant_pk(self._agent, tenant)
        return self._table.query(pk, first, last)


def _is_used(day: Mapping[str, Any]) -> bool:
    """Not one that was only closed, since the next has begun."""
    return bool(day.get("day") or day.get("calls"))


def _spent(name: str, item: Mapping[str, Any]) -> Spent:
    counts = (int(item.get(key, 0)) for key in ("calls", "input_tokens", "output_tokens"))
    return Spent(name, usd(item.get("day", 0)), *counts)


def _total(name: str, days: list[Spent]) -> Spent:
    sums = [sum(getattr(day, key) for day in days) for key in ("calls", "input_tokens", "output_tokens")]
    return Spent(name, sum(day.usd for day in days), *sums)


def most_first(found: list[Spent]) -> list[Spent]:
    """Lines by what they cost."""
    return sorted(found, key=lambda spent: (-spent.usd, spent.name))


def _months(first: str, last: str) -> list[str]:
    year, month = int(first[:4]), int(first[5:7])
    found = []
    while f"{year:04d}-{month:02d}" <= last[:7]:
        found.append(f"{year:04d}-{month:02d}")
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return found
