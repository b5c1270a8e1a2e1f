import asyncio
import operator
from typing import Annotated, Any, TypedDict

import pytest
from langgraph.channels.delta import DeltaChannel
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, interrupt

from agent_runtime.blobs import BlobStore
from agent_runtime.integrations.langgraph import DynamoCheckpointSaver
from tests.bench.langgraph_peer import our_figures
from tests.bench.peer_programs.langgraph_aws import Meter, make_graph

CONFIG: Any = {"configurable": {"thread_id": "t"}, "recursion_limit": 300}


def fold(state: list[str], writes: list[list[str]]) -> list[str]:
    return [*state, *(text for write in writes for text in write)]


class Plain(TypedDict):
    messages: Annotated[list[str], operator.add]


class Delta(TypedDict):
    messages: Annotated[list[str], DeltaChannel(fold, snapshot_frequency=1_000)]


class FrequentSnapshots(TypedDict):
    messages: Annotated[list[str], DeltaChannel(fold, snapshot_frequency=3)]


STATES = pytest.mark.parametrize("state_type", [Plain, Delta, FrequentSnapshots])


def make_saver(aws: Any, epoch: int) -> DynamoCheckpointSaver:
    blobs = BlobStore(aws.s3, "checkpoint-blobs")
    return DynamoCheckpointSaver(
        aws.dynamodb, "checkpoints", blobs, agent="answers", tenant="acme", epoch=epoch
    )


def review_graph(state_type: Any, calls: list[str]) -> Any:
    def draft(_: Any) -> Any:
        calls.append("draft")
        return {"messages": ["draft"]}

    def ask(_: Any) -> Any:
        return {"messages": [interrupt("good?")]}

    def publish(state: Any) -> Any:
        calls.append("publish")
        return {"messages": [f"published after {len(state['messages'])}"]}

    builder = StateGraph(state_type)
    for node in (draft, ask, publish):
        builder.add_node(node.__name__, node)
    for one, next_one in ((START, "draft"), ("draft", "ask"), ("ask", "publish"), ("publish", END)):
        builder.add_edge(one, next_one)
    return builder


@STATES
@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_a_graph_interrupted_by_one_worker_is_resumed_by_another(
    state_type: Any, durability: Any, aws: Any
) -> None:
    calls: list[str] = []
    builder = review_graph(state_type, calls)
    first = builder.compile(checkpointer=make_saver(aws, 1))
    stopped = first.invoke({"messages": ["go"]}, CONFIG, durability=durability)
    assert stopped["__interrupt__"][0].value == "good?"
    second = builder.compile(checkpointer=make_saver(aws, 2))
    assert second.get_state(CONFIG).next == ("ask",)
    done = second.invoke(Command(resume="yes"), CONFIG, durability=durability)
    expected = ["go", "draft", "yes", "published after 3"]
    assert done["messages"] == expected
    assert calls == ["draft", "publish"]
    third = builder.compile(checkpointer=make_saver(aws, 3))
    assert third.get_state(CONFIG).values["messages"] == expected
    again = third.invoke({"messages": ["more"]}, CONFIG, durability=durability)
    assert again["messages"][: len(expected) + 1] == [*expected, "more"]


@STATES
def test_a_graph_goes_on_from_an_earlier_checkpoint(state_type: Any, aws: Any) -> None:
    graph = make_graph(5, 3, state_type).compile(checkpointer=make_saver(aws, 1))
    graph.invoke({"messages": []}, CONFIG, durability="sync")
    history = list(graph.get_state_history(CONFIG))
    lengths = [len(snapshot.values.get("messages", [])) for snapshot in history]
    assert lengths == [5, 4, 3, 2, 1, 0, 0]
    forked = graph.update_state(history[3].config, {"messages": ["other"]}, as_node="append")
    done = graph.invoke(None, forked, durability="sync")
    assert done["messages"] == ["xxx", "xxx", "other", "xxx", "xxx"]
    fresh = make_graph(5, 3, state_type).compile(checkpointer=make_saver(aws, 2))
    assert fresh.get_state(history[0].config).values["messages"] == ["xxx"] * 5
    assert fresh.get_state(CONFIG).values["messages"] == done["messages"]


