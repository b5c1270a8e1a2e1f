"""What must hold after every fault, judged from the recorded history (numbers as in the fault list)."""

from collections import Counter, defaultdict
from typing import Any

from tests import secret_scanner
from tests.faults.world import SECRET_TEXT, World

ENDS = {"DONE", "DEAD", "CANCELLED", "WAITING_APPROVAL"}


def assert_invariants(world: World, *, accepted: int) -> None:
    items = world.items()
    heads = [item for item in items if item["sk"]["S"] == "run"]
    steps: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for item in items:
        if item["sk"]["S"].startswith("step#"):
            steps[item["pk"]["S"]].append(item)
    statuses = Counter(head["status"]["S"] for head in heads)
    # I1 and I5: everything that was accepted has ended, or waits for a person.
    assert statuses.keys() <= ENDS, statuses
    assert statuses.total() == accepted
    commits: dict[tuple[str, str], int] = Counter()
    epochs: dict[str, int] = defaultdict(int)
    for item in world.history():
        pk, sk = item["pk"]["S"], item["sk"]["S"]
        if "epoch" in item:
            # I4, for the head and for the steps: a step may be committed after the head was taken, as long as
            # the new worker's claim has not come yet.
            chain = f"{pk} {sk.partition('#')[0]}"
            assert int(item["epoch"]["N"]) >= epochs[chain], f"{pk} {sk} was written in an older epoch"
            epochs[chain] = int(item["epoch"]["N"])
        if sk.startswith("step#") and item["state"]["S"] == "DONE":
            commits[pk, sk] += 1
    assert all(count == 1 for count in commits.values()), "a step was committed twice"
    for head in heads:  # I2
        numbers = sorted(root_steps(steps[head["pk"]["S"]]))
        assert numbers == list(range(1, len(numbers) + 1)), f"{head['pk']} has a gap: {numbers}"
    assert_no_secret(world)


def root_steps(steps: list[dict[str, Any]]) -> list[int]:
    """Numbers of the run's own steps that are done, parallel ones by their announcement."""
    paths = {item["sk"]["S"].removeprefix("step#"): item for item in steps}
    return [
        int(path)
        for path, item in paths.items()
        if "." not in path and (item["state"]["S"] == "DONE" or "children" in item)
    ]


def effects(world: World) -> Counter[str]:
    """How often each effect on a system without idempotency keys happened."""
    return Counter(note for note in world.notes() if note.startswith("keyless"))


def assert_no_secret(world: World) -> None:
    """I6: in no item, log or message."""
    written = [("items", repr(world.items()).encode()), ("logs", world.logs().encode())]
    written += secret_scanner.messages(world.sqs, (world.queue_url, world.dead_letter_url))
    assert secret_scanner.places_of(SECRET_TEXT, written) == []
