from typing import Any

from tests.runtime.langgraph_world import DAY, Writer, config_of, make_saver, values_of


def test_a_thread_that_is_not_used_for_its_retention_is_absent(aws: Any) -> None:
    saver = make_saver(aws, retention_days=2)
    Writer(saver).put(page={"text": "x"})
    aws.clock.now += 2 * DAY - 1
    assert len(list(saver.list(config_of()))) == 1
    aws.clock.now += 1
    assert saver.get_tuple(config_of()) is None
    assert list(saver.list(config_of())) == []


def test_a_thread_in_use_keeps_what_was_written_long_ago(aws: Any) -> None:
    large = {"text": "x" * 2_000}
    writer = Writer(make_saver(aws, retention_days=8, inline_bytes=1_000))
    writer.put(profile={"name": "Ada"}, page=large, messages=["a"])
    writer.put(messages=["a", "b"])
    written = aws.items()
    for _ in range(6):
        aws.clock.now += 7 * DAY
        assert values_of(writer.saver)["profile"] == {"name": "Ada"}
        writer.put(count=1)
    assert values_of(make_saver(aws, retention_days=8)) == {
        "profile": {"name": "Ada"},
        "page": large,
        "messages": ["a", "b"],
        "count": 1,
    }
    assert all(int(item["expires_at"]["N"]) < aws.clock.now for item in written)


def test_the_writes_behind_a_delta_channel_live_as_long_as_the_thread(aws: Any) -> None:
    writer = Writer(make_saver(aws, retention_days=8))
    for number in range(6):
        writer.saver.put_writes(writer.put(count=number), [("log", [number])], f"task-{number}")
        aws.clock.now += 7 * DAY
        newest = writer.saver.get_tuple(config_of())
        assert newest is not None
        found = writer.saver.get_delta_channel_history(config=newest.config, channels=["log"])
        assert [value for _, _, value in found["log"]["writes"]] == [[n] for n in range(number)]


def test_objects_in_s3_are_written_anew_before_their_bucket_expires_them(aws: Any, faulty: Any) -> None:
    s3 = type(faulty)(aws.s3)
    writer = Writer(make_saver(aws, retention_days=8, inline_bytes=400, s3=s3))
    config = writer.put({"note": "x" * 2_000}, page={"text": "x" * 2_000})
    writer.saver.put_writes(config, [("log", "x" * 2_000)], "task")
    assert s3.calls == {"put_object": 3}
    aws.clock.now += 7 * DAY
    assert values_of(writer.saver) == writer.values
    assert s3.calls["put_object"] == 6
    assert aws.s3.list_objects_v2(Bucket="checkpoint-blobs")["KeyCount"] == 3


def test_an_item_past_its_time_is_absent_though_dynamodb_has_not_deleted_it(aws: Any) -> None:
    writer = Writer(make_saver(aws, retention_days=8))
    config = writer.put(count=1)
    aws.clock.now -= 5 * DAY
    writer.saver.put_writes(config, [("log", 1)], "task")
    aws.clock.now += 5 * DAY
    found = next(writer.saver.list(config_of()))
    assert found.pending_writes == [("task", "log", 1)]
    aws.clock.now += 5 * DAY
    found = next(writer.saver.list(config_of()))
    assert found.pending_writes == []


def test_a_thread_deleted_by_another_begins_anew(aws: Any) -> None:
    writer = Writer(make_saver(aws))
    writer.put(messages=["hello"])
    make_saver(aws).delete_thread("t")
    assert writer.saver.get_tuple(config_of()) is None
    again = Writer(writer.saver)
    again.put(count=1)
    again.put(messages=["hello", "again"])
    assert values_of(make_saver(aws))["messages"] == ["hello", "again"]


def test_pruning_keeps_what_the_newest_checkpoint_needs_and_no_more(aws: Any) -> None:
    writer = Writer(make_saver(aws))
    for number in range(4):
        config = writer.put(messages=["a"] * number, page={"number": number}, title={"t": "same"})
        writer.saver.put_writes(config, [("x", 1)], "task")
    writer.saver.prune(["t"])
    kinds = sorted(item["sk"]["S"].split("#")[0] + str(item["sk"]["S"].count("#")) for item in aws.items())
    assert kinds == ["state2", "state4", "value3", "value3", "value3", "value3", "value3", "value3"]
    assert values_of(make_saver(aws)) == writer.values


def test_pruning_keeps_the_steps_that_a_delta_channel_is_rebuilt_from(aws: Any) -> None:
    writer = Writer(make_saver(aws))
    for number in range(4):
        counters = {"counters_since_delta_snapshot": {"log": [number, number]}} if number else {}
        config = writer.put({"step": number, **counters}, **({"log": ["seed"]} if number == 1 else {}))
        writer.values.pop("log", None)
        writer.saver.put_writes(config, [("log", [number])], "task")
    before = writer.saver.get_delta_channel_history(config=config_of(), channels=["log"])
    writer.saver.prune(["t"])
    assert len(list(writer.saver.list(config_of()))) == 3
    assert writer.saver.get_delta_channel_history(config=config_of(), channels=["log"]) == before
    assert before["log"].get("seed") == ["seed"]
    assert [value for _, _, value in before["log"]["writes"]] == [[1], [2]]


def test_runs_are_deleted_in_a_copied_thread_too(aws: Any) -> None:
    writer = Writer(make_saver(aws))
    writer.put({"run_id": "one"}, messages=["a"])
    writer.put({"run_id": "two"}, messages=["a", "b"])
    writer.saver.copy_thread("t", "copy")
    writer.saver.delete_for_runs(["one"])
    for thread_id in ("t", "copy"):
        (found,) = writer.saver.list(config_of(thread_id))
        assert found.checkpoint["channel_values"]["messages"] == ["a", "b"]
