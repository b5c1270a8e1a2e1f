"""Questions to a person, and the one decision that counts: the first that is written in time."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from agent_runtime.audit.trail import NOT_KEPT, Trail
from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.errors import ApprovalRefused, StepMismatch
from agent_runtime.records import SCHEMA_VERSION, Lease, Path, Value, path_from, path_text

ANSWERS: Final = frozenset({"approve", "deny"})
"""To a question of the agent's, of a cap or of a threshold."""
SETTLING: Final = frozenset({"deny", "happened", "retry"})
"""To the question what became of an effect; denied, its run ends."""
VERDICTS: Final = ANSWERS | SETTLING
_PENDING: Final = "PENDING"
_FIRST, _LAST = "approval#", "approval#~"


@dataclass(frozen=True)
class Approval:
    """A question. `expires_at` is in seconds since 1970."""

    run_id: str
    path: Path
    name: str
    summary: str
    expires_at: float
    is_doubt: bool = False
    """Whether it asks what happened, and not what is to happen."""

    @property
    def approval_id(self) -> str:
        return f"{self.run_id}.{path_text(self.path)}"


@dataclass(frozen=True)
class Decision:
    """What was decided, and by whom; `deny` by nobody is an expiry."""

    verdict: str
    decided_by: str
    result: Any = None
    """What an effect that happened gave."""


class Approvals:
    """The questions in one table. `clock` gives seconds since 1970. Calls raise `CheckpointUnavailable`."""

    def __init__(
        self, table: CheckpointTable, clock: Callable[[], float] = time.time, audit: Trail = NOT_KEPT
    ) -> None:
        """`audit` is told of questions, and of those that nobody answered in time; of answers whoever
        `decide`s for a person."""
        self._table = table
        self._clock = clock
        self._audit = audit

    def ask(self, lease: Lease, asked: Approval, *, anew: bool = False) -> "Decision | Approval":
        """The decision; the question as it was first asked while there is none and time is left.

        With `anew`, a decision that was made is about something else, and the question is put again. Raises
        `StepMismatch` where something else was asked there.
        """
        item: dict[str, Value] = {
            **question_key(lease.pk, asked.path),
            "schema_version": SCHEMA_VERSION,
            "birth": lease.birth,
            "expires_at": lease.expires_at,
            "epoch": lease.epoch,
            "decision": _PENDING,
            "name": asked.name,
            "summary": asked.summary,
            "until": int(asked.expires_at * 1000),
            "is_doubt": 1 if asked.is_doubt else None,
        }
        condition = "attribute_not_exists(pk) OR birth < :birth"
        values: dict[str, Value] = {":birth": lease.birth}
        if anew:
            condition, values = f"{condition} OR #decision <> :pending", values | {":pending": _PENDING}
        said = entry_of(lease.pk, asked.run_id, asked.path, asked.name)
        found: dict[str, Any] | None = self._table.put(item, condition, values)
        if found is None:
            self._audit.record("approval-asked", **said, until=int(asked.expires_at * 1000))
            return asked
        if found["name"] != asked.name:  # a yes to one thing must not count for another
            raise StepMismatch(
                f"question {path_text(asked.path)} was {found['name']!r} and is now {asked.name!r}: the code "
                f"changed order"
            )
        if found["decision"] == _PENDING and found["until"] <= self._clock() * 1000:
            denied = Decision("deny", "nobody: the time for it was over")
            self._audit.record("approval-decided", **said, who="nobody", verdict="expired")
            done = self._write(lease.pk, asked.path, denied, "#decision = :pending", {})
            found = {**found, **_attributes(denied)} if done.is_written else dict(done.item)
        if found["decision"] == _PENDING:
            return replace(asked, expires_at=found["until"] / 1000)
        return _decision(found)

    def is_first(self, lease: Lease, path: Path) -> bool:
        """Whether the question at `path` is the only one that the run has ever put, and was put under this
        very lease. One that was settled and put again, about an effect in doubt, counts as new."""
        asked = [held for held in self._table.query(lease.pk, _FIRST, _LAST) if held["birth"] == lease.birth]
        return [(held["sk"], held.get("epoch")) for held in asked] == [(_sort_key(path), lease.epoch)]

    def of_run(self, pk: str, birth: str) -> tuple[list[dict[str, Any]], list[Path]]:
        """All questions that the run has put, and their paths."""
        found = [held for held in self._table.query(pk, _FIRST, _LAST) if held["birth"] == birth]
        return found, [path_from(held["sk"].removeprefix(_FIRST)) for held in found]

    def find(self, pk: str, path: Path) -> dict[str, Any] | None:
        """The question's values, or None."""
        return self._table.get(question_key(pk, path))

    def is_approved(self, lease: Lease, path: Path) -> bool:
        """Whether a person has said yes to the run's question at `path`; no question is put."""
        found = self.find(lease.pk, path)
        return found is not None and found["decision"] == "approve" and found["birth"] == lease.birth

    def decide(self, pk: str, path: Path, decision: Decision) -> None:
        """Write the decision, if it is the first and in time. The same one again is no error.

        Raises `ApprovalRefused`.
        """
        now: dict[str, Value] = {":now": int(self._clock() * 1000)}
        done = self._write(pk, path, decision, "#decision = :pending AND #until > :now", now)
        if done.is_written:
            return
        found = done.item
        if not found:
            raise ApprovalRefused("there is no such question")
        if found["decision"] == _PENDING:
            raise ApprovalRefused("the time for a decision is over")
        if _decision(found) != decision:
            raise ApprovalRefused(f"{found['decided_by']} has decided before: {found['decision']}")

    def _write(
        self, pk: str, path: Path, decision: Decision, condition: str, values: dict[str, Value]
    ) -> Any:
        changes = {**_attributes(decision), "decided_at": int(self._clock() * 1000)}
        return self._table.update(
            question_key(pk, path), changes, condition, {":pending": _PENDING, **values}
        )


def entry_of(pk: str, run_id: str, path: Path, name: str = "") -> dict[str, str]:
    """What the audit trail is told of a question: which it was, not what it said."""
    _, _, of_agent = pk.partition("#")
    tenant = of_agent.removesuffix(f"#{run_id}")
    return {"run_id": run_id, "tenant": tenant, "step": name, "approval": f"{run_id}.{path_text(path)}"}


def question_key(pk: str, path: Path) -> dict[str, Value]:
    """Key of the question at a path of the run in this partition."""
    return {"pk": pk, "sk": _sort_key(path)}


def _sort_key(path: Path) -> str:
    return f"{_FIRST}{path_text(path)}"


def _attributes(decision: Decision) -> dict[str, Value]:
    held: dict[str, Value] = {"decision": decision.verdict, "decided_by": decision.decided_by}
    return {**held, "result": json.dumps(decision.result)}


def _decision(values: dict[str, Any]) -> Decision:
    return Decision(values["decision"], values["decided_by"], json.loads(values["result"]))
