"""Writes the trail of one process: a chain of its own in a log stream of its own, then its head.

Entry, head, act, in this order. Whoever dies in between leaves an entry without its act, or one that the head
does not tell of yet; an act without its entry is left by nobody. Imports nothing but the standard library
until it talks to AWS: the brake's function has a zip without packages.
"""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final

from agent_runtime.audit.anchors import Anchors, HeadAhead
from agent_runtime.audit.entries import GENESIS, details, seal
from agent_runtime.audit.trail import What, must_be_kept
from agent_runtime.errors import AuditUnavailable

CHAIN_SECONDS: Final = 86_400
"""A chain lasts a day: so it is gone as a whole when its days are over, and a request spans no more than
CloudWatch takes."""
MOST_WAITING: Final = 1_000
"""Entries that one process holds back while the trail cannot be written; then nothing more is recorded."""
WAITING_SECONDS: Final = 5.0
"""How old an entry that may wait gets before the next one takes it along."""
BATCH_EVENTS, BATCH_BYTES, EVENT_BYTES = 10_000, 1_048_576, 26
"""https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html"""


@dataclass(frozen=True)
class _Draft:
    at: int
    document: dict[str, Any]


@dataclass
class _Chain:
    writer: str
    began_at: int
    seq: int = 0
    """Of the last entry that was sealed."""
    hash: str = GENESIS
    at: int = 0
    has_stream: bool = False
    sealed: list[tuple[int, str, _Draft]] = field(default_factory=list)
    """(time, line, what it was made of) of entries that CloudWatch has not taken yet."""
    anchored: int = 0


class AuditTrail:
    """`logs` is boto3's client; `kind` says what writes, such as `worker`; `carried` is in each entry, as the
    agent and its bundle are. `clock` gives seconds since 1970."""

    def __init__(
        self,
        logs: Any,
        log_group: str,
        anchors: Anchors,
        *,
        kind: str,
        carried: dict[str, str],
        clock: Callable[[], float] = time.time,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._logs = logs
        self._log_group = log_group
        self._anchors = anchors
        self._kind = kind
        self._carried = carried
        self._clock = clock
        self._random = random
        self._waiting: list[_Draft] = []
        self._taken = self._kept = 0
        """Entries that were ever recorded here, and how many of them are kept."""
        self._chain: _Chain | None = None
        self._lock, self._writing = Lock(), Lock()

    def record(
        self, kind: str, *, run_id: str = "", tenant: str = "", step: str = "", who: str = "", **what: What
    ) -> None:
        """See `Trail.record`."""
        said = {**self._carried, "run_id": run_id, "tenant": tenant, "step": step, "who": who}
        with self._lock:
            now = int(self._clock() * 1000)
            if self._taken - self._kept >= MOST_WAITING:
                raise AuditUnavailable(f"{MOST_WAITING} entries wait already for the audit trail")
            self._waiting.append(_Draft(now, details(kind, said, what)))
            self._taken += 1
            mine = self._taken
            is_old = now - self._waiting[0].at > WAITING_SECONDS * 1000
        if must_be_kept(kind, what):
            self._keep(mine)
        elif is_old:
            try:
                self._keep(mine)
            except AuditUnavailable:
                return  # it may wait, and says so again when the run ends

    def flush(self) -> None:
        """See `Trail.flush`."""
        with self._lock:
            mine = self._taken
        self._keep(mine)

    def _keep(self, mine: int) -> None:
        """Threads that come while one writes find their entries written by whoever comes first after it."""
        with self._writing:
            if self._kept >= mine:
                return
            with self._lock:
                drafts, self._waiting = self._waiting, []
                upto = self._taken
            chain = self._seal(drafts)
            try:
                self._put(chain)
                self._anchors.move(chain.writer, chain.seq, chain.hash, chain.began_at)
            except HeadAhead:
                self._chain = None  # nobody can go on with it: what was not written begins another
                with self._lock:
                    self._waiting[:0] = [draft for _, _, draft in chain.sealed]
                raise
            chain.anchored = chain.seq
            self._kept = upto

    def _seal(self, drafts: Sequence[_Draft]) -> _Chain:
        chain = self._chain
        now = int(self._clock() * 1000)
        is_whole = chain is not None and not chain.sealed and chain.anchored == chain.seq
        if chain is None or (is_whole and now - chain.began_at >= CHAIN_SECONDS * 1000):
            day = time.strftime("%Y%m%d", time.gmtime(now / 1000))
            chain = self._chain = _Chain(f"{day}-{self._kind}-{self._random(8).hex()}", now)
        for draft in drafts:
            # Each later than the one before it, so that CloudWatch's order by time is that of the chain.
            chain.at = max(draft.at, chain.at + 1)
            line, chain.hash = seal(
                draft.document, writer=chain.writer, seq=chain.seq + 1, at=chain.at, prev=chain.hash
            )
            chain.seq += 1
            chain.sealed.append((chain.at, line, draft))
        return chain

    def _put(self, chain: _Chain) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        place = {"logGroupName": self._log_group, "logStreamName": chain.writer}
        try:
            if not chain.has_stream:
                # The head comes first: a chain without one is one whose head was taken away.
                self._anchors.move(chain.writer, 0, GENESIS, chain.began_at)
                # That it is there already means that the answer to the first try was lost.
                with suppress(self._logs.exceptions.ResourceAlreadyExistsException):
                    self._logs.create_log_stream(**place)
                chain.has_stream = True
            while chain.sealed:
                count = batch_size([(at, line) for at, line, _ in chain.sealed])
                events = [{"timestamp": at, "message": line} for at, line, _ in chain.sealed[:count]]
                # Sent twice, its lines are there twice; `verify` takes one that is the same for the same.
                reply = self._logs.put_log_events(**place, logEvents=events)
                if reply.get("rejectedLogEventsInfo"):
                    raise AuditUnavailable("CloudWatch refuses entries for their time: is this clock right?")
                del chain.sealed[:count]
        except (ClientError, BotoCoreError) as error:
            raise AuditUnavailable(f"the audit trail cannot be written: {_code(error)}") from error


def batch_size(sealed: Sequence[tuple[int, str]]) -> int:
    """How many (time, line) from the first on one request takes: one at least."""
    size, latest = 0, sealed[0][0] + CHAIN_SECONDS * 1000
    for count, (at, line) in enumerate(sealed):
        size += len(line) + EVENT_BYTES  # ASCII alone
        if count and (size > BATCH_BYTES or count == BATCH_EVENTS or at >= latest):
            return count
    return len(sealed)


def _code(error: Any) -> str:
    response = getattr(error, "response", None)
    return response["Error"]["Code"] if response else type(error).__name__
