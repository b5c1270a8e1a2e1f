"""The W3C's context of a trace: how a caller's trace goes on in a run, and a run's in what it calls.

https://www.w3.org/TR/trace-context/#traceparent-header
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_HEADER: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_XRAY_ROOT: Final = re.compile(r"1-([0-9a-f]{8})-([0-9a-f]{24})")
_XRAY_PARENT: Final = re.compile(r"[0-9a-f]{16}")
MOST_LETTERS: Final = 200
"""Of a header that is read: one of version 00 has 55."""


@dataclass(frozen=True)
class TraceParent:
    """A span of somebody's, under which others can stand."""

    trace_id: str
    """32 hexadecimal digits, not all 0."""
    span_id: str
    """16 hexadecimal digits, not all 0."""

    def header(self) -> str:
        """As `traceparent` carries it. The flag says that the caller may have recorded its span."""
        return f"00-{self.trace_id}-{self.span_id}-01"


def parse(header: str | None) -> TraceParent | None:
    """The context of a header; None for one that is absent or not as the W3C writes it, which then counts as
    absent. Whether the caller records its own spans is its affair: the share of runs that are traced is the
    environment's to say, not the caller's."""
    if header is None or len(header) > MOST_LETTERS:
        return None
    match = _HEADER.fullmatch(header.strip())
    if match is None:
        return None
    version, trace_id, span_id, _, more = match.groups()
    if version == "ff" or (version == "00" and more) or not (int(trace_id, 16) and int(span_id, 16)):
        return None
    return TraceParent(trace_id, span_id)


def from_xray(header: str) -> TraceParent | None:
    """The context of Lambda's own trace, where X-Ray keeps that one:
    https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
    """
    parts: Mapping[str, str] = {
        name.strip(): value for name, _, value in (part.partition("=") for part in header.split(";"))
    }
    root = _XRAY_ROOT.fullmatch(parts.get("Root", ""))
    parent = parts.get("Parent", "")
    if root is None or _XRAY_PARENT.fullmatch(parent) is None or parts.get("Sampled") != "1":
        return None
    return parse(f"00-{root[1]}{root[2]}-{parent}-01")


def of_run(pk: str, birth: str) -> TraceParent:
    """The span of a run itself: the same for each worker that takes it, with nothing to hand over.

    Its trace, too, unless a caller's goes on in it. `birth` tells a run from an expired one of the same id.
    """
    digest = hashlib.sha256(f"{pk}\n{birth}".encode()).hexdigest()
    return TraceParent(_not_zero(digest[:32]), _not_zero(digest[32:48]))


def _not_zero(digits: str) -> str:
    return digits if int(digits, 16) else "1".rjust(len(digits), "0")
