"""One act for one idempotency key: a call is claimed before anything is reached, and its answer is kept.

A claim whose gateway died is taken over once its time is over, if nothing had been sent or the tool itself
knows the key; else nobody knows whether it acted, and it is never called again.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from agent_runtime.checkpoint_table import CheckpointTable, Update
from agent_runtime.hosts.problems import Problem
from agent_runtime.records import SCHEMA_VERSION, Value

_TAKEN, _CLAIMED, _DONE, _FREE, _UNKNOWN = "TAKEN", "CLAIMED", "DONE", "FREE", "UNKNOWN"
"""Taken: nothing is sent before it is claimed. Claimed: it may have been sent."""
_ITEM: Final = "answer"
_SLACK_MS: Final = 5_000
"""How much longer than the tool's own time a claim lasts: the gateway has to write the answer, too."""


@dataclass(frozen=True)
class Claim:
    """The right to call the tool once."""

    pk: str
    token: str
    is_announced: bool = True
    """Whether the table says already that the call may have been sent."""


@dataclass(frozen=True)
class Kept:
    """The answer to a call that was made before."""

    result: Any


class Answers:
    """Claims and answers in the gateway's table. `clock` gives seconds since 1970. Calls raise
    `CheckpointUnavailable`."""

    def __init__(
        self, table: CheckpointTable, keep_days: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._table = table
        self._keep_seconds = keep_days * 86_400
        self._clock = clock

    def begin(
        self, caller: str, tenant: str, tool: str, key: str, arguments: Any, *, seconds: int, repeatable: bool
    ) -> Claim | Kept:
        """A claim, or the answer that is kept. Raises `Problem` 409 where the key came with another call,
        where the call goes on elsewhere, and where nobody knows whether it acted."""
        pk, token = _pk(caller, tenant, key), os.urandom(12).hex()
        digest = _digest([tool, arguments])
        now = int(self._clock() * 1000)
        item: dict[str, Value] = {
            "pk": pk,
            "sk": _ITEM,
            "schema_version": SCHEMA_VERSION,
            "state": _CLAIMED if repeatable else _TAKEN,  # of what may be repeated nobody has to know
            "token": token,
            "digest": digest,
            "tool": tool,
            "until": now + seconds * 1000 + _SLACK_MS,
            "expires_at": now // 1000 + self._keep_seconds,
        }
        found = self._table.put(item, "attribute_not_exists(pk)", {})
        if found is None or found.get("token") == token:  # sent twice, since the first answer was lost
            return Claim(pk, token, is_announced=repeatable)
        if found["digest"] != digest:
            raise Problem(
                409, "idempotency-mismatch", "The key belongs to another call", "use a key for one call alone"
            )
        if found["state"] == _DONE:
            return Kept(json.loads(found["result"]))
        goes_on = found["state"] in (_TAKEN, _CLAIMED) and found["until"] > now
        if goes_on:
            wait = max(1, (found["until"] - now) // 1000 + 1)
            raise _in_progress(wait)
        if found["state"] not in (_FREE, _TAKEN) and not repeatable:
            raise _in_doubt()
        return self._take_over(Claim(pk, token, is_announced=repeatable), found, item)

    def sends(self, claim: Claim, seconds: int) -> None:
        """To be called right before the tool is reached. Raises `Problem` 409 where the claim was taken over
        in the meantime."""
        if claim.is_announced:
            return
        until = int(self._clock() * 1000) + seconds * 1000 + _SLACK_MS
        done = self._close(claim, {"state": _CLAIMED, "until": until})
        if not done.is_written:
            raise _in_progress(1)

    def keep(self, claim: Claim, result: Any) -> None:
        """The tool's answer. A claim that was taken over in the meantime writes nothing."""
        self._close(claim, {"state": _DONE, "result": json.dumps(result)})

    def free(self, claim: Claim) -> None:
        """Nothing was done: the same key may try again."""
        self._close(claim, {"state": _FREE})

    def doubt(self, claim: Claim) -> None:
        """It is not known whether it acted."""
        self._close(claim, {"state": _UNKNOWN})

    def _take_over(self, claim: Claim, found: dict[str, Any], item: dict[str, Value]) -> Claim:
        changes: dict[str, Value] = {name: item[name] for name in ("state", "token", "until")}
        # Its state, too: whoever holds it may be about to send after all.
        is_as_found = "#token = :former AND #state = :found"
        values: dict[str, Value] = {":former": found["token"], ":found": found["state"]}
        done = self._table.update({"pk": claim.pk, "sk": _ITEM}, changes, is_as_found, values)
        if not done.is_written and done.item.get("token") != claim.token:
            raise _in_progress(1)
        return claim

    def _close(self, claim: Claim, changes: dict[str, Value]) -> Update:
        is_mine = "#token = :mine"
        return self._table.update({"pk": claim.pk, "sk": _ITEM}, changes, is_mine, {":mine": claim.token})


def _pk(caller: str, tenant: str, key: str) -> str:
    """Of caller and tenant, so that nobody's key finds another's answer."""
    return f"call#{_digest([caller, tenant, key])}"


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _in_progress(wait: int) -> Problem:
    return Problem(409, "call-in-progress", "The call is being made", "ask again later", retry_after=wait)


def _in_doubt() -> Problem:
    return Problem(
        409,
        "in-doubt",
        "It is not known whether it happened",
        "a call with this key ended without an answer, and the tool may have acted; a person has to look",
    )
