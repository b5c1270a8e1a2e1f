"""Resources that moto cannot hold: kept as Pulumi wrote them, and reported as "recorded, not emulated"."""

import itertools
import threading
from collections.abc import Container

from embedded_aws.provider.rows import Recorded
from embedded_aws.provider.values import Properties


class Records:
    def __init__(self) -> None:
        self._held: dict[str, tuple[str, Properties]] = {}
        self._lock = threading.Lock()

    def create(self, row: Recorded, inputs: Properties) -> tuple[str, Properties]:
        state = {**inputs, **(row.outputs(inputs) if row.outputs else {})}
        with self._lock:
            resource_id = _free(row.id.format_map(state), self._held)
            self._held[resource_id] = (row.token, state)
        return resource_id, state

    def read(self, resource_id: str) -> Properties | None:
        with self._lock:
            return self._held.get(resource_id, ("", None))[1]

    def update(self, row: Recorded, resource_id: str, inputs: Properties) -> Properties:
        """One that a cloud before this recorded is recorded again."""
        with self._lock:
            _, state = self._held.get(resource_id, ("", {}))
            self._held[resource_id] = (row.token, {**state, **inputs})
            return self._held[resource_id][1]

    def delete(self, resource_id: str) -> None:
        with self._lock:
            self._held.pop(resource_id, None)

    def of_type(self, token: str) -> list[Properties]:
        """What is recorded of one type."""
        with self._lock:
            return [state for held, state in self._held.values() if held == token]

    def listed(self) -> list[tuple[str, str]]:
        """(type, id) of each, sorted."""
        with self._lock:
            return sorted((token, resource_id) for resource_id, (token, _) in self._held.items())


def _free(wanted: str, held: Container[str]) -> str:
    """`wanted`, with a number where another has it: a budget may have two actions of one kind."""
    return next(
        name for n in itertools.count(1) if (name := wanted if n == 1 else f"{wanted}:{n}") not in held
    )
