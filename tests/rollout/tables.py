"""The control table of one agent, as a deployment and evaluations write it."""

from typing import Any

from agent_runtime.rollout.gates import Evidence
from agent_runtime.rollout.plan import Plan
from agent_runtime.rollout.record import Record, item_from
from tests.rollout.samples import AGENT, A, plan
from tests.runtime.pretended import CONTROL


class Table:
    """`client` is boto3's DynamoDB client."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def fill(self, record: Record | None = None, of: Plan | None = None) -> None:
        self.put("plan", document={"S": (of or plan()).model_dump_json()})
        self.put_record(record or Record(A))

    def put(self, item: str, partition: str = AGENT, **values: Any) -> None:
        held = {"agent": {"S": partition}, "item": {"S": item}, "schema_version": {"N": "1"}, **values}
        self.client.put_item(TableName=CONTROL, Item=held)

    def put_record(self, record: Record) -> None:
        self.client.put_item(TableName=CONTROL, Item=item_from(AGENT, record))

    def put_release(self, key: str, **values: str) -> None:
        self.put(f"release#{key}", **{name: {"S": text} for name, text in values.items()})

    def put_evidence(self, evidence: Evidence, at: int | None = None) -> None:
        key = f"evidence#{evidence.bundle_id}#{at or evidence.created_at:015d}"
        self.put(key, document={"S": evidence.model_dump_json()})

    def take_away(self, item: str) -> None:
        self.client.delete_item(TableName=CONTROL, Key={"agent": {"S": AGENT}, "item": {"S": item}})

    def items(self) -> dict[tuple[str, str], Any]:
        """By agent and item."""
        found = self.client.scan(TableName=CONTROL)["Items"]
        return {(item["agent"]["S"], item["item"]["S"]): item for item in found}