@STATES
def test_parallel_tasks_are_saved_and_a_failed_one_alone_is_done_again(state_type: Any, aws: Any) -> None:
    fails, done = {"3"}, list[str]()

    def work(text: str) -> Any:
        if text in fails:
            raise ValueError(text)
        done.append(text)
        return {"messages": [text]}

    builder = StateGraph(state_type)
    builder.add_node("work", work)
    builder.add_conditional_edges(START, lambda _: [Send("work", str(n)) for n in range(6)], ["work"])
    builder.add_edge("work", END)
    with pytest.raises(ValueError, match="3"):
        builder.compile(checkpointer=make_saver(aws, 1)).invoke(
            {"messages": ["go"]}, {**CONFIG, "max_concurrency": 1}, durability="sync"
        )
    before = len(done)
    fails.clear()
    graph = builder.compile(checkpointer=make_saver(aws, 2))
    result = graph.invoke(None, CONFIG, durability="sync")
    assert result["messages"] == ["go", *map(str, range(6))]
    assert sorted(done) == sorted(map(str, range(6)))
    assert before >= 3
    assert (
        builder.compile(checkpointer=make_saver(aws, 3)).get_state(CONFIG).values["messages"]
        == result["messages"]
    )


def test_an_async_graph_runs_on_the_same_saver(aws: Any) -> None:
    async def run() -> Any:
        graph = make_graph(4, 3, Delta).compile(checkpointer=make_saver(aws, 1))
        await graph.ainvoke({"messages": []}, CONFIG, durability="sync")
        return await graph.aget_state(CONFIG), [s async for s in graph.aget_state_history(CONFIG, limit=2)]

    state, history = asyncio.run(run())
    assert state.values["messages"] == ["xxx"] * 4
    assert len(history) == 2


@pytest.mark.parametrize("state_type", [Plain, Delta])
def test_what_a_step_writes_does_not_grow_with_the_steps_before_it(state_type: Any, aws: Any) -> None:
    meter = Meter(aws.dynamodb)
    graph = make_graph(101, 400, state_type).compile(checkpointer=make_saver(aws, 1))
    graph.invoke({"messages": []}, CONFIG, durability="sync")
    written = [size for size in meter.bytes if size]
    first_ten, last_ten = sum(written[4:24]), sum(written[-22:-2])
    assert last_ten <= 1.1 * first_ten
    assert last_ten < 10 * 2_200


def test_a_step_with_a_fence_costs_two_calls_and_ten_write_units() -> None:
    short, long = our_figures(10), our_figures(40)
    assert long["error"] is None
    assert (long["calls"] - short["calls"]) / 30 == 2
    assert (long["write_units"] - short["write_units"]) / 30 == 10


def test_resuming_reads_with_one_query_for_the_state_and_one_for_a_list(aws: Any, faulty: Any) -> None:
    make_graph(30, 400).compile(checkpointer=make_saver(aws, 1)).invoke(
        {"messages": []}, CONFIG, durability="sync"
    )
    blobs = BlobStore(aws.s3, "checkpoint-blobs")
    reader = DynamoCheckpointSaver(faulty, "checkpoints", blobs, agent="answers", tenant="acme")
    assert reader.get_tuple({"configurable": {"thread_id": "t", "checkpoint_ns": ""}}) is not None
    assert faulty.calls == {"query": 2, "batch_get_item": 1}


def test_the_history_of_a_delta_channel_is_one_query(aws: Any, faulty: Any) -> None:
    make_graph(40, 400, Delta).compile(checkpointer=make_saver(aws, 1)).invoke(
        {"messages": []}, CONFIG, durability="sync"
    )
    blobs = BlobStore(aws.s3, "checkpoint-blobs")
    reader = DynamoCheckpointSaver(faulty, "checkpoints", blobs, agent="answers", tenant="acme")
    config: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
    found = reader.get_delta_channel_history(config=config, channels=["messages"])
    assert len(found["messages"]["writes"]) == 41
    assert faulty.calls == {"query": 1}
