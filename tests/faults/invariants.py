"""What must hold after every fault, judged from the recorded history (numbers as in the fault list)."""

import time
from collections import Counter
from typing import Any

from agent_runtime.spend.ledger import Ledger
from tests import secret_scanner
from tests.faults.model_server import RESERVED_USD
from tests.faults.world import AGENT, SECRET_TEXT, World
from tests.histories import (
    Spending,
    assert_all_ended,
    assert_contiguous,
    assert_fenced,
    assert_pinned,
    assert_spent_within,
)

_LATER_SECONDS = 2 * 86_400
"""When every lease and every call is over, by any worker's clock."""


def assert_invariants(world: World, *, accepted: int) -> None:
    """All of them but I3, for which there is `effects`."""
    items, history = world.items(), world.history()
    assert_all_ended(items, accepted)  # I1, I5
    assert_contiguous(items)  # I2
    assert_fenced(history)  # I2, I4
    assert_pinned(history)  # I8
    assert_no_secret(world, items)  # I6
    assert_spending(world, items)  # I7


def effects(world: World) -> Counter[str]:
    """How often each effect on a system without idempotency keys happened."""
    return Counter(note for note in world.notes() if note.startswith("keyless"))


def assert_no_secret(world: World, items: list[dict[str, Any]]) -> None:
    """I6: in no item, log or message."""
    written = [("items", repr(items).encode()), ("logs", world.logs().encode())]
    written += secret_scanner.messages(world.sqs, (world.queue_url, world.dead_letter_url))
    assert secret_scanner.places_of(SECRET_TEXT, written) == []


def assert_spending(world: World, items: list[dict[str, Any]]) -> None:
    """I7: as the table stands, and once what the dead have reserved was ended."""
    _assert_within(world, items)
    if Spending.read(AGENT, items).has_open:
        later = Ledger(world.store().table, AGENT, world.caps, clock=lambda: time.time() + _LATER_SECONDS)
        later.sweep()
        items = world.items()
        assert not Spending.read(AGENT, items).has_open, "a reservation outlasts its call"
        _assert_within(world, items)


def _assert_within(world: World, items: list[dict[str, Any]]) -> None:
    assert_spent_within(items, AGENT, world.caps, call_usd=RESERVED_USD, paid=world.model.paid)
