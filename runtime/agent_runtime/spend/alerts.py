"""Tells people, and the brake, how much of an agent's caps is used: each threshold once in its window.
Whoever tells says so before, and marks it as told after: one that dies in between is followed by another, so
that a threshold may be told twice, and never not at all.

The message goes to the topic of the agent's budget, where the brake function and the pager listen; what it
says, and what the brake makes of it, is `agent_runtime.brake.reason_to_brake`'s to read.
"""

import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.errors import CapReached, CheckpointUnavailable
from agent_runtime.records import Value
from agent_runtime.spend.accounts import agent_pk
from agent_runtime.spend.caps import (
    ALERT_PERCENT,
    BRAKE_PERCENT,
    SpendCaps,
    Windows,
    attribute_caps,
    usd,
    windows_at,
)

_log = logging.getLogger("agent_runtime.spend")
LOOK_SECONDS: Final = 5.0
"""How late a threshold may be noticed; one read in that time at most."""
TELLING_SECONDS: Final = 60.0
"""After which another process tells what one that began to tell never marked as told."""


class Due(NamedTuple):
    """A threshold that was passed and that nobody has been told of."""

    mark: str
    """Attribute that says that it was told."""
    percent: int
    window: str
    spent_usd: float
    cap_usd: float


class Publisher(Protocol):
    """The one call of boto3's SNS client that is used."""

    def publish(self, **request: Any) -> Any: ...


def due(day: Mapping[str, Any], caps: SpendCaps, windows: Windows, refused: str | None = None) -> list[Due]:
    """What is to be told, by the agent's item of the day. `refused` names the window whose cap has refused a
    call: it is used up then, even if a little is left."""
    found: list[Due] = []
    for attribute, cap in attribute_caps(caps.agent, windows).items():
        window = attribute if attribute in ("day", "month") else "hour"
        spent = int(day.get(attribute, 0))
        percent = 100.0 if window == refused else 100 * spent / cap
        for threshold in (ALERT_PERCENT, BRAKE_PERCENT):
            mark = f"told_{attribute}_{threshold}"
            if percent >= threshold and mark not in day:
                found.append(Due(mark, threshold, window, usd(spent), usd(cap)))
    return found


class Alerts:
    """Watches one agent's sums. `clock` gives seconds since 1970, `monotonic` any seconds."""

    def __init__(
        self,
        table: CheckpointTable,
        agent: str,
        caps: SpendCaps,
        publisher: Publisher,
        topic_arn: str,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._table, self._agent, self._caps = table, agent, caps
        self._publisher, self._topic_arn = publisher, topic_arn
        self._clock, self._monotonic = clock, monotonic
        self._looked_at = float("-inf")

    def look(self, refused: CapReached | None) -> None:
        """Tell what is due, now and then, and at once when a cap of the agent has refused a call. An alert
        that fails stops no run: the caps hold without it."""
        is_of_agent = refused is not None and refused.scope == "agent"
        if not is_of_agent and self._monotonic() - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = self._monotonic()
        windows = windows_at(self._clock())
        try:
            day = self._table.get({"pk": agent_pk(self._agent), "sk": windows.day}) or {}
            for found in due(day, self._caps, windows, refused.window if refused and is_of_agent else None):
                self._tell(found, windows)
        except (CheckpointUnavailable, ClientError, BotoCoreError) as error:
            _log.warning("alert not sent", exc_info=error)

    def _tell(self, found: Due, windows: Windows) -> None:
        """Claimed for a while first, so that one of many processes tells it."""
        key = {"pk": agent_pk(self._agent), "sk": windows.day}
        now, claim = int(self._clock() * 1000), f"telling_{found.mark.removeprefix('told_')}"
        free = f"attribute_exists(pk) AND attribute_not_exists(#{found.mark}) AND "
        free += f"(attribute_not_exists(#{claim}) OR #{claim} < :lost)"
        lost: dict[str, Value] = {":lost": now - int(TELLING_SECONDS * 1000)}
        if not self._table.update(key, {claim: now}, free, lost).is_written:
            return
        amount = f"{found.spent_usd:.6g} of {found.cap_usd:.6g} USD"
        text = f"{self._agent} has used {found.percent} % or more of its cap of this {found.window}: {amount}"
        _log.warning(text, extra={"percent": found.percent})
        message = {"ledger": self._agent, "percent": found.percent, "window": found.window, "text": text}
        try:
            self._publisher.publish(
                TopicArn=self._topic_arn,
                Subject=f"{self._agent}: {found.percent} % of this {found.window}'s cap",
                Message=json.dumps(message),
            )
        except Exception:
            self._table.update(key, {claim: 0}, f"#{claim} = :now", {":now": now})
            raise
        self._table.update(key, {found.mark: now}, "attribute_exists(pk)", {})
