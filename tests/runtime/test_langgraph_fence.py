import json
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from langgraph.checkpoint.base import empty_checkpoint

from agent_runtime.blobs import BlobStore
from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.errors import CheckpointUnavailable, LeaseLost
from agent_runtime.integrations.langgraph import (
    ACTIONS,
    UPKEEP_ACTIONS,
    DynamoCheckpointSaver,
    checkpointer,
    from_environment,
)

CONFIG: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}


def saver_of(aws: Any, epoch: int, run_id: str = "run", client: Any = None) -> DynamoCheckpointSaver:
    """As a worker makes it that has taken the run in this epoch."""
    run = SimpleNamespace(
        checkpoint_table=CheckpointTable(client or aws.dynamodb, "checkpoints"),
        blobs=BlobStore(aws.s3, "checkpoint-blobs"),
        agent_name="answers",
        tenant="acme",
        run_id=run_id,
        lease=SimpleNamespace(epoch=epoch),
    )
    return checkpointer(run)


def put(saver: DynamoCheckpointSaver) -> Any:
    return saver.put(CONFIG, empty_checkpoint(), {"step": 0}, {})


def test_a_stale_worker_writes_nothing_once_another_has_read_the_thread(aws: Any) -> None:
    stale, taker = saver_of(aws, 1), saver_of(aws, 2)
    config = put(stale)
    assert taker.get_tuple(CONFIG) is not None
    before = aws.items()
    with pytest.raises(LeaseLost):
        put(stale)
    with pytest.raises(LeaseLost):
        stale.put_writes(config, [("channel", 1)], "task")
    assert aws.items() == before
    put(taker)
    taker.put_writes(config, [("channel", 1)], "task")
    assert len(list(taker.list(CONFIG))) == 2


def test_a_stale_worker_that_comes_late_cannot_take_the_thread_back(aws: Any) -> None:
    put(saver_of(aws, 2))
    late = saver_of(aws, 1)
    with pytest.raises(LeaseLost):
        late.get_tuple(CONFIG)
    with pytest.raises(LeaseLost):
        put(late)


def test_a_new_run_of_the_session_takes_the_thread_from_the_one_before(aws: Any) -> None:
    first, second = saver_of(aws, 7, "first"), saver_of(aws, 1, "second")
    put(first)
    assert second.get_tuple(CONFIG) is not None
    put(second)
    with pytest.raises(LeaseLost):
        put(first)


def test_a_stale_worker_cannot_bring_a_deleted_thread_back(aws: Any) -> None:
    stale, taker = saver_of(aws, 1), saver_of(aws, 2)
    put(stale)
    assert taker.get_tuple(CONFIG) is not None
    taker.delete_thread("t")
    with pytest.raises(LeaseLost):
        put(stale)


def test_parallel_tasks_of_one_worker_never_meet_in_a_transaction(aws: Any, faulty: Any) -> None:
    saver = saver_of(aws, 1, client=faulty)
    config = put(saver)
    inside, met = threading.Lock(), threading.Event()

    def enter(_: Any) -> None:
        if not inside.acquire(blocking=False):
            met.set()
            return
        inside.release()

    faulty.before["transact_write_items"] = enter
    with ThreadPoolExecutor(8) as pool:
        tasks = [pool.submit(saver.put_writes, config, [("c", n)], f"task-{n}") for n in range(16)]
        for task in tasks:
            task.result(30)
    found = saver.get_tuple(CONFIG)
    assert found is not None
    assert len(found.pending_writes or []) == 16
    assert not met.is_set()


def cancelled(aws: Any, reason: str) -> Any:
    error = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": [{"Code": reason}]}
    return aws.dynamodb.exceptions.TransactionCanceledException(error, "TransactWriteItems")


def test_a_transaction_that_met_another_is_sent_again(aws: Any, faulty: Any) -> None:
    saver = saver_of(aws, 1, client=faulty)
    errors = [cancelled(aws, "TransactionConflict")]

    def meet(_: Any) -> None:
        if errors:
            raise errors.pop()

    faulty.before["transact_write_items"] = meet
    put(saver)
    assert faulty.calls["transact_write_items"] == 2


def test_a_transaction_that_dynamodb_refuses_is_not_taken_for_a_lost_lease(aws: Any, faulty: Any) -> None:
    def refuse(_: Any) -> None:
        raise cancelled(aws, "ValidationError")

    saver = saver_of(aws, 1, client=faulty)
    faulty.before["transact_write_items"] = refuse
    with pytest.raises(CheckpointUnavailable, match="ValidationError"):
        put(saver)
    assert faulty.calls["transact_write_items"] == 1


def test_a_host_without_a_lease_has_a_saver_from_its_environment(aws: Any) -> None:
    environ = {
        "AGENT_NAME": "answers",
        "AGENT_ENVIRONMENT": "dev",
        "AGENT_CHECKPOINT_TABLE": "checkpoints",
        "AGENT_CHECKPOINT_BUCKET": "checkpoint-blobs",
        "AGENT_CONTROL_TABLE": "control",
    }
    put(saver_of(aws, 1))
    saver = from_environment(environ, tenant="acme", dynamodb=aws.dynamodb, s3=aws.s3)
    assert len(list(saver.list(CONFIG))) == 1


def test_the_actions_that_are_named_are_the_ones_that_are_used(aws: Any) -> None:
    used: set[str] = set()

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        if model.name == "TransactWriteItems":
            kinds = {kind for action in params["TransactItems"] for kind in action}
            used.update({"Put": "PutItem", "Update": "UpdateItem"}.get(kind, f"{kind}Item") for kind in kinds)
        else:
            used.add(model.name)

    events = aws.dynamodb.meta.events
    events.register("provide-client-params.dynamodb", note)
    try:
        saver = saver_of(aws, 1)
        config = saver.put(
            CONFIG,
            {**empty_checkpoint(), "channel_values": {"a": ["x"]}, "channel_versions": {"a": "1"}},
            {"step": 0},
            {"a": "1"},
        )
        saver.put_writes(config, [("a", "y")], "task")
        assert saver.get_tuple(CONFIG) is not None
        saver.get_delta_channel_history(config=config, channels=["a"])
        assert {f"dynamodb:{name}" for name in used} - {"dynamodb:GetItem"} == {
            *ACTIONS,
            "dynamodb:PutItem",
            "dynamodb:Query",
            "dynamodb:UpdateItem",
        }
        used.clear()
        saver.copy_thread("t", "copy")
        saver.prune(["t"])
        saver.delete_for_runs(["run"])
        saver.delete_thread("t")
        assert {f"dynamodb:{name}" for name in used} - {*UPKEEP_ACTIONS} == {"dynamodb:Query"}
    finally:
        events.unregister("provide-client-params.dynamodb", note)
    assert json.dumps(ACTIONS)
