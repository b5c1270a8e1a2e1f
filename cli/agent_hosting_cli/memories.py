"""What sessions of a deployed agent remember: looked at, brought back, and compared between releases."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

from agent_hosting_cli.deployed import Deployed, told, who
from agent_hosting_cli.project import UserError
from agent_runtime.blobs import BlobStore
from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.restoring import Outcome, Restorer
from agent_runtime.rollout.drift import memory_drifts
from agent_runtime.rollout.drift_watch import window_of
from agent_runtime.sessions import Sessions
from agent_runtime.snapshots import Snapshot, Snapshots

_TOLD_EVERY: Final = 50


@dataclass(frozen=True)
class Memories:
    """Of one deployed agent. Raises `UserError`."""

    found: Deployed
    clock: Callable[[], float] = time.time

    def versions(self, tenant: str, session: str) -> list[dict[str, Any]]:
        """What is kept of a session, newest first."""
        found = told(lambda: self._restorer().versions(tenant, session))
        if not found:
            raise UserError(f"session {session!r} of tenant {tenant!r} remembers nothing, or has expired")
        return [_shown(snapshot) for snapshot in found]

    def content(self, tenant: str, session: str, version: int | None) -> dict[str, Any]:
        return told(lambda: self._restorer().content(tenant, session, version))

    def restore(self, tenant: str, session: str, version: int, why: str) -> dict[str, Any]:
        """`{tenant, session, outcome, was, content_of, version}`."""
        by = told(lambda: who(self.found.client))
        return asdict(told(lambda: self._restorer().restore(tenant, session, version, f"{why} (by {by})")))

    def take_back(self, bundle_id: str, why: str, say: Callable[[str], None]) -> dict[str, Any]:
        """Undo what a release wrote: `{release, counts, sessions}`, of those that it wrote to last."""

        def every() -> dict[str, Any]:
            by = who(self.found.client)
            counts: Counter[str] = Counter({outcome.value: 0 for outcome in Outcome})
            sessions: list[dict[str, Any]] = []
            for done in self._restorer().take_back(bundle_id, f"{why} (by {by})"):
                counts[done.outcome.value] += 1
                if done.outcome is not Outcome.UNCHANGED:
                    sessions.append(asdict(done))
                if counts.total() % _TOLD_EVERY == 0:
                    say(f"{counts.total()} sessions seen, {counts[Outcome.RESTORED.value]} restored")
            return {"release": bundle_id, "counts": dict(counts), "sessions": sessions}

        return told(every)

    def compare(self, before: str, after: str, hours: float) -> list[dict[str, Any]]:
        """What runs of two releases made of their sessions' memory in the last hours, and whether that of
        `after` grows or changes more."""
        now, client = self.clock(), self.found.client("cloudwatch")

        def measured() -> list[dict[str, Any]]:
            windows = [
                window_of(client, {"agent": self.found.agent, "bundle": release}, now - hours * 3600, now)
                for release in (before, after)
            ]
            return [asdict(drift) for drift in memory_drifts(*windows)]

        return told(measured)

    def _restorer(self) -> Restorer:
        dynamodb, agent = self.found.client("dynamodb"), self.found.agent
        table = CheckpointTable(dynamodb, str(self.found.outputs["checkpoint_table_name"]))
        # Only what is over 350 KB lies in the bucket.
        blobs = BlobStore(self.found.client("s3"), str(self.found.outputs.get("checkpoint_bucket_name", "")))
        kept = int(self.found.outputs.get("checkpoint_retention_days") or 365)
        sessions = Sessions(
            table, agent=agent, bundle_id="", owner="operator", retention_days=kept, clock=self.clock
        )
        return Restorer(sessions, Snapshots(table, blobs, agent, self.clock))


def _shown(snapshot: Snapshot) -> dict[str, Any]:
    names = ("version", "bundle_id", "run_id", "created_at", "bytes", "sha256", "why")
    return {name: getattr(snapshot, name) for name in names}
