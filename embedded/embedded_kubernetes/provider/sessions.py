"""What is remembered of the Pulumi processes that are attached, each for as long as it may last."""

import asyncio
from dataclasses import dataclass, field
from typing import TypeVar

from embedded_aws.provider.protocol import CALLER
from embedded_kubernetes.provider.api import Api
from embedded_kubernetes.provider.settings import Settings

_MOST = 1000
_T = TypeVar("_T")


@dataclass
class Session:
    """One provider resource of one running program."""

    api: Api
    settings: Settings


@dataclass
class Run:
    """One running program, whichever provider resources it has."""

    coming: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """(group, kind) of the definitions that its preview has seen: their objects are not missing."""
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)


class Sessions:
    def __init__(self, default: Session) -> None:
        self._default = default
        self._sessions: dict[str, Session] = {}
        self._runs: dict[str, Run] = {}

    def configured(self, session: Session) -> None:
        _put(self._sessions, CALLER.get().connection, session)

    def session(self) -> Session:
        """Of the call that is being answered."""
        return self._sessions.get(CALLER.get().connection, self._default)

    def run(self) -> Run:
        address = CALLER.get().engine_address
        return self._runs.get(address) or _put(self._runs, address, Run())


def _put(held: dict[str, _T], key: str, value: _T) -> _T:
    while len(held) >= _MOST:
        held.pop(next(iter(held)))
    held[key] = value
    return value
