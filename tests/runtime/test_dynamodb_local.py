"""moto and DynamoDB Local answer alike whatever the checkpoint table asks."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.errors import CheckpointUnavailable
from agent_runtime.records import decode, encode
from tests.runtime.stores import emptied

NAME = "checkpoints"
ITEM_BYTES = 400 * 1024
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""
KEY: dict[str, Any] = {"pk": "answers#acme#1", "sk": "run"}
ABSENT = "attribute_not_exists(pk)"


def item(**values: Any) -> dict[str, Any]:
    """The head of run 1 unless other keys are given."""
    return KEY | {"schema_version": 1} | values


class Counted:
    """A client that keeps the requests and replies of `query`."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.pages: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def query(self, **request: Any) -> Any:
        reply = self._client.query(**request)
        self.pages.append(reply["Count"])
        return reply


def with_table(client: Any) -> Any:
    """`client` when its store has the checkpoint table, empty, and no other."""
    keys = {"pk": "S", "sk": "S", "due_shard": "S", "due_at": "N"}
    emptied(client).create_table(
        TableName=NAME,
        KeySchema=_key_schema("pk", "sk"),
        AttributeDefinitions=[{"AttributeName": k, "AttributeType": t} for k, t in keys.items()],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "due",
                "KeySchema": _key_schema("due_shard", "due_at"),
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    return client


def _key_schema(partition: str, sort: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": partition, "KeyType": "HASH"},
        {"AttributeName": sort, "KeyType": "RANGE"},
    ]


@pytest.fixture
def client(dynamodb: Any) -> Iterator[Counted]:
    with mock_aws():
        yield Counted(with_table(dynamodb))


@pytest.fixture
def table(client: Any) -> CheckpointTable:
    return CheckpointTable(client, NAME)


def test_moto_answers_for_the_other_services_meanwhile(client: Any) -> None:
    s3 = boto3.session.Session().client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="blobs")
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["blobs"]
    assert client.list_tables()["TableNames"] == [NAME]


def test_moto_does_not_answer_for_dynamodb_local(dynamodb_local: Any) -> None:
    with mock_aws():
        with_table(dynamodb_local)
        pretended = boto3.session.Session().client("dynamodb", region_name="us-east-1")
        assert pretended.list_tables()["TableNames"] == []


def test_what_was_put_is_read_back(table: CheckpointTable) -> None:
    put = item(count=-3, large=1_800_000_000_123, text="ünï", empty="")
    assert table.put(put) is None
    assert table.get(KEY) == put
    assert table.get(KEY | {"sk": "step#000001"}) is None


def test_a_put_whose_condition_fails_gives_back_what_is_there(table: CheckpointTable) -> None:
    first = item(epoch=1, status="RUNNING")
    assert table.put(first, ABSENT) is None
    assert table.put(item(epoch=9), ABSENT) == first
    assert table.put(item(epoch=2), "#status = :ended", {":ended": "DONE"}) == first
    assert table.put(item(epoch=2), "epoch < :mine", {":mine": 2}) is None
    assert table.get(KEY) == item(epoch=2)


def test_a_put_whose_condition_fails_over_nothing_gives_nothing_back(table: CheckpointTable) -> None:
    assert table.put(item(), "attribute_exists(pk)") == {}
    assert table.get(KEY) is None


def test_an_update_sets_removes_counts_and_returns(table: CheckpointTable) -> None:
    table.put(item(epoch=1, error="once"))
    changes: dict[str, Any] = {"status": "RUNNING", "error": None}
    increments = ("epoch", "takes")
    done = table.update(KEY, changes, "epoch = :old", {":old": 1}, increments=increments, returning=True)
    assert done == (True, item(epoch=2, takes=1, status="RUNNING"))
    assert table.get(KEY) == done.item


def test_an_update_whose_condition_fails_gives_back_what_is_there(table: CheckpointTable) -> None:
    assert table.update(KEY, {"status": "DONE"}, "epoch = :epoch", {":epoch": 1}) == (False, {})
    assert table.get(KEY) is None
    table.put(item(epoch=2))
    assert table.update(KEY, {"status": "DONE"}, "epoch = :epoch", {":epoch": 1}) == (False, item(epoch=2))
    assert table.get(KEY) == item(epoch=2)


