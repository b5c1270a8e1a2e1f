"""Scorers that compare what a run returned: with what was expected, a pattern, or a schema.

A run that is not done scores 0 wherever they apply.
"""

import json
import re
from typing import Any, Final

from agent_hosting_cli.evaluation.cases import Case
from agent_hosting_cli.evaluation.results import CaseResult
from agent_hosting_cli.project import UserError

ABSENT: Final = object()
"""What an output has no part of that name."""


def part(output: Any, field: str | None) -> Any:
    """The part of `output` at a path such as `answer` or `citations.0.document`, else `ABSENT`."""
    for key in field.split(".") if field else ():
        if isinstance(output, dict) and key in output:
            output = output[key]
        elif isinstance(output, list) and key.isdecimal() and int(key) < len(output):
            output = output[int(key)]
        else:
            return ABSENT
    return output


class Completed:
    """1 for a run that is DONE and, where the case has `expected`, holds it."""

    def __init__(self, name: str, field: str | None) -> None:
        self.name, self._field = name, field

    def score(self, case: Case, result: CaseResult) -> float | None:
        if not result.is_done:
            return 0.0
        return float(case.expected is None or holds(part(result.output, self._field), case.expected))


class Exact:
    """1 for an output that equals `expected`, to the letter."""

    def __init__(self, name: str, field: str | None) -> None:
        self.name, self._field = name, field

    def score(self, case: Case, result: CaseResult) -> float | None:
        if case.expected is None:
            return None
        return float(result.is_done and equal(part(result.output, self._field), case.expected))


class Regex:
    """1 for an output in which the pattern is found; what is no text is searched as its JSON."""

    def __init__(self, name: str, field: str | None, pattern: str | None) -> None:
        self.name, self._field, self._pattern = name, field, pattern

    def score(self, case: Case, result: CaseResult) -> float | None:
        pattern = self._pattern if self._pattern is not None else case.expected
        if not isinstance(pattern, str):
            return None
        found = part(result.output, self._field)
        if not result.is_done or found is ABSENT:
            return 0.0
        try:
            matched = re.search(pattern, found if isinstance(found, str) else json.dumps(found))
        except re.error as error:
            raise UserError(
                f"case {case.id}: expected is {pattern!r}, and the scorer `regex` needs a regular expression "
                f"of Python: {error}"
            ) from None
        return float(matched is not None)


class JsonSchema:
    """1 for an output that fits the schema. Raises `UserError` for what is no schema."""

    def __init__(self, name: str, field: str | None, schema: dict[str, Any]) -> None:
        try:
            from jsonschema import SchemaError, validators
            from referencing import Registry
        except ImportError:
            raise UserError(
                "gates.yaml: the scorer `json_schema` needs the package jsonschema; install agent-hosting "
                "with its extra `embedded`"
            ) from None
        kind: Any = validators.validator_for(schema, default=validators.Draft202012Validator)
        try:
            kind.check_schema(schema)
        except SchemaError as error:
            raise UserError(f"gates.yaml: the schema of the scorer `json_schema`: {error.message}") from None
        self.name, self._field = name, field
        self._validator = kind(schema, registry=Registry())  # one of its own: none is fetched by address

    def score(self, case: Case, result: CaseResult) -> float | None:  # noqa: ARG002  it asks all the same
        from referencing.exceptions import Unresolvable

        found = part(result.output, self._field)
        if not result.is_done or found is ABSENT:
            return 0.0
        try:
            return float(self._validator.is_valid(found))
        except Unresolvable as error:
            raise UserError(
                f"gates.yaml: the schema of the scorer `json_schema` refers to {error.ref!r}, which is not "
                f"in it"
            ) from None


def holds(found: Any, expected: Any) -> bool:
    """Whether `expected` is in `found`: a text in a text or in any of its parts, whatever the case of its
    letters; of an object each field; anything else by equality."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(
            key in found and holds(found[key], value) for key, value in expected.items()
        )
    if equal(found, expected):
        return True
    if isinstance(found, dict | list):
        parts = found.values() if isinstance(found, dict) else found
        return any(holds(one, expected) for one in parts)
    if not isinstance(found, str) or not isinstance(expected, str) or not expected.strip():
        return False
    return _plain(expected) in _plain(found)


def equal(one: Any, other: Any) -> bool:
    """Equality of JSON: true is no 1, as it is in Python."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return one == other


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
