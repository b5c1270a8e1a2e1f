"""What a tool's arguments may be, before anything is reached."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.errors import ArgumentsInvalid
from agent_runtime.tools.arguments import MOST_DEPTH, approval_name, checked, schema_error

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"order": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]+$"}, "lines": {"type": "integer"}},
    "required": ["order"],
    "additionalProperties": False,
}


def nested(depth: int) -> Any:
    held: Any = 1
    for _ in range(depth):
        held = [held]
    return {"a": held}


def test_arguments_that_match_come_back_as_json_has_them() -> None:
    assert checked(SCHEMA, {"order": "AB-1", "lines": 2}) == {"order": "AB-1", "lines": 2}
    assert checked({}, {"anything": (1, 2)}) == {"anything": [1, 2]}


@pytest.mark.parametrize(
    "arguments",
    [
        None,
        [],
        "order",
        {},
        {"order": 1},
        {"order": "AB-1; drop"},
        {"order": "AB-1", "more": 1},
        {"order": "AB-1", "lines": float("nan")},
        {"order": {1, 2}},
        {"order": "x" * 70_000},
    ],
    ids=str,
)
def test_other_arguments_are_refused(arguments: object) -> None:
    with pytest.raises(ArgumentsInvalid):
        checked(SCHEMA, arguments)


def test_what_lies_too_deep_is_refused_before_a_parser_meets_it() -> None:
    assert checked({}, nested(MOST_DEPTH - 1))
    with pytest.raises(ArgumentsInvalid, match="within each other"):
        checked({}, nested(100_000))


def test_a_refusal_names_the_place_and_not_the_value() -> None:
    with pytest.raises(ArgumentsInvalid, match=r"properties\.order\.pattern of the schema at order") as told:
        checked(SCHEMA, {"order": "my password"})
    assert "password" not in str(told.value)


def test_a_pattern_that_backtracks_takes_no_longer_than_others() -> None:
    slow = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}}
    with pytest.raises(ArgumentsInvalid):
        checked(slow, {"a": "a" * 60_000 + "b"})


@given(st.dictionaries(st.text(max_size=5), st.recursive(st.none() | st.integers() | st.text(), st.lists)))
def test_a_schema_that_is_empty_takes_every_object(arguments: dict[str, Any]) -> None:
    assert checked({}, arguments) == arguments


def test_a_schema_reaches_nothing_outside_of_it() -> None:
    assert schema_error({}) is None
    assert schema_error(SCHEMA) is None
    outside = {"type": "object", "properties": {"a": {"$ref": "https://schemas.example.com/a.json"}}}
    assert "lies outside" in (schema_error(outside) or "")
    assert "type: object" in (schema_error({"type": "string"}) or "")
    assert "no JSON schema" in (schema_error({"type": "object", "required": "order"}) or "")


def test_an_approval_is_named_for_the_tool_and_these_very_arguments() -> None:
    name = approval_name("refund", {"order": "AB-1", "usd": 5})
    assert name == approval_name("refund", {"usd": 5, "order": "AB-1"})
    assert name.startswith("refund:")
    others = [("refund", {"order": "AB-1", "usd": 50}), ("cancel", {"order": "AB-1", "usd": 5})]
    assert name not in [approval_name(tool, arguments) for tool, arguments in others]
