"""A request to a process, and the ways in which it can end."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Request:
    id: str
    payload: bytes
    invoked_arn: str
    trace_id: str


@dataclass(frozen=True)
class Responded:
    payload: bytes


@dataclass(frozen=True)
class Failed:
    """The handler raised, or the module could not be imported."""

    payload: bytes
    during_init: bool = False


@dataclass(frozen=True)
class Exited:
    """The process ended by itself."""

    returncode: int
    request_was_taken: bool = True


@dataclass(frozen=True)
class TimedOut:
    pass


@dataclass(frozen=True)
class OverMemory:
    pass


Outcome = Responded | Failed | Exited | TimedOut | OverMemory
