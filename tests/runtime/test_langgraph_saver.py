import subprocess
import sys
from typing import Any

import pytest
from langgraph.checkpoint.serde.types import INTERRUPT

from agent_runtime.errors import CheckpointBlobLost, CheckpointError
from tests.runtime.langgraph_world import Writer, config_of, make_saver, values_of


def test_a_value_over_the_limit_lies_in_s3_and_comes_back(aws: Any) -> None:
    saver = make_saver(aws)
    page = {"text": "x" * 500_000}
    config = Writer(saver).put(page=page)
    saver.put_writes(config, [("page", page), ("small", 1)], "task")
    found = make_saver(aws).get_tuple(config_of())
    assert found is not None
    assert found.checkpoint["channel_values"] == {"page": page}
    assert found.pending_writes == [("task", "page", page), ("task", "small", 1)]
    keys = [item["Key"] for item in aws.s3.list_objects_v2(Bucket="checkpoint-blobs")["Contents"]]
    assert len(keys) == 2
    assert all(key.startswith("answers/acme/threads/t/") for key in keys)


def test_a_large_value_that_was_altered_is_not_used(aws: Any) -> None:
    saver = make_saver(aws, inline_bytes=100)
    Writer(saver).put(page={"text": "x" * 2_000})
    for item in aws.s3.list_objects_v2(Bucket="checkpoint-blobs")["Contents"]:
        aws.s3.put_object(Bucket="checkpoint-blobs", Key=item["Key"], Body=b'"AAAA"')
    with pytest.raises(CheckpointBlobLost, match="SHA-256"):
        make_saver(aws, inline_bytes=100).get_tuple(config_of())


def test_a_value_that_is_gone_is_an_error_and_not_an_empty_channel(aws: Any) -> None:
    Writer(make_saver(aws)).put(page={"text": "x"})
    (key,) = [{k: i[k] for k in ("pk", "sk")} for i in aws.items() if i["sk"]["S"].startswith("value#")]
    aws.dynamodb.delete_item(TableName="checkpoints", Key=key)
    with pytest.raises(CheckpointBlobLost, match="page"):
        make_saver(aws).get_tuple(config_of())


def test_the_first_write_of_a_task_stays_and_its_last_interrupt_counts(aws: Any) -> None:
    saver = make_saver(aws)
    config = Writer(saver).put(count=1)
    for number in range(2):
        saver.put_writes(config, [("channel", number)], "task")
        saver.put_writes(config, [(INTERRUPT, number)], "task")
    found = saver.get_tuple(config)
    assert found is not None
    assert found.pending_writes == [("task", INTERRUPT, 1), ("task", "channel", 0)]


def test_a_list_that_only_grows_is_written_as_what_it_gained(aws: Any) -> None:
    writer = Writer(make_saver(aws))
    for number in range(1, 8):
        writer.put(messages=[f"message {n}" for n in range(number)])
    second = Writer(make_saver(aws), config_of())
    second.versions, second.values = writer.versions, values_of(second.saver)
    assert second.values["messages"] == [f"message {n}" for n in range(7)]
    second.put(messages=[*second.values["messages"], "message 7"])
    parts = [item for item in aws.items() if item["sk"]["S"].startswith("value##messages")]
    assert [item["value"]["B"].count(b"message") for item in parts] == [1] * 8
    assert values_of(make_saver(aws))["messages"] == [f"message {n}" for n in range(8)]


def test_every_version_of_a_list_can_be_read_and_costs_one_query_for_all(aws: Any, faulty: Any) -> None:
    writer = Writer(make_saver(aws, client=faulty))
    for number in range(1, 8):
        writer.put(messages=list(range(number)), other=["same"])
    writer.put(messages=[0, 2])
    faulty.calls.clear()
    lengths = [
        len(found.checkpoint["channel_values"]["messages"]) for found in writer.saver.list(config_of())
    ]
    assert lengths == [2, 7, 6, 5, 4, 3, 2, 1]
    assert faulty.calls == {"query": 3, "batch_get_item": 1}


def test_branches_of_a_fork_keep_their_own_lists(aws: Any) -> None:
    writer = Writer(make_saver(aws))
    base = writer.put(messages=["a"])
    left = writer.put(messages=["a", "left"])
    fork = Writer(writer.saver, base)
    fork.versions = {"messages": writer.versions["messages"]}
    right = fork.put(messages=["a", "left", "or right"])
    assert values_of(writer.saver, left)["messages"] == ["a", "left"]
    assert values_of(writer.saver, right)["messages"] == ["a", "left", "or right"]
    assert values_of(writer.saver, base)["messages"] == ["a"]


