import json
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.errors import (
    BundleMismatch,
    CheckpointBlobLost,
    CheckpointError,
    CheckpointSchemaUnknown,
    CheckpointUnavailable,
    IdempotencyMismatch,
    LeaseLost,
    RunInProgress,
)
from agent_runtime.ids import is_run_id, new_run_id, run_id_for_key
from agent_runtime.records import Lease, OpenedRun, Path, RunStatus, StepState, Usage

RUN = "0" * 32


def begin(store: CheckpointStore, **changes: Any) -> OpenedRun:
    asked: dict[str, Any] = {
        "run_id": RUN,
        "tenant": "acme",
        "input": {"question": "why?"},
        "bundle_id": "b1",
        "lease_seconds": 30.0,
    }
    return store.open_run(**(asked | changes))


def lease_of(opened: OpenedRun) -> Lease:
    assert opened.lease is not None
    return opened.lease


def done(opened: OpenedRun) -> list[Path]:
    return [path for path, step in opened.recorded.items() if step.state is StepState.DONE]


def test_a_new_run_is_one_write(aws: Any, faulty: Any) -> None:
    opened = begin(aws.store(faulty))
    assert lease_of(opened).epoch == 1
    assert faulty.calls == {"put_item": 1}


def test_a_step_is_one_write_that_holds_only_what_it_added(aws: Any, faulty: Any) -> None:
    store = aws.store(faulty)
    lease = lease_of(begin(store))
    faulty.calls.clear()
    store.steps.save(lease, (1,), "find", '["a"]')
    store.steps.save(lease, (2,), "read", '["b"]')
    assert faulty.calls == {"put_item": 2}
    first, second = aws.steps(RUN)
    assert (first["name"], first["result"]) == ({"S": "find"}, {"S": '["a"]'})
    assert "input" not in second
    assert '"a"' not in json.dumps(second)


def test_a_run_that_is_worked_on_is_not_begun_again(aws: Any) -> None:
    begin(aws.store())
    aws.clock.now += 12
    with pytest.raises(RunInProgress) as error:
        begin(aws.store())
    assert error.value.retry_after_seconds == 18


def test_of_two_that_begin_together_one_wins(aws: Any, faulty: Any) -> None:
    winners: list[OpenedRun] = []
    faulty.before["put_item"] = lambda _: winners.append(begin(aws.store())) if not winners else None
    with pytest.raises(RunInProgress):
        begin(aws.store(faulty))
    assert len(winners) == 1


def test_the_same_key_with_another_input_is_refused(aws: Any) -> None:
    store = aws.store()
    store.leased.finish(lease_of(begin(store)), RunStatus.DONE, output={"a": 1})
    with pytest.raises(IdempotencyMismatch):
        begin(store, input={"question": "what?"})


def test_the_order_of_the_inputs_fields_makes_no_other_input(aws: Any) -> None:
    store = aws.store()
    store.leased.finish(lease_of(begin(store, input={"a": 1, "b": 2})), RunStatus.DONE, output={"c": 3})
    assert begin(store, input={"b": 2, "a": 1}).record.output == {"c": 3}


def test_a_finished_run_gives_its_stored_result_even_to_another_bundle(aws: Any, faulty: Any) -> None:
    store = aws.store(faulty)
    usage = Usage(10, 2, 0.5, 1)
    store.leased.finish(
        lease_of(begin(store)), RunStatus.DONE, output={"a": 1.5}, steps=("find",), usage=usage
    )
    faulty.calls.clear()
    again = begin(store, bundle_id="b2")
    assert again.lease is None
    assert (again.record.output, again.record.steps, again.record.usage) == ({"a": 1.5}, ("find",), usage)
    assert faulty.calls == {"put_item": 1}


