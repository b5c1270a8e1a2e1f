"""The traffic record of an agent whose runs are divided at submit: pure, so that every rule has a test."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agent_hosting._weights import STABLE, split

ITEM = "traffic"
_WHOLE = 10_000
"""Basis points of a whole."""


@dataclass(frozen=True)
class Traffic:
    """Which releases take new runs. `version` grows with each change."""

    stable: str
    candidate: str | None = None
    candidate_basis_points: int = 0
    previous: str | None = None
    version: int = 1

    @staticmethod
    def of(item: Mapping[str, Any] | None) -> "Traffic | None":
        """The record as the control table holds it, in DynamoDB's own JSON."""
        if not item:
            return None
        return Traffic(
            stable=str(item["stable"]["S"]),
            candidate=item["candidate"]["S"] if "candidate" in item else None,
            candidate_basis_points=int(item["candidate_basis_points"]["N"]),
            previous=item["previous"]["S"] if "previous" in item else None,
            version=int(item["version"]["N"]),
        )

    def as_item(self, agent: str) -> str:
        """The item in DynamoDB's own JSON."""
        item: dict[str, Any] = {
            "agent": {"S": agent},
            "item": {"S": ITEM},
            "schema_version": {"N": "1"},
            "stable": {"S": self.stable},
            "candidate_basis_points": {"N": str(self.candidate_basis_points)},
            "version": {"N": str(self.version)},
        }
        if self.candidate is not None:
            item["candidate"] = {"S": self.candidate}
        if self.previous is not None:
            item["previous"] = {"S": self.previous}
        return json.dumps(item, sort_keys=True)

    @property
    def shares(self) -> dict[str, float]:
        """Share of new runs by bundle id; releases without any are left out."""
        part = self.candidate_basis_points if self.candidate is not None else 0
        found = {self.stable: (_WHOLE - part) / _WHOLE, self.candidate or "": part / _WHOLE}
        return {bundle: share for bundle, share in found.items() if share > 0}

    @property
    def warm(self) -> set[str]:
        """Releases that must be able to take a run at once: what serves, and what one goes back to."""
        return {bundle for bundle in (self.stable, self.previous) if bundle is not None}


def wanted(shares: Mapping[str, float] | None, releases: Sequence[str], held: Traffic | None) -> Traffic:
    """The record that a deployment leaves behind; `releases` are deployed, the newest last.

    Without `shares` the rollout controller owns it: it is begun with the newest release, and then left alone.
    """
    if shares is None:
        return held or Traffic(stable=releases[-1])
    serving = held.stable if held is not None and held.stable in releases else releases[-1]
    resolved: dict[str, float] = {}
    for release, share in shares.items():
        bundle = serving if release == STABLE else release
        resolved[bundle] = resolved.get(bundle, 0.0) + share
    divided = split(resolved, releases)
    made = Traffic(divided.main, divided.beside, round(divided.share * _WHOLE))
    if held is None:
        return made
    before = held.stable if held.stable != made.stable else held.previous
    if before in releases and before not in (made.stable, made.candidate):
        made = replace(made, previous=before)
    same = replace(made, version=held.version)
    return same if same == held else replace(made, version=held.version + 1)


def kept_beside(listed: Collection[str], held: Traffic | None) -> list[str]:
    """Releases that stay deployed beside a working tree: those that serve, else the one before."""
    if held is None:
        return []
    serving = [bundle for bundle in held.shares if bundle not in listed]
    return serving or [b for b in (held.previous,) if b is not None and b not in listed]