def _of_size(size: int) -> dict[str, Any]:
    """An item of so many bytes: its names and texts, and two for a number of one digit."""
    rest = sum(len(name) + (len(value) if name in KEY else 2) for name, value in item().items())
    return item(text="x" * (size - rest - len("text")))


def test_an_item_over_400_kb_is_refused(table: CheckpointTable) -> None:
    # moto refuses from 405,000 bytes on.
    assert table.put(_of_size(405_000)) is None
    with pytest.raises(CheckpointUnavailable, match="refused: ValidationException"):
        table.put(_of_size(ITEM_BYTES + 1))
    assert table.get(KEY) == _of_size(405_000)


def test_dynamodb_local_takes_400_kb_to_the_byte(dynamodb_local: Any) -> None:
    assert CheckpointTable(with_table(dynamodb_local), NAME).put(_of_size(ITEM_BYTES)) is None


def test_an_update_may_not_grow_an_item_over_400_kb(table: CheckpointTable) -> None:
    table.put(_of_size(405_000))
    with pytest.raises(CheckpointUnavailable, match="refused: ValidationException"):
        table.update(KEY, {"error": "x" * 5_000}, "schema_version = :version", {":version": 1})
    assert table.get(KEY) == _of_size(405_000)


def test_a_query_takes_one_request_for_each_started_mebibyte(table: CheckpointTable, client: Counted) -> None:
    for number in range(7):
        table.put(item(sk=f"step#{number:06d}", result="x" * 300 * 1024))
    found = [step["sk"][-1] for step in table.query(KEY["pk"], "step#000001", "step#000005")]
    assert found == ["1", "2", "3", "4", "5"]
    # Which item begins the second differs: DynamoDB Local's page ends after the item that crosses the
    # mebibyte, moto's before the one that crosses a million bytes.
    assert len(client.pages) == 2


def test_a_query_may_be_limited(table: CheckpointTable, client: Counted) -> None:
    for number in range(5):
        table.put(item(sk=f"step#{number:06d}"))
    table.put(item(pk="answers#acme#2", sk="step#000001"))
    found = [step["sk"][-1] for step in table.query(KEY["pk"], "step#000001", "step#~", most=2)]
    assert (found, client.pages) == (["1", "2"], [2])


def test_the_index_holds_what_is_due_and_nothing_else(table: CheckpointTable) -> None:
    for number, due_at in enumerate((30, 10, 20, 99)):
        table.put(item(pk=f"answers#acme#{number}", due_shard="answers#a", due_at=due_at))
    table.put(item(pk="answers#acme#8", due_shard="answers#b", due_at=10))
    table.put(item(pk="answers#acme#9"))
    oldest = {"pk": "answers#acme#1", "sk": "run"}
    assert [key["pk"] for key in table.due("answers#a", 30, 10)] == [f"answers#acme#{n}" for n in (1, 2, 0)]
    assert table.due("answers#a", 30, 1) == [oldest]
    changes = {"status": "DONE", "due_shard": None, "due_at": None}
    table.update(oldest, changes, "schema_version = :version", {":version": 1})
    assert [key["pk"] for key in table.due("answers#a", 30, 10)] == [f"answers#acme#{n}" for n in (2, 0)]


def test_a_transaction_is_written_whole_or_not_at_all(table: CheckpointTable, client: Any) -> None:
    table.put(item(epoch=2))
    step = KEY | {"sk": "step#000001"}
    write = {"Put": {"TableName": NAME, "Item": encode(item(sk="step#000001"))}}

    def only_in(epoch: int) -> dict[str, Any]:
        check = {
            "TableName": NAME,
            "Key": encode(KEY),
            "ConditionExpression": "epoch = :epoch",
            "ExpressionAttributeValues": encode({":epoch": epoch}),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        return {"ConditionCheck": check}

    with pytest.raises(ClientError) as error:
        client.transact_write_items(TransactItems=[write, only_in(1)])
    refusal: Any = error.value.response
    assert refusal["Error"]["Code"] == "TransactionCanceledException"
    assert [reason["Code"] for reason in refusal["CancellationReasons"]] == ["None", "ConditionalCheckFailed"]
    assert decode(refusal["CancellationReasons"][1]["Item"]) == item(epoch=2)
    assert table.get(step) is None
    client.transact_write_items(TransactItems=[write, only_in(2)])
    assert table.get(step) == item(sk="step#000001")
