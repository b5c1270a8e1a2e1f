"""Submit and worker, beside bare calls and beside Celery on the same moto server."""

import json
import statistics
import time
import uuid
from collections.abc import Callable
from typing import Any

from agent_runtime.control import ControlReader
from agent_runtime.hosts.queue import senders
from agent_runtime.hosts.submit import SubmitHost
from embedded_aws.toolchain.cache import Say
from tests.bench import celery_peer, our_worker
from tests.bench.peer_venvs import peer_python, visibility_seconds
from tests.bench.rows import paired, row
from tests.faults.world import AGENT, World, made, server

_RUNS = 300
_SUBMITS = 60


def rows(folder: Any, say: Say) -> list[dict[str, Any]]:
    """Rows of submit, throughput and resume. Peers that cannot be had are left out, and `say` says so."""
    with server() as (url, history):
        with made(url, folder, history) as world:
            found = [*submit_rows(world)]
        ours = our_worker.measure(url, _RUNS)
        celery = peer_python("celery", say)
        if celery is not None:
            for backend, kept in ((True, "results kept in DynamoDB"), (False, "results thrown away")):
                peer = celery_peer.measure(url, celery, backend=backend, tasks=_RUNS)
                rate, theirs = ours["runs_per_cpu_second"], peer["tasks_per_cpu_second"]
                name = f"runs a second and core, beside Celery with {kept}"
                found.append(row(name, rate, theirs, ">= 2", rate >= 2 * theirs))
            found.append(_resume("Celery", visibility_seconds("celery", celery)))
        dramatiq = peer_python("dramatiq", say)
        if dramatiq is not None:
            found.append(_resume("dramatiq-sqs", visibility_seconds("dramatiq", dramatiq)))
    return found


def _resume(peer: str, seconds: int) -> dict[str, Any]:
    """How long a run whose worker was killed waits at most: its message's visibility."""
    return row(f"longest wait after SIGKILL, beside {peer}'s default", 90, seconds, "< 1", True, "s")


def submit_rows(world: World) -> list[dict[str, Any]]:
    world.dynamodb.put_item(
        TableName=f"control-{world.name}",
        Item={
            "agent": {"S": AGENT},
            "item": {"S": "traffic"},
            "schema_version": {"N": "1"},
            "stable": {"S": world.bundle_id},
        },
    )
    calls: list[str] = []
    for client in (world.dynamodb, world.sqs):
        client.meta.events.register("before-call", lambda model, **_: calls.append(model.name))
    host = SubmitHost(
        world.store(),
        ControlReader(world.dynamodb, f"control-{world.name}", AGENT),
        senders(world.sqs, {world.bundle_id: world.queue_url}),
        bundles=frozenset({world.bundle_id}),
        uploads=world.s3,
        bucket=f"blobs-{world.name}",
    )
    _post(host, "warm")
    calls.clear()
    _post(host, "first")
    new = len(calls)
    calls.clear()
    _post(host, "first")
    again = len(calls)
    pairs = [(_timed(lambda: _post(host, uuid.uuid4().hex)), _timed(lambda: _bare(world))) for _ in range(5)]
    return [
        paired("submit of a run, beside one bare put and one bare send", pairs, 1.5, "s"),
        row("calls of a submit, new", new, 2, "<= 2", new <= 2),
        row("calls of a submit, duplicate", again, 1, "<= 1", again <= 1),
    ]


def _post(host: SubmitHost, key: str) -> None:
    event = {
        "rawPath": "/runs",
        "headers": {"idempotency-key": key},
        "body": json.dumps({"input": {"question": "x" * 400}}),
        "requestContext": {
            "http": {"method": "POST", "path": "/runs"},
            "authorizer": {"jwt": {"claims": {"tenant": "bench"}}},
        },
    }
    reply = host.handle(event, _Context())
    assert reply["statusCode"] == 202, reply


class _Context:
    def get_remaining_time_in_millis(self) -> int:
        return 30_000


def _bare(world: World) -> None:
    key = uuid.uuid4().hex
    world.dynamodb.put_item(
        TableName=f"runs-{world.name}",
        Item={"pk": {"S": key}, "sk": {"S": "run"}, "input": {"S": "x" * 400}},
        ConditionExpression="attribute_not_exists(pk)",
    )
    world.sqs.send_message(QueueUrl=world.queue_url, MessageBody="x" * 150)


def _timed(call: Callable[[], object]) -> float:
    times: list[float] = []
    for _ in range(_SUBMITS):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return statistics.median(times)
