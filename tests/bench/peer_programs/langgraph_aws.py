"""What a graph that appends a message at each step writes to DynamoDB, measured under moto.

Run by an interpreter that has `langgraph-checkpoint-aws`: prints the figures of its saver for the steps and
the message bytes given as arguments. Imported, it measures any saver the same way.
"""

import json
import operator
import sys
from collections.abc import Callable
from math import ceil
from typing import Annotated, Any, TypedDict

import boto3
from langgraph.graph import END, START, StateGraph
from moto import mock_aws


class State(TypedDict):
    messages: Annotated[list[str], operator.add]


class Meter:
    """Calls, bytes and write units of a boto3 client, by the rule that DynamoDB publishes: a unit for each
    started KB of an item, twice that in a transaction. An update is taken for an item of its own; what a
    condition check reads is taken for less than a KB."""

    def __init__(self, client: Any) -> None:
        self.calls: list[str] = []
        self.bytes: list[int] = []
        self.units: list[int] = []
        client.meta.events.register("provide-client-params.dynamodb", self._count)

    def _count(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        sizes, price = _items(model.name, params), 1
        if model.name == "TransactWriteItems":
            price = 2
        self.calls.append(model.name)
        self.bytes.append(sum(sizes))
        self.units.append(sum(price * max(1, ceil(size / 1024)) for size in sizes))


def _items(operation: str, params: dict[str, Any]) -> list[int]:
    if operation == "PutItem":
        return [_size(params["Item"])]
    if operation == "UpdateItem":
        return [_updated(params)]
    if operation == "BatchWriteItem":
        requests = [request for some in params["RequestItems"].values() for request in some]
        return [_size(r["PutRequest"]["Item"]) if "PutRequest" in r else 0 for r in requests]
    if operation == "TransactWriteItems":
        parts = [part for action in params["TransactItems"] for part in action.items()]
        return [
            _size(part["Item"]) if kind == "Put" else _updated(part) if kind == "Update" else 0
            for kind, part in parts
        ]
    return []


def _updated(params: dict[str, Any]) -> int:
    names = params.get("ExpressionAttributeNames", {}).values()
    values = params.get("ExpressionAttributeValues", {})
    return _size(params["Key"]) + sum(map(len, names)) + _size(values)


def _size(item: dict[str, Any]) -> int:
    return sum(len(name.encode()) + _value(value) for name, value in item.items())


def _value(attribute: dict[str, Any]) -> int:
    ((kind, value),) = attribute.items()
    if kind == "S":
        return len(value.encode())
    if kind == "L":
        return 3 + sum(1 + _value(element) for element in value)
    if kind == "M":
        return 3 + sum(len(name.encode()) + 1 + _value(element) for name, element in value.items())
    return len(value) if kind in {"B", "N"} else 1


def make_graph(steps: int, message_bytes: int, state_type: Any = State) -> Any:
    """A graph of one node that appends a message of `message_bytes` and calls itself, `steps` times."""

    def append(_: Any) -> Any:
        return {"messages": ["x" * message_bytes]}

    def go_on(state: Any) -> str:
        return END if len(state["messages"]) >= steps else "append"

    builder = StateGraph(state_type)
    builder.add_node("append", append)
    builder.add_edge(START, "append")
    builder.add_conditional_edges("append", go_on, ["append", END])
    return builder


def drive(
    saver: Any, client: Any, steps: int, message_bytes: int, state_type: Any = State
) -> dict[str, int | str | None]:
    """Run the graph; gives calls, written bytes and write units, how far it came and why no further."""
    meter = Meter(client)
    graph = make_graph(steps, message_bytes, state_type).compile(checkpointer=saver)
    config = {"configurable": {"thread_id": "bench"}, "recursion_limit": steps + 10}
    error: str | None = None
    try:
        graph.invoke({"messages": []}, config, durability="sync")
    except Exception as caught:
        error = f"{type(caught).__name__}: {caught}"[:200]
    snapshot = graph.get_state(config)
    return {
        "calls": len(meter.calls),
        "written_bytes": sum(meter.bytes),
        "write_units": sum(meter.units),
        "steps_reached": len(snapshot.values.get("messages", [])),
        "error": error,
    }


def make_table(client: Any, name: str, keys: tuple[str, str]) -> None:
    """A table with two keys of type string."""
    client.create_table(
        TableName=name,
        KeySchema=[
            {"AttributeName": k, "KeyType": kind} for k, kind in zip(keys, ("HASH", "RANGE"), strict=True)
        ],
        AttributeDefinitions=[{"AttributeName": k, "AttributeType": "S"} for k in keys],
        BillingMode="PAY_PER_REQUEST",
    )


def measured(
    make_saver: Callable[[boto3.session.Session], tuple[Any, Any]],
    steps: int,
    message_bytes: int,
    state_type: Any = State,
) -> dict[str, Any]:
    """Figures of a saver; `make_saver` gives it with its DynamoDB client."""
    with mock_aws():
        session = boto3.session.Session("bench", "bench", region_name="eu-west-1")
        saver, client = make_saver(session)
        return drive(saver, client, steps, message_bytes, state_type)


def _peer(session: boto3.session.Session) -> tuple[Any, Any]:
    from langgraph_checkpoint_aws import DynamoDBSaver

    saver = DynamoDBSaver("peer", session=session)
    make_table(saver.client, "peer", ("PK", "SK"))
    return saver, saver.client


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measured(_peer, int(sys.argv[1]), int(sys.argv[2]))) + "\n")
