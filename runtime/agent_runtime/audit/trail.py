"""What the rest of the runtime knows of the audit trail: one call, and how it fails."""

from typing import Final, Protocol

What = str | int | float | bool
"""A detail of an entry: names, hashes and counts; never an input, an output or a secret."""


class Trail(Protocol):
    """Where entries go. Safe for threads."""

    def record(
        self, kind: str, *, run_id: str = "", tenant: str = "", step: str = "", who: str = "", **what: What
    ) -> None:
        """Note what is about to happen or has just been decided.

        `kind` is one of tool-call, secret-read, approval-asked, approval-decided, traffic-changed,
        brake-engaged, brake-released, run-stopped, guard-tripped, cap-reached. A secret-read, and a tool-call
        with `effect="write"` or `effect="destructive"`, is kept before this returns, so record it before the
        act; everything else is kept by `flush` at the latest.

        Raises `AuditUnavailable` if it must be kept and cannot be: then do not act. It parks the run.
        """
        ...

    def flush(self) -> None:
        """Keep what waits. Raises `AuditUnavailable`; what could not be kept still waits."""
        ...


class _NotKept:
    def record(
        self, kind: str, *, run_id: str = "", tenant: str = "", step: str = "", who: str = "", **what: What
    ) -> None:
        pass

    def flush(self) -> None:
        pass


NOT_KEPT: Final[Trail] = _NotKept()
"""For where no trail is declared."""