def test_a_run_whose_worker_died_goes_on_after_its_last_step(aws: Any, faulty: Any) -> None:
    store = aws.store(faulty)
    lease = lease_of(begin(store))
    store.steps.save(lease, (1,), "find", "1")
    store.steps.save(lease, (2,), "read", "2", Usage(5, 5, 0.1, 1))
    aws.clock.now += 31
    faulty.calls.clear()
    resumed = begin(store)
    assert lease_of(resumed).epoch == 2
    assert [(s.path, s.name, store.steps.load(s)) for s in resumed.recorded.values() if s.name] == [
        ((1,), "find", "1"),
        ((2,), "read", "2"),
    ]
    assert resumed.recorded[(2,)].usage == Usage(5, 5, 0.1, 1)
    assert faulty.calls["query"] == 1


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.PARKED])
def test_a_run_that_stopped_goes_on_at_once(aws: Any, status: RunStatus) -> None:
    store = aws.store()
    lease = lease_of(begin(store))
    store.steps.save(lease, (1,), "find", "1")
    store.leased.finish(lease, status, error="because")
    resumed = begin(store)
    assert resumed.record.status == RunStatus.RUNNING
    assert done(resumed) == [(1,)]


def test_a_worker_that_lost_its_lease_writes_nothing_more(aws: Any) -> None:
    store = aws.store()
    stale = lease_of(begin(store))
    store.steps.save(stale, (1,), "find", "1")
    aws.clock.now += 31
    winner = lease_of(begin(store))
    before = aws.items()
    with pytest.raises(LeaseLost):
        store.steps.save(stale, (2,), "read", '"stale"')
    with pytest.raises(LeaseLost):
        store.leased.finish(stale, RunStatus.DONE, output={"stale": True})
    with pytest.raises(LeaseLost):
        store.leased.extend_lease(stale, 60)
    assert aws.items() == before
    store.steps.save(winner, (2,), "read", '"new"')
    with pytest.raises(LeaseLost):
        store.steps.save(stale, (2,), "read", '"stale"')
    assert aws.steps(RUN)[1]["result"] == {"S": '"new"'}


def test_a_step_committed_during_the_take_over_is_kept_and_not_done_again(aws: Any, faulty: Any) -> None:
    store = aws.store()
    stale = lease_of(begin(store))
    aws.clock.now += 31

    def commit_late(request: dict[str, Any]) -> None:
        if request["Item"]["sk"]["S"] == "step#000001" and not aws.steps(RUN):
            store.steps.save(stale, (1,), "find", '"late"')

    faulty.before["put_item"] = commit_late
    resumed = begin(aws.store(faulty))
    assert store.steps.load(resumed.recorded[(1,)]) == '"late"'
    with pytest.raises(LeaseLost):
        store.steps.save(stale, (2,), "read", "2")


def test_of_two_that_take_over_together_one_wins(aws: Any, faulty: Any) -> None:
    begin(aws.store())
    aws.clock.now += 31
    faster: list[OpenedRun] = []
    faulty.before["update_item"] = lambda _: faster.append(begin(aws.store())) if not faster else None
    with pytest.raises(RunInProgress):
        begin(aws.store(faulty))
    assert lease_of(faster[0]).epoch == 2


@pytest.mark.parametrize("operation", ["begin", "take_over", "step", "finish"])
def test_a_write_whose_answer_was_lost_is_a_success_and_no_duplicate(
    aws: Any, faulty: Any, operation: str
) -> None:
    store = aws.store(faulty)
    if operation == "begin":
        faulty.lost["put_item"] = 1
    lease = lease_of(begin(store))
    if operation == "take_over":
        aws.clock.now += 31
        faulty.lost.update({"update_item": 1, "query": 1, "put_item": 1})
        lease = lease_of(begin(store))
        assert lease.epoch == 2
    if operation == "step":
        faulty.lost["put_item"] = 2
    store.steps.save(lease, (1,), "find", "1")
    if operation == "finish":
        faulty.lost["update_item"] = 1
    store.leased.finish(lease, RunStatus.DONE, output={"a": 1}, steps=("find",))
    assert begin(store).record.output == {"a": 1}
    assert len(aws.steps(RUN)) == 1


def test_a_table_that_never_answers_is_a_clear_error(aws: Any, faulty: Any) -> None:
    def never(_: dict[str, Any]) -> None:
        raise ReadTimeoutError(endpoint_url="http://127.0.0.1")

    faulty.before["put_item"] = never
    with pytest.raises(CheckpointUnavailable, match="does not answer"):
        begin(aws.store(faulty))
    assert faulty.calls["put_item"] == 3


