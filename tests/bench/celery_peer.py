"""Celery with SQS, and with results in DynamoDB, as the peer of our worker: what one core gets through."""

import json
import os
import statistics
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlparse
from uuid import uuid4

import boto3
import psutil
from moto.core.responses import BaseResponse

from embedded_aws.patches import replace
from tests.bench.peer_venvs import PROGRAMS, visibility_seconds

_WARM_UP = 50
_WAIT_SECONDS = 120
_ACCESS_KEY = "peer"
"""As in the program."""


def measure(
    endpoint_url: str, python: Path, *, backend: bool, tasks: int = 500, pool: str = "solo"
) -> dict[str, Any]:
    """A worker of one thread drains a queue of `tasks` tasks, which was filled while it was halted.

    `endpoint_url` is a moto server in this process, `python` is `peer_python("celery", …)`, `pool` one of
    Celery's; `backend` keeps results in DynamoDB. CPU seconds are the worker's, user and system, without its
    start and a first batch. Raises `RuntimeError` where the worker dies, takes too long or loses results.
    """
    name = f"peer-{uuid4().hex[:12]}"
    sqs, dynamodb = (_client(service, endpoint_url) for service in ("sqs", "dynamodb"))
    queue_url: str = sqs.create_queue(QueueName=name)["QueueUrl"]
    _create_table(dynamodb, name)
    program = _Program(
        [str(python), str(PROGRAMS / "celery_program.py")],
        {
            "PATH": os.environ["PATH"],
            "PEER_ENDPOINT": urlparse(endpoint_url).netloc,
            "PEER_QUEUE_URL": queue_url,
            "PEER_TABLE": name if backend else "",
        },
    )
    try:
        with program.working(pool) as worker:
            with Calls.counted(_ACCESS_KEY) as warming:
                program.ask("submit", str(_WARM_UP))
                worker.drain(warming, _WARM_UP)
            worker.process.suspend()
            submits: list[float] = program.ask("submit", str(tasks))
            with Calls.counted(_ACCESS_KEY) as calls:
                cpu_before, began = worker.cpu_seconds(), time.perf_counter()
                worker.process.resume()
                worker.drain(calls, tasks)
                wall_seconds, cpu_seconds = time.perf_counter() - began, worker.cpu_seconds() - cpu_before
        kept = dynamodb.describe_table(TableName=name)["Table"]["ItemCount"]
        if backend and kept != _WARM_UP + tasks:
            raise RuntimeError(f"{kept} results were kept of {_WARM_UP + tasks}")
    finally:
        sqs.delete_queue(QueueUrl=queue_url)
        dynamodb.delete_table(TableName=name)
    return {
        "tasks": tasks,
        "pool": pool,
        "backend": backend,
        "wall_seconds": round(wall_seconds, 3),
        "cpu_seconds": round(cpu_seconds, 3),
        "tasks_per_cpu_second": round(tasks / cpu_seconds, 1),
        "submit_seconds_median": round(statistics.median(submits), 5),
        "calls_per_task": {kind: round(count / tasks, 2) for kind, count in sorted(calls.counts.items())},
        "visibility_seconds": visibility_seconds("celery", python),
    }


class Calls:
    """What this process' moto has answered to the holder of one access key, by operation."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._changed = threading.Condition()

    @classmethod
    @contextmanager
    def counted(cls, access_key: str) -> Generator["Calls"]:
        """Counts while the block runs."""
        calls, answer = cls(), BaseResponse._dispatch

        def counting(self: Any, request: Any, full_url: str | None = None, headers: Any = None) -> Any:
            reply = answer(self, request, full_url, headers)
            if f"Credential={access_key}/" in request.headers.get("Authorization", ""):
                with calls._changed:
                    calls.counts[self._get_action()] += 1
                    calls._changed.notify_all()
            return reply

        undo = replace([(BaseResponse, "_dispatch", counting)])
        try:
            yield calls
        finally:
            undo()

    def reach(self, operation: str, count: int, seconds: float) -> bool:
        """Waits until `operation` was called `count` times; False if it was not within `seconds`."""
        with self._changed:
            return self._changed.wait_for(lambda: self.counts[operation] >= count, seconds)


class _Worker:
    """The worker's process, and what it says for the case that it dies."""

    def __init__(self, process: "subprocess.Popen[bytes]", said: IO[bytes]) -> None:
        self.process = psutil.Process(process.pid)
        self._started, self._said = process, said

    def cpu_seconds(self) -> float:
        times = self.process.cpu_times()
        return times.user + times.system

    def drain(self, calls: Calls, tasks: int) -> None:
        """Waits until the worker has acknowledged so many tasks."""
        ends = time.monotonic() + _WAIT_SECONDS
        while not calls.reach("DeleteMessage", tasks, 1):
            if self._started.poll() is not None or time.monotonic() > ends:
                self._said.seek(0)
                raise RuntimeError(f"the worker died or hangs:\n{self._said.read().decode()[-2000:]}")


class _Program:
    """Celery's program in its own interpreter."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._command, self._environment = command, environment

    def ask(self, *arguments: str) -> Any:
        done = subprocess.run(
            [*self._command, *arguments],
            env=self._environment,
            stdout=subprocess.PIPE,
            timeout=_WAIT_SECONDS,
            check=True,
        )
        return json.loads(done.stdout)

    @contextmanager
    def working(self, pool: str) -> Generator[_Worker]:
        with (
            tempfile.TemporaryFile() as said,
            subprocess.Popen(
                [*self._command, "work", pool],
                env=self._environment,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            ) as process,
        ):
            try:
                yield _Worker(process, said)
            finally:
                process.kill()


def _create_table(dynamodb: Any, name: str) -> None:
    """As Celery makes it, which would race with itself: worker and submitter both look first."""
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def _client(service: str, endpoint_url: str) -> Any:
    session: Any = boto3.session.Session("bench", "bench", region_name="us-east-1")
    return session.client(service, endpoint_url=endpoint_url)
