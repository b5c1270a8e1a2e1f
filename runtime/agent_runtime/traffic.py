"""Which release a new run goes to: consistent hashing of its session over the traffic record.

A session that was sent to the candidate stays there while the weight grows, since its place on the ring does
not change; shares are in basis points, hundredths of a per cent.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from agent_runtime.errors import TrafficUnknown

SCHEMA_VERSION: Final = 1
WHOLE: Final = 10_000
ITEM: Final = "traffic"


@dataclass(frozen=True)
class Traffic:
    """The traffic record of an agent."""

    stable: str
    candidate: str | None = None
    candidate_basis_points: int = 0
    rejected: frozenset[str] = frozenset()
    """Releases that were sent back: their workers take nothing new."""
    stops: bool = False
    """Whether runs that such a worker has in hand stop at their next step."""

    def bundle_for(self, key: str) -> str:
        """The bundle of a run; `key` is its session, or its own id if it has none."""
        is_candidates = self.candidate is not None and place(key) < self.candidate_basis_points
        return self.candidate if is_candidates and self.candidate else self.stable


def place(key: str) -> int:
    """Place of a key on the ring, 0 to 9,999."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % WHOLE


def read_traffic(item: Mapping[str, Any] | None) -> Traffic:
    """The record of a control table's item. Raises `TrafficUnknown`: no run is sent by guess."""
    if item is None:
        raise TrafficUnknown("the control table has no traffic record")
    if item.get("schema_version", {}).get("N") != str(SCHEMA_VERSION):
        raise TrafficUnknown("the traffic record was written by another version of the runtime")
    try:
        points = int(item.get("candidate_basis_points", {"N": "0"})["N"])
        candidate = item["candidate"]["S"] if "candidate" in item else None
        rejected = frozenset(item["rejected"]["M"]) if "rejected" in item else frozenset[str]()
        traffic = Traffic(item["stable"]["S"], candidate, points, rejected, "stops" in item)
    except (KeyError, ValueError) as error:
        raise TrafficUnknown(f"the traffic record cannot be read: {type(error).__name__} {error}") from error
    if not 0 <= points <= WHOLE:
        raise TrafficUnknown(f"the candidate's share is {points} of {WHOLE} basis points")
    return traffic
