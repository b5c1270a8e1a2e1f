"""One run's way to spend: what it may is asked for before, what it did is told after.

A cap of the run itself asks a person, with all that was paid for kept; each approval allows as much again. A
cap of the agent or of the tenant passes with its window, and parks the run.
"""

from collections.abc import Callable
from typing import Final, Protocol

from agent_runtime.errors import (
    AgentRuntimeError,
    CapDenied,
    CapReached,
    ModelReplyInvalid,
    ModelUnavailable,
)
from agent_runtime.models.client import ModelReply
from agent_runtime.records import Lease, Path, Usage
from agent_runtime.spend.caps import RunCaps, nanos
from agent_runtime.spend.holds import Hold
from agent_runtime.spend.ledger import Ledger
from agent_runtime.spend.pots import PotAccount, PotReference, Pots

KINDS: Final = ("usd", "tokens", "model_calls", "tool_calls", "steps", "tree")
_UNITS: Final = {"usd": "USD", "tokens": "tokens", "model_calls": "model calls", "tool_calls": "tool calls"}
MOST_RAISES: Final = 100
"""How often people may let one run go on: a bound for the loop, not for them."""


class Ask(Protocol):
    """Puts a question at `path` to a person; whether it was approved. Suspends the run until it is
    decided."""

    def __call__(self, path: Path, name: str, summary: str) -> bool: ...


class Note(Protocol):
    """Hears of each cap that refuses: whose it is, which, why, and how often people had allowed as much."""

    def __call__(self, scope: str, cap: str, reason: str, times: int | None = None) -> None: ...


def _unnoted(scope: str, cap: str, reason: str, times: int | None = None) -> None:
    pass


