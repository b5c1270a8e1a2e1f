"""Which attributes a request to DynamoDB names, and policies that allow some of them alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_aws.authorizer.attributes import of_requests
from tests.embedded.authorizer_world import World, allow, arn, world

KEY = {"pk": {"S": "a"}, "sk": {"S": "1"}}


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        ({"Key": KEY}, ("pk", "sk")),
        ({"Item": {**KEY, "total": {"N": "1"}}}, ("pk", "sk", "total")),
        ({"Key": KEY, "UpdateExpression": "SET a = :x, b = b - :y REMOVE c ADD d :z"}, (*KEY, *"abcd")),
        ({"UpdateExpression": "set #s = if_not_exists(#s, :zero) + :n",
          "ExpressionAttributeNames": {"#s": "state"}}, ("state",)),
        ({"UpdateExpression": "SET l = list_append(l, :v), m.deep.#x = :v, n[0].b = :v",
          "ExpressionAttributeNames": {"#x": "hidden"}}, ("l", "m", "n")),
        ({"ConditionExpression": "attribute_not_exists(#0) OR (engaged = :no AND NOT size (w) < :n)",
          "ExpressionAttributeNames": {"#0": "agent"}}, ("agent", "engaged", "w")),
        ({"ConditionExpression": "a BETWEEN :x AND :y AND b IN (:x, c)"}, ("a", "b", "c")),
        ({"ProjectionExpression": "pk, #n.first , tags[3]", "ExpressionAttributeNames": {"#n": "name"}},
         ("pk", "name", "tags")),
        ({"KeyConditionExpression": "pk = :p AND begins_with(sk, :s)", "FilterExpression": "contains(t, :x)"},
         ("t", "pk", "sk")),
        ({"AttributesToGet": ["a"], "Expected": {"b": {}}, "AttributeUpdates": {"c": {}}}, ("c", "b", "a")),
        ({"UpdateExpression": "SET #gone = :x"}, ("#gone",)),
        ({"TableName": "t"}, ()),
    ],
)  # fmt: skip
def test_the_attributes_are_those_of_keys_items_and_expressions(
    request_: dict[str, Any], named: tuple[str, ...]
) -> None:
    assert of_requests([request_]) == named


_TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


@given(st.lists(_TEXT, min_size=1, max_size=6, unique=True), st.integers(0, 5))
def test_every_name_behind_a_placeholder_is_found_whatever_it_is(names: list[str], deep: int) -> None:
    placeholders = {f"#{n}": name for n, name in enumerate(names)}
    sets = ", ".join(f"{one}{'.#0' * deep} = :{n}" for n, one in enumerate(placeholders))
    expressions = {"UpdateExpression": f"SET {sets}", "ExpressionAttributeNames": placeholders}
    assert set(of_requests([expressions])) == set(names)


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        made.admin("dynamodb").create_table(
            TableName="t",
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
        yield made


def _is_refused(call: Any, **given: Any) -> bool:
    try:
        call(TableName="t", **given)
    except call.__self__.exceptions.ClientError as error:
        return bool(error.response["Error"]["Code"] == "AccessDeniedException")
    return False


def test_a_policy_that_lists_attributes_allows_them_alone(aws: World) -> None:
    listed = {"ForAllValues:StringEquals": {"dynamodb:Attributes": ["pk", "sk", "engaged"]}}
    returned = {"StringEqualsIfExists": {"dynamodb:ReturnValues": ["NONE", "UPDATED_NEW"]}}
    rights = allow("dynamodb:UpdateItem", arn("dynamodb", "table/t"), Condition=listed | returned)
    update = aws.caller("dynamodb", rights).update_item
    no = {":no": {"BOOL": False}}
    fits = {"Key": KEY, "UpdateExpression": "SET engaged = :no", "ExpressionAttributeValues": no}
    assert not _is_refused(update, **fits)
    assert not _is_refused(update, **fits, ReturnValues="UPDATED_NEW")
    assert _is_refused(update, **fits, ReturnValues="ALL_NEW")
    hidden = {"UpdateExpression": "SET #s = :no", "ExpressionAttributeNames": {"#s": "stable"}}
    assert _is_refused(update, **(fits | hidden))
    assert _is_refused(update, **fits, ConditionExpression="attribute_exists(stable)")
