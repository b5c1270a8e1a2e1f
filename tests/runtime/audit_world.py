"""A trail on pretended AWS, and hands that tamper with it."""

import time
from collections.abc import Callable
from typing import Any

import boto3

from agent_runtime.audit.anchors import Anchors, Head
from agent_runtime.audit.trail import must_be_kept
from agent_runtime.audit.verify import Checked, Line, verify_chains
from agent_runtime.audit.writer import AuditTrail
from agent_runtime.errors import AuditUnavailable
from tests.runtime.faulty import FaultyClient
from tests.runtime.pretended import CONTROL, Aws

GROUP = "answers-audit"
DAY_MS = 86_400_000


class AuditWorld:
    """The trail of agent `answers`, kept for 365 days."""

    def __init__(self, aws: Aws) -> None:
        self.aws = aws
        # moto knows which times CloudWatch takes: 14 days back, two hours ahead of the real ones.
        aws.clock.now = float(int(time.time()) - 3 * 86_400)
        self.logs = FaultyClient(boto3.client("logs"))
        self.dynamodb = FaultyClient(aws.dynamodb)
        self.logs.create_log_group(logGroupName=GROUP)

    def trail(self, kind: str = "worker", clock: Callable[[], float] | None = None) -> AuditTrail:
        clock = clock or self.aws.clock
        return AuditTrail(
            self.logs, GROUP, self.anchors(clock), kind=kind, carried={"agent": "answers"}, clock=clock
        )

    def anchors(self, clock: Callable[[], float] | None = None) -> Anchors:
        return Anchors(self.dynamodb, CONTROL, "answers", 365, clock or self.aws.clock)

    def heads(self) -> dict[str, Head]:
        return {head.writer: head for head in self.anchors().heads()}

    def lines(self) -> list[Line]:
        events: list[Any] = []
        for stream in self.logs.client.describe_log_streams(logGroupName=GROUP)["logStreams"]:
            name = stream["logStreamName"]
            said = self.logs.client.get_log_events(
                logGroupName=GROUP, logStreamName=name, startFromHead=True
            )["events"]
            events += [Line(name, event["timestamp"], event["message"]) for event in said]
        return events

    def verify(self, *, later_ms: int = 600_000) -> Checked:
        """As it looks ten minutes after."""
        now = int(self.aws.clock() * 1000) + later_ms
        return verify_chains(self.lines(), self.heads(), where="log", now=now, retention_ms=365 * DAY_MS)


class Told:
    """A trail that remembers, or is down."""

    def __init__(self, *, down: bool = False) -> None:
        self.down = down
        self.entries: list[dict[str, Any]] = []

    def record(self, kind: str, **said: Any) -> None:
        if self.down and must_be_kept(kind, said):
            raise AuditUnavailable("down")
        self.entries.append({"kind": kind, **said})

    def flush(self) -> None:
        if self.down:
            raise AuditUnavailable("down")