def test_a_table_that_refuses_is_a_clear_error(aws: Any) -> None:
    aws.dynamodb.delete_table(TableName="checkpoints")
    with pytest.raises(CheckpointUnavailable, match="refused: ResourceNotFoundException"):
        begin(aws.store())


@pytest.mark.parametrize("skew", [-600.0, 600.0])
def test_a_clock_ten_minutes_off_can_take_over_early_but_never_commit_a_step_twice(
    aws: Any, skew: float
) -> None:
    store, skewed = aws.store(), aws.store(clock=aws.clock.skewed(skew))
    lease = lease_of(begin(store))
    store.steps.save(lease, (1,), "find", "1")
    try:
        other = begin(skewed)
    except RunInProgress:
        assert skew < 0
        store.steps.save(lease, (2,), "read", "2")
        return
    assert skew > 0
    assert done(other) == [(1,)]
    with pytest.raises(LeaseLost):
        store.steps.save(lease, (2,), "read", "2")
    skewed.steps.save(lease_of(other), (2,), "read", "2")


def test_a_host_without_time_left_still_sets_a_lease_that_ends(aws: Any) -> None:
    begin(aws.store(), lease_seconds=0.0)
    with pytest.raises(RunInProgress):
        begin(aws.store(), lease_seconds=0.0)
    aws.clock.now += 1
    assert lease_of(begin(aws.store())).epoch == 2


def test_a_lease_can_be_kept(aws: Any) -> None:
    store = aws.store()
    lease = lease_of(begin(store))
    aws.clock.now += 20
    store.leased.extend_lease(lease, 30)
    aws.clock.now += 20
    with pytest.raises(RunInProgress):
        begin(store)


def test_reads_see_every_write_that_came_before(aws: Any, faulty: Any) -> None:
    read: list[bool] = []
    for operation in ("get_item", "query"):
        faulty.before[operation] = lambda request: read.append(request["ConsistentRead"])
    begin(aws.store())
    aws.clock.now += 31
    begin(aws.store(faulty))
    aws.store(faulty).get_run("acme", RUN)
    assert read == [True, True]


def test_a_large_result_goes_to_s3_with_its_hash(aws: Any) -> None:
    store = aws.store()
    large = json.dumps("é" * 300_000)
    lease = lease_of(begin(store, input="x" * 400_000))
    store.steps.save(lease, (1,), "read", large)
    store.leased.finish(lease, RunStatus.PARKED, output="y" * 300_000)
    resumed = begin(store, input="x" * 400_000)
    assert resumed.record.input == "x" * 400_000
    assert store.steps.load(resumed.recorded[(1,)]) == large
    keys = [found["Key"] for found in aws.s3.list_objects_v2(Bucket="checkpoint-blobs")["Contents"]]
    assert len(keys) == 3
    assert all(key.startswith(f"answers/acme/{RUN}/") for key in keys)


def test_a_result_of_exactly_350_kb_stays_in_the_item(aws: Any) -> None:
    store = aws.store()
    store.steps.save(lease_of(begin(store)), (1,), "read", json.dumps("x" * (350 * 1024 - 2)))
    assert "Contents" not in aws.s3.list_objects_v2(Bucket="checkpoint-blobs")


@pytest.mark.parametrize(("harm", "said"), [("delete", "is not in"), ("alter", "SHA-256 differs")])
def test_a_missing_or_altered_blob_is_a_clear_error(aws: Any, harm: str, said: str) -> None:
    store = aws.store(inline_bytes=10)
    step = store.steps.save(lease_of(begin(store, input=1)), (1,), "read", '"more than ten bytes"')
    key = json.loads(step.result_blob or "")["key"]
    if harm == "delete":
        aws.s3.delete_object(Bucket="checkpoint-blobs", Key=key)
    else:
        aws.s3.put_object(Bucket="checkpoint-blobs", Key=key, Body=b'"other"')
    with pytest.raises(CheckpointBlobLost, match=said):
        store.steps.load(step)


