"""Copies what is new in the trail to objects that nobody can alter or take away before their days are over.

An object with entries, then a manifest that tells of it and follows the one before it, then the heads and the
number of the manifest in the control table. Each is written under a condition: whoever dies in between is
followed by the next call, which finds the manifest there and goes on from it.
"""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from agent_runtime.audit.anchors import Anchors, Exported, Head
from agent_runtime.audit.entries import GENESIS, EntryAltered, digest, read_entry
from agent_runtime.audit.manifests import Part, entries_key, manifest, manifest_key, parts_of
from agent_runtime.audit.reading import stream_lines
from agent_runtime.audit.verify import SETTLING_MS
from agent_runtime.errors import AuditUnavailable

_log = logging.getLogger("agent_runtime.audit.export")
MOST_ENTRIES: Final = 20_000
"""Of one call: some 10 MB; the next one goes on."""
OPEN_DAYS: Final = 3
"""How long a chain may go on being written, with days to spare."""
_TRIES: Final = 3
_DAY_MS: Final = 86_400_000


class TrailBroken(AuditUnavailable):
    """Entries that the heads tell of are not in the log, or are not as they were sealed."""


@dataclass
class _Found:
    lines: list[str] = field(default_factory=list)
    parts: dict[str, Part] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    is_all: bool = True


class Exporter:
    """Exports the trail of one agent. `logs` and `s3` are boto3's clients, `clock` gives seconds since
    1970."""

    def __init__(
        self,
        logs: Any,
        log_group: str,
        s3: Any,
        bucket: str,
        anchors: Anchors,
        *,
        agent: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._logs = logs
        self._log_group = log_group
        self._s3 = s3
        self._bucket = bucket
        self._anchors = anchors
        self._agent = agent
        self._clock = clock

    def run(self) -> dict[str, int]:
        """Export what is new; `{manifest, entries}`, the number of the last manifest and of new entries.

        Raises `TrailBroken` once all else is exported, and `AuditUnavailable`.
        """
        for _ in range(_TRIES):
            state = self._anchors.export()
            found = self._new(state)
            if not found.lines:
                return self._done(state, found, state)
            now = int(self._clock() * 1000)
            body = "\n".join(found.lines) + "\n"
            number = state.number + 1
            text = manifest(self._agent, number, state.sha256, now, body, found.parts)
            self._put(entries_key(self._agent, number, digest(body)), body)
            key = manifest_key(self._agent, number)
            if self._put(key, text):
                self._tell(found.parts)
                return self._done(state, found, Exported(number, digest(text), state.complete_at, now))
            # One that died after its manifest, or is a moment ahead: what it wrote counts.
            there = self._get(key)
            self._tell(parts_of(there))
            made_at = int(json.loads(there)["at"])
            self._anchors.move_export(state, Exported(number, digest(there), state.complete_at, made_at))
        raise AuditUnavailable("another call exports the trail at the same time")

    def _done(self, before: Exported, found: _Found, after: Exported) -> dict[str, int]:
        is_complete = found.is_all and not found.missing
        complete_at = int(self._clock() * 1000) if is_complete else before.complete_at
        if after.number or is_complete:
            self._anchors.move_export(before, replace(after, complete_at=complete_at))
        if found.missing:
            raise TrailBroken(f"the log lacks {', '.join(found.missing[:10])}: `agent-hosting audit verify`")
        _log.info("audit trail exported", extra={"manifest": after.number, "entries": len(found.lines)})
        return {"manifest": after.number, "entries": len(found.lines)}

    def _tell(self, parts: dict[str, Part]) -> None:
        for writer, part in parts.items():
            self._anchors.exported(writer, part.last, part.at)

    def _new(self, state: Exported) -> _Found:
        """What is in the log and in no export, of chains that may have gone on since the last one."""
        found = _Found()
        since = max(state.complete_at - OPEN_DAYS * _DAY_MS, 0)
        day = time.strftime("%Y%m%d", time.gmtime(since / 1000)) if since else ""
        for head in self._anchors.heads(day):
            if head.seq <= head.exported:
                continue
            if len(found.lines) >= MOST_ENTRIES:
                found.is_all = False
                break
            self._take(head, found)
        return found

    def _take(self, head: Head, found: _Found) -> None:
        last, prev = head.exported, GENESIS if head.exported == 0 else ""
        taken: Part | None = None
        for line in stream_lines(self._logs, self._log_group, head.writer, head.exported_at):
            try:
                entry = read_entry(line.text)
            except EntryAltered:
                break
            if entry.seq <= last:
                continue  # exported before, or sent twice
            if entry.seq != last + 1 or (prev and entry.prev != prev) or entry.writer != head.writer:
                break
            found.lines.append(line.text)
            last, prev = entry.seq, entry.hash
            taken = Part(head.exported + 1, last, entry.hash, entry.at)
            if len(found.lines) >= MOST_ENTRIES:
                found.is_all = False
                break
        if taken is not None:
            found.parts[head.writer] = taken
        is_settled = int(self._clock() * 1000) - head.moved_at >= SETTLING_MS
        if last < head.seq and found.is_all:
            if is_settled:
                found.missing.append(f"{head.writer}/{last + 1}")
            else:
                found.is_all = False

    def _put(self, key: str, text: str) -> bool:
        """Whether it was written; False where there is such an object."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            # An object that gets locked needs a checksum:
            # https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
            self._s3.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=text.encode(),
                ContentType="application/json",
                ChecksumAlgorithm="SHA256",
                IfNoneMatch="*",
            )
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "unknown")
            if code == "PreconditionFailed":
                return False
            raise AuditUnavailable(f"the export of the audit trail: {code}") from error
        except BotoCoreError as error:
            raise AuditUnavailable(f"the export of the audit trail: {type(error).__name__}") from error
        return True

    def _get(self, key: str) -> str:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read().decode()
        except (ClientError, BotoCoreError) as error:
            raise AuditUnavailable(f"the export of the audit trail: {type(error).__name__}") from error
