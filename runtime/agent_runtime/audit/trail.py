"""What the rest of the runtime knows of the audit trail: one call, and how it fails."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final, Protocol

from agent_runtime.errors import AuditUnavailable

What = str | int | float | bool
"""A detail of an entry: names, hashes and counts; never an input, an output or a secret."""
KINDS: Final = frozenset(
    {
        "approval-asked",
        "approval-decided",
        "brake-engaged",
        "brake-released",
        "cap-reached",
        "guard-tripped",
        "run-resumed",
        "run-stopped",
        "secret-read",
        "tool-call",
        "traffic-changed",
    }
)
_MAY_WAIT: Final = frozenset({"approval-asked", "cap-reached", "guard-tripped"})
"""What the table of runs tells as well, so that a process that dies with it takes nothing away."""


class Trail(Protocol):
    """Where entries go. Safe for threads."""

    def record(
        self, kind: str, *, run_id: str = "", tenant: str = "", step: str = "", who: str = "", **what: What
    ) -> None:
        """Note what is about to be done; the entry comes before its act.

        `kind` is one of `KINDS`. What `must_be_kept` is kept before this returns, everything else by `flush`
        at the latest. A tool-call says its `effect`, read, write or destructive, before it, and its `outcome`
        after it.

        Raises `AuditUnavailable` if it must be kept and cannot be: then do not act. It parks the run. What
        must be done all the same, such as a stop, goes into a `with told(...)`.
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


def must_be_kept(kind: str, what: dict[str, What]) -> bool:
    """Whether the act has to wait until its entry lies where nobody can take it back: all of them, but reads
    by tools, how a call came out, a secret that the same run has read before, and what the table of runs
    tells as well."""
    if kind == "tool-call":
        # With its outcome it has happened: a run that parked now would not know that it was done.
        return "outcome" not in what and what.get("effect") != "read"
    if kind == "secret-read":
        return what.get("again") is not True
    return kind not in _MAY_WAIT


@contextmanager
def told(
    trail: Trail,
    kind: str,
    *,
    run_id: str = "",
    tenant: str = "",
    step: str = "",
    who: str = "",
    **what: What,
) -> Generator[None]:
    """Record, and do the body in any case: what makes an agent safer is never held up by its trail.

    Raises `AuditUnavailable` after the body if the entry could not be kept, so that somebody hears of it.
    """
    lost: AuditUnavailable | None = None
    try:
        trail.record(kind, run_id=run_id, tenant=tenant, step=step, who=who, **what)
        trail.flush()
    except AuditUnavailable as error:
        lost = error
    yield
    if lost is not None:
        raise lost
