"""Pulumi properties fit the requests of botocore, and answers fit back."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from botocore.model import Shape, ShapeResolver
from hypothesis import given
from hypothesis import strategies as st

from embedded_aws.provider.fit import fit, is_pair_list, missing, unfit, without_unknown
from embedded_aws.provider.schema import item_of, mistakes, nested, schema_of, unknown_properties, unwrap
from embedded_aws.provider.values import UNKNOWN

# The SDK warns of one of its own modules when the first type of Lambda is looked at.
pytestmark = pytest.mark.filterwarnings("ignore:aws.lambda/microvmsimage:DeprecationWarning")

SHAPES: dict[str, dict[str, Any]] = {
    "Thing": {
        "type": "structure",
        "required": ["Name"],
        "members": {
            **{"Name": {"shape": "Name"}, "Mode": {"shape": "Mode"}, "Size": {"shape": "Size"}},
            **{"On": {"shape": "Flag"}, "Rate": {"shape": "Rate"}, "TagList": {"shape": "Tags"}},
            **{"Labels": {"shape": "Labels"}, "Names": {"shape": "Names"}, "Inner": {"shape": "Inner"}},
        },
    },
    "Inner": {
        "type": "structure",
        "required": ["ID"],
        "members": {"ID": {"shape": "Name"}, "MaxSize": {"shape": "Size"}},
    },
    "Tags": {"type": "list", "member": {"shape": "Tag"}},
    "Tag": {"type": "structure", "members": {"Key": {"shape": "Text"}, "Value": {"shape": "Text"}}},
    "Labels": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Text"}},
    "Names": {"type": "list", "member": {"shape": "Name"}, "min": 1, "max": 3},
    "Name": {"type": "string", "min": 1, "max": 8, "pattern": "[a-z]+"},
    "Mode": {"type": "string", "enum": ["Active", "PassThrough"]},
    "Text": {"type": "string"},
    "Size": {"type": "integer", "min": 1, "max": 10},
    "Flag": {"type": "boolean"},
    "Rate": {"type": "double", "min": 0, "max": 1},
}
RESOLVER = ShapeResolver(SHAPES)


def shape(name: str = "Thing") -> Shape:
    return RESOLVER.get_shape_by_name(name)


def fitted(value: Any, name: str = "Thing", **renames: str) -> tuple[Any, list[tuple[str, str]]]:
    found: list[tuple[str, str]] = []
    return fit(value, shape(name), "", renames, found), found


def test_members_are_found_whatever_their_case_and_by_their_other_name() -> None:
    value, found = fitted({"title": "abc", "size": 2, "inner": {"id": "x", "maxSize": 3}}, title="Name")
    assert value == {"Name": "abc", "Size": 2, "Inner": {"ID": "x", "MaxSize": 3}}
    assert found == []


@pytest.mark.parametrize(
    ("given_", "path", "reason"),
    [
        ({"mode": "Loud"}, "mode", "must be one of Active, PassThrough; it is 'Loud'"),
        ({"size": 0}, "size", "must be at least 1; it is 0"),
        ({"size": 11}, "size", "must be at most 10; it is 11"),
        ({"rate": 1.5}, "rate", "must be at most 1; it is 1.5"),
        ({"name": "A1"}, "name", "must match [a-z]+; it is 'A1'"),
        ({"name": "abcdefghi"}, "name", "must be at most 8 characters; it is 9"),
        ({"names": ["a", "b", "c", "d"]}, "names", "must be at most 3 items; it is 4"),
        ({"names": ["a", "B"]}, "names[1]", "must match [a-z]+; it is 'B'"),
        (
            {"inner": {"id": "x", "weight": 1}},
            "inner.weight",
            "AWS knows no such setting; known are: ID, MaxSize",
        ),
        ({"inner": {"maxSize": 1}}, "inner.ID", "is required"),
        ({"inner": "x"}, "inner", "must be an object, not 'x'"),
        ({"labels": ["x"]}, "labels", "must be an object, not ['x']"),
        ({"size": "many"}, "size", "must be integer, not 'many'"),
        ({"size": True}, "size", "must be integer, not True"),
        ({"on": "yes"}, "on", "must be boolean, not 'yes'"),
    ],
)
def test_what_botocores_model_refuses_is_found_with_its_path(
    given_: dict[str, Any], path: str, reason: str
) -> None:
    assert fitted(given_)[1] == [(path, reason)]


def test_numbers_and_texts_are_taken_for_one_another_where_aws_does() -> None:
    assert fitted({"size": "7", "labels": {"a": 3}}) == ({"Size": 7, "Labels": {"a": "3"}}, [])


def test_tags_as_a_map_become_a_sorted_list_of_pairs_and_come_back() -> None:
    value, _ = fitted({"tagList": {"b": "2", "a": "1"}})
    assert value == {"TagList": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]}
    assert unfit(value["TagList"], shape("Tags"), Mapping[str, str], {}) == {"a": "1", "b": "2"}
    assert is_pair_list(shape("Tags"))  # type: ignore[arg-type]
    assert not is_pair_list(shape("Names"))  # type: ignore[arg-type]


def test_one_object_stands_for_a_list_of_one() -> None:
    assert fitted({"names": "abc"})[0] == {"Names": ["abc"]}


def test_unknown_and_absent_values_are_left_alone() -> None:
    value, found = fitted({"size": UNKNOWN, "mode": None, "inner": {"id": UNKNOWN}})
    assert value == {"Size": UNKNOWN, "Inner": {"ID": UNKNOWN}}
    assert found == []
    assert without_unknown({**value, "Names": [UNKNOWN, "a"]}) == {"Inner": {}, "Names": ["a"]}


def test_what_a_request_still_lacks_is_told() -> None:
    assert missing({}, shape()) == ["Name"]  # type: ignore[arg-type]
    assert missing({"Name": UNKNOWN}, shape()) == []  # type: ignore[arg-type]


NAMES = st.from_regex("[a-z]{1,8}", fullmatch=True)
THINGS = st.fixed_dictionaries(
    {"name": NAMES},
    optional={
        "mode": st.sampled_from(["Active", "PassThrough"]),
        "size": st.integers(1, 10),
        "on": st.booleans(),
        "rate": st.floats(0, 1),
        "labels": st.dictionaries(st.text(), st.text()),
        "tagList": st.dictionaries(st.text(min_size=1), st.text()),
        "names": st.lists(NAMES, min_size=1, max_size=3),
    },
)
KINDS = {
    "size": int,
    "on": bool,
    "rate": float,
    "labels": Mapping[str, str],
    "tagList": Mapping[str, str],
    "names": Sequence[str],
}


@given(THINGS)
def test_what_fits_comes_back_as_it_was(thing: dict[str, Any]) -> None:
    value, found = fitted(thing)
    assert found == []
    members = shape().members  # type: ignore[attr-defined]
    by_name = {member.lower(): member for member in members}
    for name, given_ in thing.items():
        member = by_name[name.lower()]
        assert unfit(value[member], members[member], KINDS.get(name, str), {}) == given_


def test_the_schema_of_a_type_names_its_inputs_and_outputs() -> None:
    alias = schema_of("aws:lambda/alias:Alias")
    assert {"functionName", "functionVersion", "routingConfig"} <= alias.inputs.keys()
    assert "invokeArn" in alias.outputs
    assert "invokeArn" not in alias.inputs
    assert set(nested(alias.inputs["routingConfig"])) == {"additionalVersionWeights"}
    with pytest.raises(LookupError, match="aws:lambda/none:None"):
        schema_of("aws:lambda/none:None")


def test_types_are_read_through_inputs_and_optionals() -> None:
    queue = schema_of("aws:sqs/queue:Queue").inputs
    assert unwrap(queue["visibilityTimeoutSeconds"]) is int
    assert unwrap(item_of(queue["tags"])) is str
    assert nested(queue["tags"]) == {}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("memorySize", 128, {}),
        ("memorySize", UNKNOWN, {}),
        ("memorySize", None, {}),
        ("memorySize", "128", {"memorySize": "must be a whole number, not '128'"}),
        ("layers", "a", {"layers": "must be a list, not 'a'"}),
        ("layers", ["a", 2], {"layers[1]": "must be a string, not 2"}),
        ("environment", {"variables": {"A": 1}}, {"environment.variables.A": "must be a string, not 1"}),
        ("environment", "A=1", {"environment": "must be an object, not 'A=1'"}),
    ],
)
def test_a_value_of_another_type_is_found_by_its_path(
    name: str, value: Any, expected: dict[str, str]
) -> None:
    kind = schema_of("aws:lambda/function:Function").inputs[name]
    assert dict(mistakes(value, kind, name)) == expected


def test_an_unknown_property_is_told_with_those_that_are_known() -> None:
    assert dict(unknown_properties({"a": 1, "c": 2}, {"a": int, "b": int}, "x")) == {
        "x.c": "unknown property; known are: a, b"
    }
