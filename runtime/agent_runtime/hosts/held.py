"""The messages that a worker holds: which run may begin next, so that no tenant starves another."""

from collections import Counter, deque
from dataclasses import dataclass, field

from agent_runtime.hosts.queue import Received
from agent_runtime.records import Lease
from agent_runtime.run import Run
from agent_runtime.secrets import SecretValue
from agent_runtime.turns import Turn


@dataclass
class Job:
    """A message that is being worked on."""

    received: Received
    has_message: bool = True
    """Whether the queue has a message of it, which comes back if this process dies."""
    run: Run | None = None
    lease: Lease | None = None
    """Set while the run is this worker's."""
    turn: Turn | None = None
    """Of the run's session, for an agent with memory."""
    user_token: SecretValue | None = None
    """Of the caller who waits for the run, as long as it is worked on here."""
    is_given_up: bool = False
    """The message is another's now: it is neither extended nor deleted."""


@dataclass
class Held:
    """What waits for a slot, by tenant, and what is worked on. Not safe for threads: the worker locks."""

    slots: int
    tenant_slots: int
    """Most slots of one tenant."""
    suspect_receives: int
    """A message received as often as this may be what killed its workers: it is worked on alone."""
    suspects: deque[Received] = field(default_factory=deque[Received])
    waiting: dict[str, deque[Received]] = field(default_factory=dict[str, deque[Received]])
    working: dict[str, Job] = field(default_factory=dict[str, Job])
    turn_slots: int = 0
    """Most runs that are worked on without a message, since their callers wait for them."""
    tenant_turns: int = 0
    """Most of those that one tenant has."""
    turns: dict[str, Job] = field(default_factory=dict[str, Job])
    _slots_of: Counter[str] = field(default_factory=Counter[str])
    _turns_of: Counter[str] = field(default_factory=Counter[str])

    @property
    def under_way(self) -> list[Job]:
        """Everything that is worked on."""
        return [*self.working.values(), *self.turns.values()]

    def add(self, received: Received) -> None:
        if received.receive_count >= self.suspect_receives:
            self.suspects.append(received)
        else:
            self.waiting.setdefault(received.group, deque()).append(received)

    def begin(self) -> Job | None:
        """The next message: a suspect once nothing else is under way, else one of the tenant that has the
        fewest runs here. None if none may begin."""
        if len(self.working) >= self.slots or self._is_alone:
            return None
        if self.suspects:
            return None if self.working else self._begin(self.suspects.popleft())
        able = [group for group in self.waiting if self._slots_of[group] < self.tenant_slots]
        if not able:
            return None
        group = min(able, key=lambda name: self._slots_of[name])
        received = self.waiting[group].popleft()
        if not self.waiting[group]:
            del self.waiting[group]
        return self._begin(received)

    def _begin(self, received: Received) -> Job:
        job = Job(received)
        self.working[received.message_id] = job
        self._slots_of[received.group] += 1
        return job

    def has_room(self, group: str) -> bool:
        """Whether another turn of a tenant may begin."""
        return len(self.turns) < self.turn_slots and self._turns_of[group] < self.tenant_turns

    def begin_turn(self, received: Received, user_token: SecretValue | None = None) -> Job | None:
        """A run that has no message in the queue; None if there is no room for it."""
        if not self.has_room(received.group):
            return None
        job = self.turns[received.message_id] = Job(received, has_message=False, user_token=user_token)
        self._turns_of[received.group] += 1
        return job

    def end_turn(self, job: Job) -> None:
        del self.turns[job.received.message_id]
        self._turns_of[job.received.group] -= 1

    @property
    def _is_alone(self) -> bool:
        return any(job.received.receive_count >= self.suspect_receives for job in self.working.values())

    def end(self, job: Job) -> None:
        del self.working[job.received.message_id]
        self._slots_of[job.received.group] -= 1

    def wanted(self, most_waiting: int) -> int:
        """How many more messages to receive: a few beyond the slots, so that none stands idle, and more
        where those at hand are all of tenants that have their share."""
        if self.suspects or self._is_alone:
            return 0
        waiting = sum(len(queue) for queue in self.waiting.values())
        all_barred = waiting > 0 and all(self._slots_of[g] >= self.tenant_slots for g in self.waiting)
        is_idle = len(self.working) < self.slots and all_barred
        room = most_waiting if is_idle else self.slots
        return max(0, room - waiting - (0 if is_idle else max(0, len(self.working) - self.slots)))

    def take_waiting(self) -> list[Received]:
        """Everything that has not begun, which then is no longer held."""
        found = self._waiting()
        self.waiting.clear()
        self.suspects.clear()
        return found

    def handles(self) -> list[str]:
        """Receipt handles of all messages that are still ours."""
        mine = [job.received for job in self.working.values() if not job.is_given_up]
        return [received.receipt_handle for received in [*mine, *self._waiting()]]

    def _waiting(self) -> list[Received]:
        return [*self.suspects, *(received for queue in self.waiting.values() for received in queue)]
