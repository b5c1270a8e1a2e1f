"""What people read of a deployed agent's audit trail, and how they find out whether it is whole."""

import time
from dataclasses import dataclass, field
from typing import Any, Final

from agent_hosting_cli.deployed import Deployed, told
from agent_hosting_cli.project import UserError
from agent_runtime.audit.anchors import Exported
from agent_runtime.audit.entries import EntryAltered, read_entry
from agent_runtime.audit.manifests import compare, verify_export
from agent_runtime.audit.reading import group_lines
from agent_runtime.audit.verify import Checked, verify_chains

_DAY_MS: Final = 86_400_000


@dataclass(frozen=True)
class Wanted:
    """Which entries: each field that is given has to fit."""

    run_id: str | None = None
    tenant: str | None = None
    kind: str | None = None
    days: int = 7

    def fits(self, told_of: dict[str, Any]) -> bool:
        asked = {"run_id": self.run_id, "tenant": self.tenant, "kind": self.kind}
        return all(value is None or told_of.get(name) == value for name, value in asked.items())


@dataclass
class Verdict:
    """What `verify` found. `as_dict` is `{whole, entries, chains, exported, findings, notes}`."""

    log: Checked
    export: Checked
    crossed: Checked = field(default_factory=Checked)
    """Where log, export and heads contradict each other."""

    @property
    def is_whole(self) -> bool:
        return not (self.log.findings or self.export.findings or self.crossed.findings)

    def as_dict(self) -> dict[str, Any]:
        findings = [*self.log.findings, *self.export.findings, *self.crossed.findings]
        return {
            "whole": self.is_whole,
            "entries": self.log.entries,
            "chains": self.log.chains,
            "exported": self.export.entries,
            "findings": [
                {"entry": f.entry, "is": f.wrong.value, "where": f.where, "reason": f.reason}
                for f in findings
            ],
            "notes": [*self.log.notes, *self.export.notes],
        }


@dataclass(frozen=True)
class Audits:
    """The trail of one deployed agent."""

    found: Deployed

    def show(self, wanted: Wanted) -> list[dict[str, Any]]:
        """Entries of the last days, the oldest first. One that was altered is told as `{entry, altered}`."""
        since = int((time.time() - wanted.days * 86_400) * 1000)
        shown: dict[str, dict[str, Any]] = {}
        for line in told(lambda: list(group_lines(self._client("logs"), self._group(), since))):
            try:
                entry = read_entry(line.text)
            except EntryAltered as error:
                shown[f"{line.writer} {line.at}"] = {
                    "at": line.at,
                    "entry": line.writer,
                    "altered": str(error),
                }
                continue
            if wanted.fits(entry.told):
                shown[entry.name] = {"entry": entry.name, **entry.told}
        return sorted(shown.values(), key=lambda one: (one["at"], one["entry"]))

    def verify(self) -> Verdict:
        """Hold log, export and heads to each other."""
        now = int(time.time() * 1000)
        retention_ms = int(self.found.outputs["audit_retention_days"]) * _DAY_MS
        # The heads first: what is written between the two reads is then more than they tell of, not less.
        heads = {head.writer: head for head in told(lambda: list(self.found.anchors.heads()))}
        state: Exported = told(self.found.anchors.export)
        lines = told(lambda: list(group_lines(self._client("logs"), self._group())))
        log = verify_chains(lines, heads, where="log", now=now, retention_ms=retention_ms)
        manifests, bodies = self._exported()
        export, hashes = verify_export(
            self.found.agent, manifests, bodies, state, now=now, retention_ms=retention_ms
        )
        return Verdict(log, export, compare(lines, hashes, heads))

    def _exported(self) -> tuple[dict[int, str], dict[str, str]]:
        """Manifests by number, and objects with entries by key."""
        s3, bucket = self._client("s3"), str(self.found.outputs["audit_bucket_name"])
        manifests: dict[int, str] = {}
        bodies: dict[str, str] = {}
        for key in told(lambda: list(_keys(s3, bucket, f"{self.found.agent}/"))):
            text = told(lambda key=key: s3.get_object(Bucket=bucket, Key=key)["Body"].read()).decode(
                errors="replace"
            )
            _, kind, name = key.split("/", 2)
            if kind == "manifests" and name.removesuffix(".json").isdecimal():
                manifests[int(name.removesuffix(".json"))] = text
            elif kind == "entries":
                bodies[key] = text
        return manifests, bodies

    def _client(self, service: str) -> Any:
        return self.found.client(service)

    def _group(self) -> str:
        group = str(self.found.outputs.get("audit_log_group_name") or "")
        if not group:
            raise UserError(f"{self.found.agent} was deployed without an audit trail: deploy it anew")
        return group


def _keys(s3: Any, bucket: str, prefix: str) -> Any:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        yield from (one["Key"] for one in page.get("Contents", []) if one["Key"].count("/") >= 2)
