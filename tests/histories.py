"""What must hold of an agent's table after any fault, judged from its items and the writes that made them
(I1 to I8 are the invariants of the fault list; I3 and I6 are judged where the effects and the logs are)."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from agent_runtime.records import decode
from agent_runtime.spend.accounts import HOLD, RUN_SPEND
from agent_runtime.spend.caps import SpendCaps, WindowCaps, Windows, attribute_caps, nanos, usd
from agent_runtime.spend.holds import COUNTED, RETURNED, UNENDED, Hold

Item = Mapping[str, Any]
"""As DynamoDB has it, each value with its type."""
ENDS = {"DONE", "DEAD", "CANCELLED", "WAITING_APPROVAL"}


def heads_of(items: Iterable[Item]) -> list[Item]:
    """The runs."""
    return [item for item in items if item["sk"]["S"] == "run"]


def assert_all_ended(items: Sequence[Item], accepted: int) -> None:
    """I1 and I5: everything that was accepted has ended, or waits for a person."""
    statuses = Counter(head["status"]["S"] for head in heads_of(items))
    assert statuses.keys() <= ENDS, statuses
    assert statuses.total() == accepted, statuses


def assert_contiguous(items: Sequence[Item]) -> None:
    """I2: no run has a gap between its steps."""
    steps: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        if item["sk"]["S"].startswith("step#"):
            steps[item["pk"]["S"]].append(item)
    for head in heads_of(items):
        numbers = sorted(root_steps(steps[head["pk"]["S"]]))
        assert numbers == list(range(1, len(numbers) + 1)), f"{head['pk']} has a gap: {numbers}"


def root_steps(steps: Sequence[Item]) -> list[int]:
    """Numbers of the run's own steps that are done, parallel ones by their announcement."""
    paths = {item["sk"]["S"].removeprefix("step#"): item for item in steps}
    return [
        int(path)
        for path, item in paths.items()
        if "." not in path and (item["state"]["S"] == "DONE" or "children" in item)
    ]


def assert_fenced(history: Iterable[Item]) -> None:
    """I2 and I4: each step was committed once, and no epoch goes back. For the head and for the steps each: a
    step may be committed after the head was taken, as long as the new worker's claim has not come yet."""
    commits: dict[tuple[str, str], int] = Counter()
    epochs: dict[str, int] = defaultdict(int)
    for item in history:
        pk, sk = item["pk"]["S"], item["sk"]["S"]
        if "epoch" in item:
            chain = f"{pk} {sk.partition('#')[0]}"
            assert int(item["epoch"]["N"]) >= epochs[chain], f"{pk} {sk} was written in an older epoch"
            epochs[chain] = int(item["epoch"]["N"])
        if sk.startswith("step#") and item["state"]["S"] == "DONE":
            commits[pk, sk] += 1
    assert all(count == 1 for count in commits.values()), "a step was committed twice"


def assert_pinned(history: Iterable[Item], rejected: frozenset[str] = frozenset()) -> None:
    """I8: a run stays with its bundle while a worker has it, and no worker has it for a bundle in `rejected`,
    those that were sent back before this history began."""
    writes: dict[str, list[Item]] = defaultdict(list)
    for head in heads_of(history):
        writes[head["pk"]["S"]].append(head)
    for pk, heads in writes.items():
        for before, after in pairwise(heads):
            if _is_in_hand(before, int(after["updated_at"]["N"])):
                assert after["bundle_id"] == before["bundle_id"], f"{pk} was moved in its worker's hands"
        now = [int(head["updated_at"]["N"]) for head in heads]
        had = {head["bundle_id"]["S"] for head, at in zip(heads, now, strict=True) if _is_in_hand(head, at)}
        assert not had & rejected, f"{pk} was begun by a release that was sent back"


def _is_in_hand(head: Item, now: int) -> bool:
    """A worker that was killed has a run until its lease is over."""
    return head["status"]["S"] == "RUNNING" and int(head["lease_expires_at"]["N"]) > now


