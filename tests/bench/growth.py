"""What steps cost as a run grows: calls, bytes and write units, beside LangGraph's saver of AWS."""

import json
import math
from typing import Any

import boto3
from moto import mock_aws

from agent_runtime.blobs import BlobStore
from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.records import Lease
from embedded_aws.toolchain.cache import Say
from tests.bench.langgraph_peer import our_figures, peer_figures
from tests.bench.peer_venvs import peer_python
from tests.bench.rows import row

LONG = 10_000


class Meter:
    """Write units by AWS's published rule, a unit for each started KB of an item, and calls."""

    def __init__(self) -> None:
        self.calls = 0
        self.bytes: list[int] = []

    @property
    def units(self) -> int:
        return sum(math.ceil(size / 1024) for size in self.bytes)

    def count(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        self.calls += 1
        if model.name == "PutItem":
            item = json.loads(params["body"])["Item"]
            values = (value for pair in item.items() for value in (pair[0], *pair[1].values()))
            self.bytes.append(sum(len(str(value).encode()) for value in values))


def rows(say: Say) -> list[dict[str, Any]]:
    """Rows of steps and of the LangGraph checkpointer. A peer that cannot be had is left out."""
    small, large = steps_of(100, 400), steps_of(100, 4096)
    long = steps_of(LONG, 400)
    growth = small.bytes[-1] / small.bytes[0]
    found = [
        row("calls a step", small.calls / 100, 1, "<= 2", small.calls <= 200),
        row("bytes of step 100 beside step 1", small.bytes[-1], small.bytes[0], "<= 1.1", growth <= 1.1),
        row(
            f"longest run tried, beside a run of 100 (steps written of {LONG})",
            len(long.bytes),
            100,
            "no error",
            True,
        ),
    ]
    python = peer_python("langgraph", say)
    if python is None:
        return found
    for ours, size in ((small, 400), (large, 4096)):
        found += _beside_langgraph(str(python), ours, size)
    return found


def _beside_langgraph(python: str, ours: Meter, size: int) -> list[dict[str, Any]]:
    peer, saver = peer_figures(python, 100, size), our_figures(100, size)
    theirs, units = peer["write_units"], saver["write_units"]
    at = f"100 steps of {size} bytes"
    ended = f", which fails at step {peer['steps_reached']}" if peer["error"] else ""
    steps = f"write units of run.step, {at}, beside AWS's saver{ended}"
    graph = f"write units of our LangGraph saver, fenced, {at}"
    calls = f"calls of our LangGraph saver, {at}"
    return [
        row(steps, ours.units, theirs, "<= 1/7", ours.units * 7 <= theirs),
        row(graph, units, theirs, "<= 1/7", units * 7 <= theirs),
        row(calls, saver["calls"], peer["calls"], "< 1", saver["calls"] < peer["calls"]),
    ]


def steps_of(count: int, size: int) -> Meter:
    """A run of `count` steps, each with a result of `size` bytes."""
    with mock_aws():
        client = boto3.session.Session("bench", "bench", region_name="eu-west-1").client("dynamodb")
        keys = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
        kinds = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")]
        client.create_table(
            TableName="runs", KeySchema=keys, AttributeDefinitions=kinds, BillingMode="PAY_PER_REQUEST"
        )
        store = CheckpointStore(client, "runs", BlobStore(client, "unused"), agent="bench")
        opened = store.open_run(run_id="r", tenant="t", input={}, bundle_id="0" * 12, lease_seconds=3600)
        lease = opened.lease
        assert isinstance(lease, Lease)
        meter = Meter()
        client.meta.events.register("before-call", meter.count)
        result = json.dumps({"text": "x" * size})
        for number in range(1, count + 1):
            store.steps.save(lease, (number,), "step", result)
    return meter