def set_attribute(aws: Any, sort_key: str, name: str, value: dict[str, str]) -> None:
    aws.dynamodb.update_item(
        TableName="checkpoints",
        Key={"pk": {"S": f"answers#acme#{RUN}"}, "sk": {"S": sort_key}},
        UpdateExpression="SET #name = :value",
        ExpressionAttributeNames={"#name": name},
        ExpressionAttributeValues={":value": value},
    )


@pytest.mark.parametrize("version", ["0", "2", "99"])
@pytest.mark.parametrize("sort_key", ["run", "step#000001"])
def test_an_item_of_another_schema_is_never_read(aws: Any, version: str, sort_key: str) -> None:
    store = aws.store()
    lease = lease_of(begin(store))
    store.steps.save(lease, (1,), "find", "1")
    aws.clock.now += 31
    set_attribute(aws, sort_key, "schema_version", {"N": version})
    with pytest.raises(CheckpointSchemaUnknown, match=f"schema version {version}, known is 1"):
        begin(store)
    if sort_key == "run":
        with pytest.raises(CheckpointSchemaUnknown):
            store.get_run("acme", RUN)


def test_a_run_begun_by_another_bundle_is_not_gone_on_with(aws: Any) -> None:
    begin(aws.store())
    aws.clock.now += 31
    before = aws.items()
    with pytest.raises(BundleMismatch, match="begun by bundle b1, this is b2"):
        begin(aws.store(), bundle_id="b2")
    assert aws.items() == before


def test_a_gap_between_steps_is_an_error_and_not_a_skipped_step(aws: Any) -> None:
    store = aws.store()
    lease = lease_of(begin(store))
    for sequence in (1, 2, 3):
        store.steps.save(lease, (sequence,), "s", "1")
    aws.dynamodb.delete_item(
        TableName="checkpoints", Key={"pk": {"S": f"answers#acme#{RUN}"}, "sk": {"S": "step#000002"}}
    )
    aws.clock.now += 31
    with pytest.raises(CheckpointError, match=r"have a gap: \[1, 3\]"):
        begin(store)


def test_an_expired_run_is_absent_before_dynamodb_deletes_it(aws: Any) -> None:
    store = aws.store()
    lease = lease_of(begin(store))
    store.steps.save(lease, (1,), "find", '"old"')
    store.leased.finish(lease, RunStatus.DONE, output={"old": True})
    aws.clock.now += 30 * 86_400
    assert store.get_run("acme", RUN) is None
    again = begin(store, input="another")
    assert (lease_of(again).epoch, again.recorded) == (1, {})
    store.steps.save(lease_of(again), (1,), "find", '"new"')
    with pytest.raises(LeaseLost):
        store.steps.save(lease, (1,), "find", '"old"')
    aws.clock.now += 31
    assert store.steps.load(begin(store, input="another").recorded[(1,)]) == '"new"'


def test_every_item_of_a_run_expires_at_the_same_second(aws: Any) -> None:
    store = aws.store()
    lease = lease_of(begin(store))
    aws.clock.now += 20
    store.steps.save(lease, (1,), "find", "1")
    aws.clock.now += 20
    begin(store)
    assert {item["expires_at"]["N"] for item in aws.items()} == {str(1_800_000_000 + 30 * 86_400)}


def test_a_run_is_found_by_its_own_tenant_alone(aws: Any) -> None:
    begin(aws.store())
    assert aws.store().get_run("acme", RUN) is not None
    assert aws.store().get_run("other", RUN) is None


@pytest.mark.parametrize("tenant", ["", "a#b", "a\nb", "x" * 257])
def test_a_tenant_that_could_reach_anothers_keys_is_refused(aws: Any, tenant: str) -> None:
    with pytest.raises(CheckpointError, match="tenant must be"):
        begin(aws.store(), tenant=tenant)


def test_run_ids_sort_by_time_and_repeat_for_a_key() -> None:
    assert new_run_id(1_000.0) < new_run_id(1_000.002) < new_run_id(2_000_000_000.0)
    assert run_id_for_key("a", "t", "k") == run_id_for_key("a", "t", "k")
    assert len({run_id_for_key(*parts) for parts in (("a", "t", "k"), ("at", "", "k"), ("a", "u", "k"))}) == 3
    assert is_run_id(new_run_id())
    assert not is_run_id(new_run_id() + "\n")