@dataclass(frozen=True)
class Spending:
    """What an agent's table says of its spend, in billionths of a dollar."""

    holds: tuple[tuple[Hold, str, int], ...]
    """Each with its state and what it counts for."""
    days: Mapping[tuple[str, str], dict[str, Any]]
    """The sums of a day, by partition and day."""
    runs: Mapping[str, int]
    """Sums of runs with a cap of their own, by partition."""

    @classmethod
    def read(cls, agent: str, items: Iterable[Item]) -> "Spending":
        holds: list[tuple[Hold, str, int]] = []
        days: dict[tuple[str, str], dict[str, Any]] = {}
        runs: dict[str, int] = {}
        for written in items:
            pk, sk = written["pk"]["S"], written["sk"]["S"]
            if sk.startswith(HOLD):
                item = decode(written)
                hold, state = Hold.read(agent, item), item["state"]
                holds.append((hold, state, hold.amount if state in UNENDED else item["actual"]))
            elif pk.endswith("#spend") and pk.startswith(f"{agent}#"):
                days[pk, sk] = decode(written)
            elif sk == RUN_SPEND:
                runs[pk] = int(decode(written).get("spent", 0))
        return cls(tuple(holds), days, runs)

    @property
    def has_open(self) -> bool:
        return any(state in UNENDED for _, state, _ in self.holds)

    def of_agent(self, agent: str) -> int:
        """All that the agent has spent or reserved."""
        return sum(int(day["day"]) for (pk, _), day in self.days.items() if pk == f"{agent}#spend")


def assert_spent_within(
    items: Sequence[Item], agent: str, caps: SpendCaps, *, call_usd: float, paid: int, calls_at_once: int = 1
) -> None:
    """I7: no sum is over its cap by more than one call of `call_usd`, or those that were made at once. Each
    is what its calls came to, and all that the provider is `paid`, in billionths of a dollar, is counted."""
    found = Spending.read(agent, items)
    over = calls_at_once * nanos(call_usd)
    for hold, state, counts in found.holds:
        assert state != RETURNED or counts == 0
        assert state != COUNTED or counts == hold.amount
    for (pk, day), sums in found.days.items():
        windows = {hold.windows for hold, _, _ in found.holds if (pk, day) in _days(hold)}
        came_to = sum(counts for hold, _, counts in found.holds if (pk, day) in _days(hold))
        assert int(sums["day"]) == came_to, f"{pk} {day} says {sums['day']}, its calls come to {came_to}"
        scope = caps.agent if pk == f"{agent}#spend" else caps.of_tenant(pk.split("#")[1])
        _assert_within(f"{pk} {day}", sums, scope, windows, over)
    for pk, spent in found.runs.items():
        came_to = sum(counts for hold, _, counts in found.holds if hold.run is not None and hold.run[0] == pk)
        assert spent == came_to, f"{pk} says {spent}, its calls come to {came_to}"
        assert caps.run.usd is None or spent <= nanos(caps.run.usd) + over, f"{pk} spent {usd(spent)} USD"
    tenants = sum(int(day["day"]) for (pk, _), day in found.days.items() if pk != f"{agent}#spend")
    assert tenants == found.of_agent(agent), "the tenants' sums are not their agent's"
    assert paid <= found.of_agent(agent), "calls were paid for that nobody counts"


def _days(hold: Hold) -> set[tuple[str, str]]:
    return {(pk, hold.windows.day) for _, pk in hold.days}


def _assert_within(
    what: str, sums: Mapping[str, Any], caps: WindowCaps, windows: set[Windows], over: int
) -> None:
    for each in windows:
        for attribute, cap in attribute_caps(caps, each).items():
            spent = int(sums.get(attribute, 0))
            assert spent <= cap + over, f"{what} {attribute}: {usd(spent)} of {usd(cap)} USD"
