"""Tells people of a run that waits for them: one message to a topic, with nothing of what callers said.

A question is told at least once, whatever process dies: its item says that it was told, after it was. What
cannot be told stops no run; it stays in `agent-hosting approvals list` and `runs list`.
"""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from agent_runtime.approvals import Approvals, question_key
from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.errors import CheckpointUnavailable, GuardTripped, Suspended
from agent_runtime.records import Lease, Path, path_text

_log = logging.getLogger("agent_runtime.notices")
SUBJECT_CHARACTERS: Final = 100
"""https://docs.aws.amazon.com/sns/latest/api/API_Publish.html"""


class Publisher(Protocol):
    """The one call of boto3's SNS client that is used."""

    def publish(self, **request: Any) -> Any: ...


class Notices:
    """Of one agent's runs, to one topic. `clock` gives seconds since 1970."""

    def __init__(
        self,
        table: CheckpointTable,
        agent: str,
        publisher: Publisher,
        topic_arn: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._table, self._agent, self._clock = table, agent, clock
        self._publisher, self._topic_arn = publisher, topic_arn

    def of(self, lease: Lease, run_id: str, tenant: str, error: Exception | None) -> None:
        """Tell what a run ended its time with a worker by, if it waits for a person now."""
        try:
            if isinstance(error, Suspended) and error.asked is not None:
                self._asked(lease, run_id, tenant, error.asked)
            elif isinstance(error, GuardTripped):
                text = f"run {run_id} of tenant {tenant} is parked by the guard {error.guard!r}"
                self._publish("run-parked", f"{text}.\nagent-hosting runs show {run_id}")
        except (CheckpointUnavailable, ClientError, BotoCoreError) as failed:
            _log.warning("people not told", extra={"run_id": run_id}, exc_info=failed)

    def _asked(self, lease: Lease, run_id: str, tenant: str, path: Path) -> None:
        question = Approvals(self._table, self._clock).find(lease.pk, path)
        if question is None or question["decision"] != "PENDING" or "told_at" in question:
            return
        kind = "escalated" if path[0] == 0 else "approval-asked"
        until = datetime.fromtimestamp(question["until"] / 1000, UTC).isoformat(timespec="minutes")
        name = str(question["name"])[:100]
        text = f"run {run_id} of tenant {tenant} asks {name!r}, until {until}; silence is a no"
        self._publish(kind, f"{text}.\nagent-hosting approvals show {run_id}.{path_text(path)}")
        told = {"told_at": int(self._clock() * 1000)}
        self._table.update(question_key(lease.pk, path), told, "attribute_not_exists(told_at)", {})

    def _publish(self, kind: str, text: str) -> None:
        subject = f"{self._agent}: {kind}"[:SUBJECT_CHARACTERS]
        kinds = {"notice": {"DataType": "String", "StringValue": kind}}
        self._publisher.publish(
            TopicArn=self._topic_arn,
            Subject=subject,
            Message=f"{self._agent}: {text}",
            MessageAttributes=kinds,
        )
