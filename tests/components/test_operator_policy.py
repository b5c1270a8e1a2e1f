"""What people may read and write of the control table, as the embedded AWS judges their policy."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from agent_hosting import AgentPlatform
from agent_runtime import brake
from agent_runtime.audit.anchors import Anchors
from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.errors import AuditUnavailable, CheckpointUnavailable
from agent_runtime.spend.pots import PotReference, Pots
from tests.components.recorder import run
from tests.components.samples import making
from tests.embedded.authorizer_world import REGION, World, arn, world

MOST_CHARACTERS = 6_144
"""Of a managed policy, without white space:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
NOON = "2027-01-15T12:00:00.000Z"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """With the table's ARN as AWS writes it: the recorder makes up another one."""
    made = run(making(AgentPlatform, "shared")).one("Policy", "shared-operator").document()
    table, told = arn("dynamodb", "table/control"), f"arn:aws:dynamodb:{REGION}:"
    for statement in made["Statement"]:
        resource = statement["Resource"]
        if isinstance(resource, str) and resource.startswith(told) and resource.endswith("/shared-0a1b2c3"):
            statement["Resource"] = table
    return made


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        made.admin("dynamodb").create_table(
            TableName="control",
            KeySchema=[
                {"AttributeName": "agent", "KeyType": "HASH"},
                {"AttributeName": "item", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("agent", "item")],
            BillingMode="PAY_PER_REQUEST",
        )
        yield made


@pytest.fixture
def operator(aws: World, document: dict[str, Any]) -> Any:
    return aws.caller("dynamodb", *document["Statement"], name="operator")


def _is_refused(call: Any, **given: Any) -> bool:
    try:
        call(TableName="control", **given)
    except ClientError as error:
        return error.response.get("Error", {}).get("Code") == "AccessDeniedException"
    return False


def _key(partition: str, item: str) -> dict[str, Any]:
    return {"agent": {"S": partition}, "item": {"S": item}}


def test_it_fits_the_size_of_a_managed_policy(document: dict[str, Any]) -> None:
    assert len("".join(str(document).split())) <= MOST_CHARACTERS


def test_a_person_pulls_and_releases_a_brake(operator: Any) -> None:
    assert brake.engage(operator, "control", "handbook", reason="r", engaged_by="ann", engaged_at=NOON)
    assert brake.release(operator, "control", "handbook", released_by="ann: mended", released_at=NOON)
    assert brake.BrakeReader(operator, "control", "handbook").reason() is None


@pytest.mark.parametrize("attribute", ["stable", "shares", "version", "status", "metrics", "expires_at"])
def test_nothing_else_beside_a_brake_is_changed_in_part(operator: Any, attribute: str) -> None:
    change = {"UpdateExpression": "SET #x = :x", "ExpressionAttributeValues": {":x": {"S": "x"}}}
    names = {"ExpressionAttributeNames": {"#x": attribute}}
    for item in ("traffic", "release#0123456789ab", "evidence#0123456789ab#1"):
        assert _is_refused(operator.update_item, Key=_key("handbook", item), **change, **names)


def test_a_person_tells_how_far_a_chain_of_the_trail_goes_and_not_what_was_exported(
    aws: World, operator: Any
) -> None:
    anchors = Anchors(operator, "control", "handbook", 365, time.time)
    anchors.move("operator-1", 1, "0" * 64, 1)
    with pytest.raises(AuditUnavailable, match="ClientError"):
        anchors.exported("operator-1", 1, 1)
    assert [head.seq for head in anchors.heads()] == [1]
    forged = {**_key("handbook#audit", "head#operator-1"), "seq": {"N": "0"}}
    assert _is_refused(operator.put_item, Item=forged)


def test_a_person_who_stops_a_root_holds_and_closes_its_pot_and_neither_fills_nor_finds_one(
    aws: World, operator: Any
) -> None:
    def pots(client: Any) -> Pots:
        return Pots(CheckpointTable(client, "control"), "handbook")

    reference = pots(aws.admin("dynamodb")).open("r1", 1_000, 0, 2_000_000_000)
    pots(operator).hold(reference, 2)
    pots(operator).close(reference)
    key = _key("handbook#tree", reference.pot_id)
    pot = aws.admin("dynamodb").get_item(TableName="control", Key=key)["Item"]
    assert pot["state"] == {"S": "CLOSED"}
    with pytest.raises(CheckpointUnavailable):
        pots(operator).open("r2", 1_000, 0, 2_000_000_000)
    added = {":more": {"N": "5"}}
    fill = {"UpdateExpression": "ADD #left :more", "ExpressionAttributeNames": {"#left": "left"}}
    assert _is_refused(operator.update_item, Key=key, **fill, ExpressionAttributeValues=added)
    assert _is_refused(operator.get_item, Key=key)
    of_all = {":a": {"S": "handbook#tree"}}
    found = {"KeyConditionExpression": "#a = :a", "ExpressionAttributeNames": {"#a": "agent"}}
    assert _is_refused(operator.query, **found, ExpressionAttributeValues=of_all)
    assert isinstance(reference, PotReference)


def test_a_person_moves_traffic_with_its_history_in_one_transaction(operator: Any) -> None:
    record = {"Put": {"TableName": "control", "Item": _key("handbook", "traffic")}}
    entry = {"Put": {"TableName": "control", "Item": _key("handbook#history", "1")}}
    operator.transact_write_items(TransactItems=[record, entry])
    assert "Item" in operator.get_item(TableName="control", Key=_key("handbook#history", "1"))


def test_a_person_deletes_nothing(operator: Any) -> None:
    assert _is_refused(operator.delete_item, Key=_key("handbook", "brake"))
