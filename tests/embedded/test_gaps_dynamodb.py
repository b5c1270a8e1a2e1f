"""Conditional writes at the same moment, which moto lets both pass, and transactions, which it makes slow."""

import copy
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from moto.dynamodb.models.dynamo_type import Item

from tests.embedded.gaps_world import Mended, mended

WRITERS, ROUNDS = 4, 40


@pytest.fixture(scope="module")
def aws() -> Iterator[Mended]:
    with mended() as made:
        yield made


@pytest.fixture
def threads_that_switch_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("threads_that_switch_often")
def test_of_conditional_writes_at_once_exactly_one_is_made(aws: Mended) -> None:
    aws.client("dynamodb").create_table(
        TableName="atomic",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    clients: list[Any] = [aws.client("dynamodb") for _ in range(WRITERS)]
    barrier, made = threading.Barrier(WRITERS), [0] * ROUNDS

    def write(client: Any) -> None:
        for number in range(ROUNDS):
            barrier.wait(30)
            try:
                client.update_item(
                    TableName="atomic",
                    Key={"pk": {"S": str(number)}},
                    UpdateExpression="SET done = :yes",
                    ConditionExpression="attribute_not_exists(done)",
                    ExpressionAttributeValues={":yes": {"BOOL": True}},
                )
                made[number] += 1
            except client.exceptions.ConditionalCheckFailedException:
                continue

    threads = [threading.Thread(target=write, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert made == [1] * ROUNDS


@pytest.fixture(scope="module")
def pairs(aws: Mended) -> Any:
    """A client, and a table of items with two keys."""
    client = aws.client("dynamodb")
    client.create_table(
        TableName="pairs",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )
    for number in range(50):
        client.put_item(TableName="pairs", Item={"pk": {"S": "a"}, "sk": {"S": str(number)}, "n": {"N": "1"}})
    return client


def added(sort_key: str, condition: str = "attribute_exists(pk)") -> dict[str, Any]:
    return {
        "Update": {
            "TableName": "pairs",
            "Key": {"pk": {"S": "a"}, "sk": {"S": sort_key}},
            "UpdateExpression": "ADD n :one",
            "ConditionExpression": condition,
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
    }


def count(client: Any, sort_key: str) -> str | None:
    found = client.get_item(TableName="pairs", Key={"pk": {"S": "a"}, "sk": {"S": sort_key}}).get("Item")
    return None if found is None else found["n"]["N"]


def test_a_transaction_that_is_cancelled_leaves_no_item_changed(pairs: Any) -> None:
    fresh = {"Put": {"TableName": "pairs", "Item": {"pk": {"S": "a"}, "sk": {"S": "new"}, "n": {"N": "9"}}}}
    with pytest.raises(pairs.exceptions.TransactionCanceledException):
        pairs.transact_write_items(TransactItems=[added("1"), fresh, added("missing")])
    assert [count(pairs, key) for key in ("1", "new", "missing")] == ["1", None, None]
    pairs.transact_write_items(TransactItems=[added("1"), fresh])
    assert [count(pairs, key) for key in ("1", "new")] == ["2", "9"]


def test_a_transaction_copies_the_items_that_it_names_alone(
    pairs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[Any] = []

    def note(item: Item, memo: dict[int, Any]) -> Item:
        copied.append(item)
        made = Item.__new__(Item)
        made.__dict__.update(copy.deepcopy(item.__dict__, memo))
        return made

    monkeypatch.setattr(Item, "__deepcopy__", note, raising=False)
    pairs.transact_write_items(TransactItems=[added("2"), added("3")])
    assert len(copied) < 10
