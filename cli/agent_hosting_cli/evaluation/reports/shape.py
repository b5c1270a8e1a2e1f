"""Walks through a document of another tool, and says where it is otherwise than expected."""

import math
import re
from collections.abc import Collection, Iterator
from typing import Any, Final

from agent_hosting_cli.evaluation.settings import MEASURED_ANYWAY
from agent_hosting_cli.evaluation.told import short
from agent_hosting_cli.project import UserError

_METRIC: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")


class Shape:
    """A value of the document, with the path to it."""

    def __init__(self, value: Any, where: str, kind: str, path: str = "") -> None:
        self.value, self._where, self._kind, self._path = value, where, kind, path

    def __contains__(self, key: str) -> bool:
        return isinstance(self.value, dict) and self.value.get(key) is not None

    def at(self, key: str) -> "Shape":
        """The field `key`; one that is absent holds None."""
        value = self.value.get(key) if isinstance(self.value, dict) else None
        return Shape(value, self._where, self._kind, f"{self._path}.{key}" if self._path else key)

    def items(self, expected: str) -> Iterator["Shape"]:
        """The elements of a list. Raises `UserError` that tells what was `expected`."""
        if not isinstance(self.value, list):
            raise self.wrong(expected)
        for number, value in enumerate(self.value):
            yield Shape(value, self._where, self._kind, f"{self._path}.{number}")

    def flag(self, expected: str) -> bool:
        """A true or false. Raises `UserError`."""
        if not isinstance(self.value, bool):
            raise self.wrong(expected)
        return self.value

    def amount(self, unit: str) -> float | None:
        """A number of `unit`s that is not negative; None where it is absent. Raises `UserError`."""
        if self.value is None:
            return None
        if not _is_number(self.value) or self.value < 0:
            raise self.wrong(f"a number of {unit}")
        return float(self.value)

    def score(self) -> float:
        """A number from 0 to 1, or true and false. Raises `UserError`."""
        if isinstance(self.value, bool):
            return float(self.value)
        if not _is_number(self.value) or not 0 <= self.value <= 1:
            raise self.wrong("a score from 0 to 1")
        return float(self.value)

    def scores(self, left_out: Collection[str] = ()) -> dict[str, float]:
        """Those of an object's fields that are named as a metric and hold a number or a flag. Raises
        `UserError` for a number beyond 0 to 1."""
        if not isinstance(self.value, dict):
            return {}
        names = {str(name): metric_name(str(name)) for name in self.value}
        return {
            metric: self.at(name).score()
            for name, metric in names.items()
            if metric and name not in left_out and isinstance(self.value[name], bool | int | float)
        }

    def wrong(self, expected: str) -> UserError:
        """What to raise: the place, what is there, and what was expected."""
        place = self._path or "the document"
        told = f"{expected} is expected of the format {self._kind}"
        return UserError(f"{self._where}: {place} is {short(self.value)}; {told}")


def metric_name(name: str) -> str | None:
    """The metric that a score of another tool is named for, such as `task_success` for `Task Success
    [GEval]`; None for what can be none of ours."""
    plain = re.sub(r"\s*[\[(].*$", "", name).strip().lower()
    plain = re.sub(r"[\s-]+", "_", plain)
    return plain if _METRIC.fullmatch(plain) and plain not in MEASURED_ANYWAY else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