class Meter:
    """Counts for one run. `told` hears of each cap of the agent that refuses a call."""

    def __init__(
        self,
        ledger: Ledger,
        lease: Lease,
        tenant: str,
        bundle_id: str,
        *,
        ask: Ask,
        told: Callable[[CapReached | None], None] = lambda _: None,
        note: Note = _unnoted,
        approved: Callable[[Path], bool] = lambda _: False,
        pots: Pots | None = None,
        parent: str | None = None,
    ) -> None:
        """`approved` tells of the question at a path, without asking it, whether a person has. `parent` is
        the pot that the run spends from beside its own agent's accounts."""
        self._ledger, self._lease, self._tenant, self._bundle_id = ledger, lease, tenant, bundle_id
        self._caps: Final[RunCaps] = ledger.caps.run
        self._ask, self._told, self._note = ask, told, note
        self._approved = approved
        self._allowed: dict[str, int] = {}
        """How many times the cap this process knows to be allowed, by kind."""
        self._pots = pots
        self._pot = None if parent is None else self._joined(parent, is_root=False)

    @property
    def spent(self) -> int:
        """What the run has spent or reserved, in billionths of a dollar; 0 for a run without a cap."""
        return self._ledger.spent_by(self._lease)

    @property
    def cap(self) -> int | None:
        """What it may spend in all, with what people have allowed to whichever of its workers, in the same.
        Raises `CheckpointUnavailable`."""
        cap = self._caps.usd
        if cap is None:
            return None
        times = self._allowed.get("usd", 1)
        while times <= MOST_RAISES and self._approved(_question("usd", times)):
            times += 1
        self._allowed["usd"] = times
        return nanos(cap * times)

    def share(self, reference: str) -> None:
        """From now on the run spends from the pot that it shares, in place of its own cap."""
        self._pot = self._joined(reference, is_root=True)

    def check(self, *, steps: int, tool_calls: int) -> None:
        """Before a step that would be one more than `steps`. Raises `CapDenied` and `Suspended`."""
        self._within("steps", steps, 1)
        self._within("tool_calls", tool_calls, 1)

    def left(self, used: Usage) -> float:
        """Share of the tightest cap on money that is left, 0 to 1: the run's, its tenant's or the agent's."""
        cap = self._caps.usd
        of_run = 1.0 if cap is None else 1 - used.cost_usd / (cap * self._allowed.get("usd", 1))
        return max(0.0, min(of_run, self._ledger.room.left(self._tenant)))

    def call(
        self,
        used: Usage,
        expected: Usage,
        seconds: float,
        work: Callable[[], ModelReply],
    ) -> ModelReply:
        """The reply of `work`, counted. `used` is what the run has used before, `expected` what the call may
        use at most.

        Raises `CapReached`, `SpendUnknown`, `CapDenied`, `Suspended` and what `work` raises.
        """
        self._within("model_calls", used.model_calls, 1)
        tokens = expected.input_tokens + expected.output_tokens
        self._within("tokens", used.input_tokens + used.output_tokens, tokens)
        hold = self._reserved(expected.cost_usd, seconds)
        if hold is not None:
            self._ledger.begin(hold)
        try:
            reply = work()
        except Exception as error:
            # What was answered, or may have been, is paid for: without counts at the price of the most.
            self._settle(hold, expected if _may_have_cost(error) else Usage())
            raise
        self._settle(hold, Usage(reply.input_tokens, reply.output_tokens, reply.cost_usd, model_calls=1))
        return reply

    def _reserved(self, cost_usd: float, seconds: float) -> Hold | None:
        # What the root of a tree may spend is what is left in its pot.
        cap = None if self._pot is not None and self._pot.is_root else self._caps.usd
        for times in range(self._allowed.get("usd", 1), MOST_RAISES + 1):
            self._allowed["usd"] = times
            try:
                limit = None if cap is None else cap * times
                return self._from_pot(cost_usd, seconds, limit)
            except CapReached as reached:
                if reached.scope != "run":
                    self._note(reached.scope, reached.window, str(reached))
                    self._told(reached)
                    raise
                self._raise("usd", times, str(reached))
        raise CapDenied(f"the run was let go on {MOST_RAISES} times: enough")

    def _from_pot(self, cost_usd: float, seconds: float, run_cap_usd: float | None) -> Hold | None:
        """A reservation, once the pot of the run's tree can pay it: people may fill it again, in any run of
        the tree that finds it empty."""
        for _ in range(MOST_RAISES):
            try:
                return self._ledger.reserve(
                    self._lease, self._tenant, cost_usd, seconds, run_cap_usd, self._pot
                )
            except CapReached as reached:
                if reached.scope != "tree" or self._pot is None or self._pots is None:
                    raise
                raised = self._pots.raised(self._pot.reference)
                self._raise("tree", raised + 1, str(reached))
                self._pots.raise_cap(self._pot.reference, raised)
        raise CapDenied(f"the run was let go on {MOST_RAISES} times: enough")

    def _joined(self, reference: str, *, is_root: bool) -> PotAccount:
        found = PotReference.read(reference)
        if found is None or self._pots is None:
            raise CapDenied("the run was begun at the expense of a tree that it cannot reach")
        return self._pots.account(found, self._lease.expires_at, is_root=is_root)

    def _settle(self, hold: Hold | None, used: Usage) -> None:
        if hold is not None:
            self._ledger.settle(hold, used, self._bundle_id)
            self._told(None)

    def _within(self, kind: str, used: int, more: int) -> None:
        cap: int | None = getattr(self._caps, kind)
        if cap is None:
            return
        for times in range(self._allowed.get(kind, 1), MOST_RAISES + 1):
            self._allowed[kind] = times
            if used + more <= cap * times:
                return
            named = _UNITS.get(kind, kind)
            self._raise(
                kind, times, f"the run's cap of {cap * times} {named} leaves no room: {used} are used"
            )
        raise CapDenied(f"the run was let go on {MOST_RAISES} times: enough")

    def _raise(self, kind: str, times: int, why: str) -> None:
        """Ask whether the run may have as much again. Raises `CapDenied` and `Suspended`."""
        path = _question(kind, times)
        self._note("tree" if kind == "tree" else "run", "usd" if kind == "tree" else kind, why, times)
        if not self._ask(path, f"cap on {kind}", f"{why}. Approve to let it have as much again"):
            raise CapDenied(f"{why}, and nobody allowed more")


def _question(kind: str, times: int) -> Path:
    """Where a person is asked whether the run may have more than so many times its cap."""
    return (0, KINDS.index(kind) + 1, times)


def _may_have_cost(error: Exception) -> bool:
    """Not what the runtime itself raises without an answer; of any other error nobody knows."""
    if not isinstance(error, AgentRuntimeError) or isinstance(error, ModelReplyInvalid):
        return True
    return isinstance(error, ModelUnavailable) and error.may_have_cost
