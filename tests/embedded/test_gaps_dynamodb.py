"""Conditional writes at the same moment, which moto lets both pass."""

import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

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
