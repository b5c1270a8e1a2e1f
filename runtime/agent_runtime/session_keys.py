"""Where a session and its memory lie in the checkpoint table and in the bucket.

| sort key | item |
|---|---|
| `session` | the session itself: its release, its lease, and which snapshot is its memory |
| `memory#VERSION#RUN` | a snapshot; another run's of the same version may lie beside it, and counts nothing |

All of a session lies in one partition, whose key begins with the agent's name, as IAM demands.
"""

import hashlib
import re
from typing import Final

from agent_runtime.heads import without_hash

SESSION: Final = "session"
FIRST_SNAPSHOT, LAST_SNAPSHOT = "memory#", "memory#~"
_PLAIN = re.compile(r"[A-Za-z0-9_.:@|-]{1,128}")


def session_pk(agent: str, tenant: str, session: str) -> str:
    """Partition of a session. Raises `CheckpointError` for a part that could reach another's keys."""
    return f"{agent}#{without_hash('tenant', tenant)}#session-{_part(session)}"


def session_blobs(agent: str, tenant: str, session: str) -> str:
    """Prefix of a session's objects in the bucket."""
    return f"{agent}/{_part(tenant)}/sessions/{_part(session)}"


def snapshot_key(version: int, run_id: str) -> str:
    """Sort key of what `run_id` makes version `version`: the same for a run that commits it twice."""
    return f"{FIRST_SNAPSHOT}{version:010d}#{run_id}"


def writer_pk(agent: str, bundle_id: str) -> str:
    """Partition that names the sessions whose memory a release has written to."""
    return f"{agent}#memory-of-{bundle_id}"


def snapshot_version(key: str) -> int:
    """The version of a snapshot's sort key."""
    return int(key.split("#")[1])


def snapshot_run(key: str) -> str:
    """The run of a snapshot's sort key."""
    return key.split("#")[2]


def _part(text: str) -> str:
    """`text` if it can stand in a key as it is, else `~` and its hash."""
    return text if _PLAIN.fullmatch(text) else f"~{hashlib.sha256(text.encode()).hexdigest()[:40]}"
