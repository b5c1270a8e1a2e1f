"""What a manifest may say of a tool, and what of it makes another bundle."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agent_runtime.bundle import Bundle
from agent_runtime.tool_spec import ToolSpec

SPECS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"name": st.just("search"), "destination": st.just("gateway")},
    optional={
        "effect": st.sampled_from(["read", "write", "destructive"]),
        "roles": st.lists(st.sampled_from(["desk", "billing"]), max_size=2),
        "tenants": st.lists(st.sampled_from(["acme", "zeta"]), max_size=2),
        "rate_per_minute": st.integers(1, 1000),
        "user_delegated": st.booleans(),
        "timeout_seconds": st.integers(1, 29),
    },
)


@given(SPECS)
def test_a_tool_comes_back_from_its_bundle_as_it_was_declared(given: dict[str, Any]) -> None:
    spec = ToolSpec.model_validate(given)
    assert ToolSpec.model_validate_json(spec.model_dump_json()) == spec


def test_a_tool_of_before_is_written_as_it_was_so_that_bundles_keep_their_ids(
    make_bundle: Callable[..., Bundle],
) -> None:
    bundle = make_bundle(tools=(ToolSpec(name="search", read_only=True), ToolSpec(name="mail")))
    assert json.loads(bundle.canonical_json())["tools"] == [
        {"name": "search", "description": "", "input_schema": {}, "version": None, "read_only": True},
        {"name": "mail", "description": "", "input_schema": {}, "version": None, "read_only": False},
    ]
    assert bundle.bundle_id == "b262b00882e7"


@pytest.mark.parametrize(
    "more",
    [
        {"effect": "destructive"},
        {"destination": "gateway"},
        {"tenants": ["acme"]},
        {"destination": "gateway", "roles": ["desk"]},
        {"destination": "gateway", "timeout_seconds": 5},
    ],
)
def test_what_a_tool_may_do_is_a_part_of_the_bundle(
    make_bundle: Callable[..., Bundle], more: dict[str, Any]
) -> None:
    plain = make_bundle(tools=(ToolSpec(name="search"),))
    changed = make_bundle(tools=(ToolSpec.model_validate({"name": "search", **more}),))
    assert plain.bundle_id != changed.bundle_id
    assert Bundle.model_validate_json(changed.canonical_json()) == changed


@pytest.mark.parametrize(
    ("given", "effect", "reads"),
    [
        ({}, "write", False),
        ({"read_only": True}, "read", True),
        ({"effect": "read"}, "read", True),
        ({"effect": "destructive"}, "destructive", False),
        ({"read_only": False, "effect": "destructive"}, "destructive", False),
    ],
)
def test_read_only_and_effect_say_the_same(given: dict[str, Any], effect: str, reads: bool) -> None:
    spec = ToolSpec.model_validate({"name": "search", **given})
    assert (spec.effect, spec.read_only) == (effect, reads)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"read_only": True, "effect": "write"}, "let the two agree"),
        ({"read_only": False, "effect": "read"}, "let the two agree"),
        ({"roles": ["desk"]}, "destination: gateway"),
        ({"rate_per_minute": 10}, "destination: gateway"),
        ({"user_delegated": True}, "destination: gateway"),
        ({"timeout_seconds": 5}, "destination: gateway"),
        ({"destination": "gateway", "timeout_seconds": 30}, "less than or equal to 29"),
        ({"destination": "gateway", "roles": ["a b"]}, "match pattern"),
        ({"effect": "maybe"}, "'read', 'write' or 'destructive'"),
    ],
)
def test_what_nobody_could_hold_a_call_to_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ToolSpec.model_validate({"name": "search", **given})
