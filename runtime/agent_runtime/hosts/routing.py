"""Where a turn of a session is served: pure."""

from dataclasses import dataclass
from typing import Protocol


class Session(Protocol):
    """What is asked of a session's record."""

    @property
    def bundle_id(self) -> str: ...
    @property
    def owner(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def lease_expires_at(self) -> int: ...


@dataclass(frozen=True)
class Here:
    """The process that decides."""

    bundle_id: str
    owner: str
    release_url: str = ""
    """Base URL of another release's pods, with `{bundle_id}` for its id; empty where they cannot be
    reached."""


@dataclass(frozen=True)
class Serve:
    """In this process, as far as the session's lease and its release let it."""


@dataclass(frozen=True)
class Accept:
    """By another release, once its queue has told it."""

    bundle_id: str


@dataclass(frozen=True)
class Busy:
    """By nobody now: another turn of it is under way here, or in a process that cannot be reached."""

    retry_after_seconds: int


@dataclass(frozen=True)
class Forward:
    """By the process at this base URL; `otherwise` if nobody is there."""

    url: str
    otherwise: Serve | Accept


Where = Serve | Accept | Busy | Forward


def route(found: Session | None, here: Here, now: float, rejected: frozenset[str] = frozenset()) -> Where:
    """Who is to serve the session of `found`, None for one that begins. `now` is in seconds since 1970;
    `rejected` are releases that take nothing new: what becomes of their sessions is settled here."""
    if found is None or found.bundle_id in rejected:
        return Serve()
    if found.bundle_id != here.bundle_id:
        return to_release(found.bundle_id, here, Serve())  # whose worker finds the way, or settles it
    seconds_left = found.lease_expires_at / 1000 - now
    if seconds_left <= 0:
        return Serve()
    if found.owner != here.owner and found.address:
        return Forward(found.address, Serve())
    # The lease is extended for as long as the turn lasts, so that its end says little of when that is over.
    return Busy(retry_after_seconds=max(1, min(5, round(seconds_left))))


def to_release(bundle_id: str, here: Here, otherwise: Serve | Accept) -> Where:
    """The way to another release."""
    url = here.release_url.replace("{bundle_id}", bundle_id)
    return Forward(url, otherwise) if url else otherwise
