"""The pot of a tree of runs: what the run at its root may spend, it shares with those it has others begin.

The pot lies in the control table, in the partition `AGENT#tree` of the root's agent: the one table that the
agents of an environment share. Who has its reference, of 128 random bits, may spend from it, if its own agent
names the root's under `spend.roots`. It holds what is left, not what is spent: a condition of DynamoDB can
compare that with a call's price, whoever knows the cap.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.records import SCHEMA_VERSION, Value, encode

OPEN, HELD, CLOSED = "OPEN", "HELD", "CLOSED"
"""Held while a person has stopped the run at the root: those below wait then, and end once it is closed."""
UNBOUNDED: Final = 10**18
"""Left in a pot without a cap: a billion dollars."""
_REFERENCE = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,63})\.([0-9a-f]{32})")


def partition(agent: str) -> str:
    """Where the pots of an agent's trees lie."""
    return f"{agent}#tree"


@dataclass(frozen=True)
class PotReference:
    """Which pot. Its text is what `parent` of `POST /runs` takes."""

    agent: str
    """That of the run at the root."""
    pot_id: str

    @classmethod
    def new(cls, agent: str) -> "PotReference":
        return cls(agent, os.urandom(16).hex())

    @classmethod
    def read(cls, text: str) -> "PotReference | None":
        """None for a text that is no reference."""
        found = _REFERENCE.fullmatch(text)
        return None if found is None else cls(found[1], found[2])

    @property
    def text(self) -> str:
        return f"{self.agent}.{self.pot_id}"

    @property
    def key(self) -> dict[str, Value]:
        return {"agent": partition(self.agent), "item": self.pot_id}


@dataclass(frozen=True)
class PotAccount:
    """A pot as the ledger moves it, beside the accounts of the run's own agent."""

    table: str
    """Name of the control table."""
    reference: PotReference
    expires_at: int
    """Seconds since 1970 at which DynamoDB may delete it."""
    is_root: bool = False
    """Whether the run at the root spends: it may do so from a pot that it has closed, on its way to its
    end."""

    @property
    def scope(self) -> str:
        return "tree"

    @property
    def is_by_day(self) -> bool:
        return False

    def find(self, table: CheckpointTable) -> dict[str, Any] | None:
        return CheckpointTable(table.client, self.table).get(self.reference.key)

    def move(self, _table: str, amount: int, _more: Mapping[str, int] | None = None) -> dict[str, Any]:
        """The update that takes `amount` out of the pot, whatever is left in it."""
        values: dict[str, Value] = {
            ":amount": amount,
            ":back": -amount,
            ":version": SCHEMA_VERSION,
            ":expires": self.expires_at,
        }
        return {
            "TableName": self.table,
            "Key": encode(self.reference.key),
            "UpdateExpression": "SET schema_version = :version, expires_at = if_not_exists(expires_at, "
            ":expires) ADD spent :amount, #left :back",
            "ExpressionAttributeNames": {"#left": "left"},
            "ExpressionAttributeValues": encode(values),
        }

    def reserve(self, table: str, amount: int) -> dict[str, Any]:
        """The same, if so much is left and the root's run goes on."""
        update = self.move(table, amount)
        condition = "#left >= :amount"
        if not self.is_root:
            condition += " AND #state = :open"
            update["ExpressionAttributeNames"]["#state"] = "state"
            update["ExpressionAttributeValues"] |= encode({":open": OPEN})
        return {**update, "ConditionExpression": condition}

    def passed(self, amount: int, pot: Mapping[str, Any]) -> tuple[str, int, int] | None:
        """What stands in the way, `held`, `state` or `left`, with sum and cap in billionths of a dollar, if
        the pot cannot pay `amount`."""
        left, spent = int(pot.get("left", 0)), int(pot.get("spent", 0))
        if (state := pot.get("state")) != OPEN and not self.is_root:
            return "held" if state == HELD else "state", spent, spent + left
        return ("left", spent, spent + left) if left < amount else None


class Pots:
    """The pots that one agent opens or spends from. All calls raise `CheckpointUnavailable`."""

    def __init__(self, table: CheckpointTable, agent: str) -> None:
        """`table` is the control table."""
        self._table, self._agent = table, agent

    def open(self, run_id: str, cap: int | None, spent: int, expires_at: int) -> PotReference:
        """A new pot for the tree below a run that may spend `cap` in all and has spent `spent`, in billionths
        of a dollar."""
        reference = PotReference.new(self._agent)
        bounded: dict[str, Value] = {} if cap is None else {"cap": cap}
        item: dict[str, Value] = {
            **reference.key,
            "schema_version": SCHEMA_VERSION,
            "state": OPEN,
            "run_id": run_id,
            "spent": spent,
            "left": (UNBOUNDED if cap is None else cap) - spent,
            "raised": 0,
            "expires_at": expires_at,
            **bounded,
        }
        self._table.put(item)
        return reference

    def account(self, reference: PotReference, expires_at: int, *, is_root: bool) -> PotAccount:
        return PotAccount(self._table.name, reference, expires_at, is_root)

    def raised(self, reference: PotReference) -> int:
        """How often people have let the tree have as much again."""
        return int((self._table.get(reference.key) or {}).get("raised", 0))

    def raise_cap(self, reference: PotReference, times: int) -> None:
        """Put the root's cap into the pot once more, unless that was done since `times` was read: two runs of
        a tree may ask at the same time."""
        pot = self._table.get(reference.key) or {}
        if "cap" not in pot:
            return
        client = self._table.client
        try:
            client.update_item(
                TableName=self._table.name,
                Key=encode(reference.key),
                UpdateExpression="SET raised = :next ADD #left :cap",
                ConditionExpression="raised = :times",
                ExpressionAttributeNames={"#left": "left"},
                ExpressionAttributeValues=encode({":next": times + 1, ":times": times, ":cap": pot["cap"]}),
            )
        except client.exceptions.ConditionalCheckFailedException:
            return

    def hold(self, reference: PotReference, epoch: int) -> None:
        """Let the runs below spend nothing while the run at the root is stopped; `epoch` is that of the stop.
        One that is closed stays so."""
        not_closed, not_later = (
            "#state <> :closed",
            "(attribute_not_exists(#held_epoch) OR #held_epoch <= :epoch)",
        )
        condition = f"attribute_exists(#run_id) AND {not_closed} AND {not_later}"
        given: dict[str, Value] = {":closed": CLOSED, ":epoch": epoch}
        self._table.update(reference.key, {"state": HELD, "held_epoch": epoch}, condition, given)

    def go_on(self, reference: PotReference, epoch: int) -> None:
        """Let them spend again, since a worker has taken the run at the root after it was stopped: `epoch` is
        that worker's. One from before the stop opens nothing."""
        condition = "#state = :held AND #held_epoch < :epoch"
        self._table.update(reference.key, {"state": OPEN}, condition, {":held": HELD, ":epoch": epoch})

    def close(self, reference: PotReference) -> None:
        """Let the runs below spend nothing more: the run at the root has ended."""
        self._table.update(reference.key, {"state": CLOSED}, "attribute_exists(#run_id)", {})


def close_shared(pots: Pots | None, reference: str | None) -> None:
    """Close the pot of a run that has ended, if it shared one; twice is once."""
    found = PotReference.read(reference or "")
    if found is not None and pots is not None:
        pots.close(found)


def hold_shared(pots: Pots | None, head: Mapping[str, Any]) -> None:
    """Hold the pot of a run that was stopped, if it shared one; `head` is as the stop wrote it."""
    found = PotReference.read(head.get("pot") or "")
    if found is not None and pots is not None:
        pots.hold(found, head["epoch"])
