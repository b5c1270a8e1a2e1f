"""A run to checkpoint, and the bare put that is its floor."""

import itertools
import json
from collections.abc import Callable
from typing import Any

from agent_runtime.blobs import BlobStore
from agent_runtime.checkpoints import CheckpointStore

_RESULT = json.dumps({"text": "x" * 400})


def make_store(client: Any) -> tuple[Callable[[], object], Callable[[], object]]:
    """(saves one step, puts one item of the same size on a condition), each time a new one."""
    keys = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
    kinds = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")]
    client.create_table(
        TableName="runs", KeySchema=keys, AttributeDefinitions=kinds, BillingMode="PAY_PER_REQUEST"
    )
    store = CheckpointStore(client, "runs", BlobStore(client, "unused"), agent="bench")
    opened = store.open_run(
        run_id="r", tenant="t", input={}, bundle_id="0" * 12, lease_seconds=3600, session=None
    )
    lease = opened.lease
    assert lease is not None
    sequence, puts = itertools.count(1), itertools.count(1)

    def save() -> object:
        return store.steps.save(lease, (next(sequence),), "step", _RESULT)

    def put() -> object:
        item = {"pk": {"S": "floor"}, "sk": {"S": f"step#{next(puts):06d}"}, "result": {"S": _RESULT}}
        return client.put_item(TableName="runs", Item=item, ConditionExpression="attribute_not_exists(pk)")

    return save, put