def test_a_history_is_found_past_a_clock_that_went_back(aws: Any) -> None:
    saver = make_saver(aws)
    ids = ["1f000000-0000-6000-8000-00000000000" + digit for digit in "2435"]
    config = config_of()
    for number, checkpoint_id in enumerate(ids):
        writer = Writer(saver, config)
        config = writer.put(count=number)
        item = next(
            i for i in aws.items() if i["sk"]["S"] == f"state##{config['configurable']['checkpoint_id']}"
        )
        assert item
        aws.dynamodb.delete_item(TableName="checkpoints", Key={k: item[k] for k in ("pk", "sk")})
        tuple_id = {"id": checkpoint_id, "channel_values": {}, "channel_versions": {}, "versions_seen": {}}
        parent = config_of(checkpoint_id=ids[number - 1]) if number else config_of()
        config = saver.put(parent, {"v": 4, "ts": "", "updated_channels": None, **tuple_id}, {}, {})  # type: ignore[typeddict-item]
        saver.put_writes(config, [("log", number)], "task")
    found = saver.get_delta_channel_history(config=config, channels=["log"])
    assert [value for _, _, value in found["log"]["writes"]] == [0, 1, 2]


def test_two_hundred_writes_of_one_task_are_one_call(aws: Any, faulty: Any) -> None:
    saver = make_saver(aws, client=faulty)
    config = Writer(saver).put(count=1)
    writes = [("channel", number) for number in range(200)]
    faulty.calls.clear()
    saver.put_writes(config, writes, "task", "path")
    assert faulty.calls == {"transact_write_items": 1}
    found = saver.get_tuple(config)
    assert found is not None
    assert found.pending_writes == [("task", *write) for write in writes]


def test_a_step_larger_than_a_transaction_is_saved(aws: Any, faulty: Any) -> None:
    writer = Writer(make_saver(aws, client=faulty))
    values = {f"page-{number}": {"text": "x" * 340_000} for number in range(14)}
    writer.put(**values)
    assert faulty.calls["transact_write_items"] == 2
    assert values_of(make_saver(aws)) == values


def test_an_answer_lost_on_the_way_is_written_once(aws: Any, faulty: Any) -> None:
    writer = Writer(make_saver(aws, client=faulty))
    faulty.lost["transact_write_items"] = faulty.lost["update_item"] = 1
    config = writer.put(messages=["a"])
    writer.saver.put_writes(config, [("channel", 1)], "task")
    found = make_saver(aws).get_tuple(config_of())
    assert found is not None
    assert found.pending_writes == [("task", "channel", 1)]
    assert len(list(writer.saver.list(config_of()))) == 1


@pytest.mark.parametrize("thread_id", ["a#b", "ü" * 200, "a" * 3_000, "", "~", "a$b"])
def test_no_name_leaves_the_partitions_of_its_agent(thread_id: str, aws: Any) -> None:
    saver = make_saver(aws)
    writer = Writer(saver, {"configurable": {"thread_id": thread_id, "checkpoint_ns": "n#s"}})
    config = writer.put({"run_id": "r#1"}, **{"chan#nel": ["a"]})
    saver.put_writes(config, [("chan#nel", "b")], "task#1")
    found = saver.get_tuple({"configurable": {"thread_id": thread_id, "checkpoint_ns": "n#s"}})
    assert found is not None
    assert found.checkpoint["channel_values"] == {"chan#nel": ["a"]}
    assert found.pending_writes == [("task#1", "chan#nel", "b")]
    assert {tuple(item["pk"]["S"].split("#")[:2]) for item in aws.items()} == {("answers", "acme")}
    assert {item["pk"]["S"].count("#") for item in aws.items()} == {2}


def test_an_agent_or_tenant_with_a_hash_is_refused(aws: Any) -> None:
    with pytest.raises(CheckpointError, match="tenant"):
        make_saver(aws, tenant="acme#thread")


def test_a_list_without_a_thread_is_refused(aws: Any) -> None:
    with pytest.raises(CheckpointError, match="thread_id"):
        list(make_saver(aws).list(None))


def test_without_the_extra_the_import_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['langgraph'] = None\n"
        "import agent_runtime\n"
        "try:\n    import agent_runtime.integrations.langgraph\n"
        "except ImportError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "agent-hosting[langgraph]" in done.stdout, done.stderr
