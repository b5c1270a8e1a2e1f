"""Three ways to keep a stale worker from writing a step, on the same table and the same head."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.errors import LeaseLost
from agent_runtime.records import HEAD, Lease, StepRecord, StepState, encode, step_key
from agent_runtime.steps import _envelope
from tests.runtime.units import item_bytes, write_units

RUN: dict[str, Any] = {"run_id": "0" * 32, "tenant": "acme", "bundle_id": "b1", "lease_seconds": 60.0}


@dataclass
class Meter:
    """A client that counts its calls, and the units that AWS would charge for them."""

    client: Any
    calls: Counter[str] = field(default_factory=Counter[str])
    write_units: int = 0
    read_units: int = 0

    @property
    def exceptions(self) -> Any:
        return self.client.exceptions

    def put_item(self, **request: Any) -> Any:
        self.calls["put_item"] += 1
        self.write_units += write_units(request["Item"])
        return self.client.put_item(**request)

    def update_item(self, **request: Any) -> Any:
        self.calls["update_item"] += 1
        reply = self.client.update_item(**request)
        self.write_units += write_units(self._item(request["TableName"], request["Key"]))
        return reply

    def transact_write_items(self, **request: Any) -> Any:
        self.calls["transact_write_items"] += 1
        for entry in request["TransactItems"]:
            ((_, part),) = entry.items()
            item = part.get("Item") or self._item(part["TableName"], part["Key"])
            self.write_units += write_units(item, is_transactional=True)
        return self.client.transact_write_items(**request)

    def get_item(self, **request: Any) -> Any:
        self.calls["get_item"] += 1
        return self._read(self.client.get_item(**request))

    def query(self, **request: Any) -> Any:
        self.calls["query"] += 1
        return self._read(self.client.query(**request))

    def _read(self, reply: Any) -> Any:
        found = reply["Items"] if "Items" in reply else [reply["Item"]]
        self.read_units += -(-sum(map(item_bytes, found)) // 4096)
        return reply

    def _item(self, table: str, key: Any) -> Any:
        return self.client.get_item(TableName=table, Key=key, ConsistentRead=True)["Item"]


class NextKey:
    """As shipped: a take-over claims the position that the worker before would write next."""

    def __init__(self, store: CheckpointStore, input_bytes: int = 4096) -> None:
        self.store = store
        self._input = "x" * input_bytes

    def take(self) -> Lease:
        """Begin the run, or take it over from a worker whose lease is over."""
        lease = self.store.open_run(**RUN, input=self._input).lease
        assert lease is not None
        return lease

    def check(self, lease: Lease) -> None:
        """What is done at each heartbeat. Raises `LeaseLost`."""

    def step(self, lease: Lease, number: int, result: str) -> None:
        """Commit a step. Raises `LeaseLost`."""
        self.store.steps.save(lease, (number,), "step", result)


class HeartbeatOnly(NextKey):
    """The epoch is read from the head at each heartbeat; a step's write checks nothing but its own key."""

    def take(self) -> Lease:
        self.store.steps.fence = lambda _lease, recorded: recorded
        return super().take()

    def check(self, lease: Lease) -> None:
        head = self.store.table.get({"pk": lease.pk, "sk": HEAD})
        if head is None or head["epoch"] != lease.epoch:
            raise LeaseLost("the head has another epoch")

    def step(self, lease: Lease, number: int, result: str) -> None:
        if self.store.table.put(self._item(lease, number, result), "attribute_not_exists(pk)") is not None:
            raise LeaseLost("the step is there")

    def _item(self, lease: Lease, number: int, result: str) -> dict[str, Any]:
        made = StepRecord((number,), "step", StepState.DONE, lease.epoch, "0" * 24, result)
        return {**_envelope(lease, step_key((number,))), **self.store.steps._body(made)}


class Transaction(HeartbeatOnly):
    """Each step is written together with a check of the head's epoch."""

    def check(self, lease: Lease) -> None:
        """Nothing: the transaction checks."""

    def step(self, lease: Lease, number: int, result: str) -> None:
        client, table = self.store.table.client, self.store.table.name
        is_new = {"ConditionExpression": "attribute_not_exists(pk)"}
        put = {"TableName": table, "Item": encode(self._item(lease, number, result)), **is_new}
        head = {
            "TableName": table,
            "Key": encode({"pk": lease.pk, "sk": HEAD}),
            "ConditionExpression": "epoch = :epoch",
            "ExpressionAttributeValues": encode({":epoch": lease.epoch}),
        }
        try:
            client.transact_write_items(TransactItems=[{"Put": put}, {"ConditionCheck": head}])
        except client.exceptions.TransactionCanceledException as error:
            raise LeaseLost("the head has another epoch, or the step is there") from error
