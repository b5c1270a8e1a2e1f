"""Waivers: exceptions from a rule, as data, with a reason and an end."""

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from .outcomes import Finding, Outcome
from .rule import Rule

SHORTEST_REASON = 10
"""Letters. A reason is for whoever reads the waiver a year later; "ok" tells nothing."""


class Waiver(BaseModel):
    """One rule's findings on one resource, passed over until a day."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    policy: str = Field(min_length=1)
    """Id or name of the rule. There is no waiver of all rules."""
    resource: str = Field(min_length=1)
    """URN or name of the resource; `*` stands for any letters, but not for every resource."""
    reason: str
    expires: date
    """The last day on which it holds."""

    @field_validator("reason")
    @classmethod
    def _tells_something(cls, reason: str) -> str:
        if len(reason.strip()) < SHORTEST_REASON:
            raise ValueError("say why, so that who reads it later can judge whether it still holds")
        return reason

    @field_validator("resource")
    @classmethod
    def _names_something(cls, resource: str) -> str:
        if not resource.strip("*? "):
            raise ValueError("name a resource: a waiver of all of them is a change of the rule's level")
        return resource


class Waivers:
    """Applies waivers, and tells of those that are malformed, expired or of no use."""

    def __init__(
        self, given: Sequence[Mapping[str, Any]], rules: set[str], today: date | None = None
    ) -> None:
        self.today = today or datetime.now(UTC).date()
        self._refused: list[str] = []
        self._held: list[Waiver] = []
        self._used: set[int] = set()
        for n, raw in enumerate(given):
            try:
                waiver = Waiver.model_validate(dict(raw))
            except ValidationError as error:
                told = "; ".join(
                    f"{'.'.join(map(str, e['loc'])) or 'it'}: {e['msg']}" for e in error.errors()
                )
                self._refused.append(f"Waiver {n + 1} is refused: {told}.")
                continue
            if waiver.policy not in rules:
                self._refused.append(f"Waiver {n + 1} names no rule of this pack: {waiver.policy!r}.")
            elif waiver.expires < self.today:
                self._refused.append(
                    f"The waiver of {waiver.policy} for {waiver.resource} expired on {waiver.expires}. "
                    "Mend the resource, or renew the waiver with a reason that holds today."
                )
            else:
                self._held.append(waiver)

    def applied(self, rule: Rule, finding: Finding) -> Finding:
        """The finding, or, under a waiver, the note that it was waived and why."""
        name = finding.urn.rpartition("::")[2]
        for n, waiver in enumerate(self._held):
            if waiver.policy not in (rule.id, rule.name):
                continue
            if any(fnmatch.fnmatchcase(text, waiver.resource) for text in (finding.urn, name)):
                self._used.add(n)
                told = f"{finding.message} Waived until {waiver.expires}: {waiver.reason}"
                return replace(finding, outcome=Outcome.WAIVED, message=told, blocks=False)
        return finding

    def report(self) -> list[Finding]:
        """Malformed and expired waivers fail the run; unused ones are only told."""
        blank = Finding("waiver", "waivers-hold", Outcome.WAIVER, "", "")
        unused = [
            f"The waiver of {waiver.policy} for {waiver.resource} was of no use: remove it."
            for n, waiver in enumerate(self._held)
            if n not in self._used
        ]
        return [replace(blank, message=told, blocks=True) for told in self._refused] + [
            replace(blank, message=told) for told in unused
        ]
