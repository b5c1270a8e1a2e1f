"""A cloud with one agent's table and queue, real worker processes on it, and what they wrote."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from moto.dynamodb.models import DynamoDBBackend
from moto.server import ThreadedMotoServer

from agent_runtime.blobs import BlobStore
from agent_runtime.bundle import Bundle, MemorySpec
from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.hosts.queue import Queue, RunMessage
from agent_runtime.reaper import Reaper
from agent_runtime.records import RunRecord
from agent_runtime.spend.caps import SpendCaps
from embedded_aws.moto_gaps import fill
from tests.faults.model_server import MODEL, RESERVED_USD, ModelServer, model_server

HERE = Path(__file__).parent
AGENT, TENANT = "answers", "acme"
SECRET_TEXT = "sk-never-written-5d1b"
REGION = "eu-west-1"
CAPS = SpendCaps.model_validate(
    {
        "run": {"usd": 12 * RESERVED_USD},
        "tenant": {"day_usd": 30 * RESERVED_USD},
        "agent": {"hour_usd": 40 * RESERVED_USD, "month_usd": 50 * RESERVED_USD},
    }
)
"""Of a world that does not say otherwise: what its runs need, and nothing for calls made again and again."""
_SECONDS = 150
"""Five receives and the pauses between them take up to 75 s, by chance."""


class World:
    """One agent's surroundings. Names are its own, so that many worlds share a server."""

    def __init__(
        self, endpoint_url: str, folder: Path, history: list[dict[str, Any]], model: ModelServer
    ) -> None:
        self.folder = folder
        self.model = model
        self.caps = CAPS
        self.outside = folder / "outside"
        self.outside.mkdir()
        self.endpoint_url = endpoint_url
        self._history = history
        self._session = boto3.Session("testing", "testing", region_name=REGION)
        self.name = uuid.uuid4().hex[:8]
        self.dynamodb, self.sqs, self.s3 = (self.client(n) for n in ("dynamodb", "sqs", "s3"))
        self.bundle = _bundle()
        self.bundle_id = self.bundle.bundle_id
        self.workers: list[subprocess.Popen[bytes]] = []
        self.visibility_seconds = 2
        self.max_receives = 5  # as the components default: a slow machine costs some of them
        self._make()

    def client(self, service: str) -> Any:
        config = Config(retries={"mode": "standard", "max_attempts": 2}, read_timeout=60)
        return self._session.client(service, endpoint_url=self.endpoint_url, config=config)

    def store(self, clock: Callable[[], float] = time.time) -> CheckpointStore:
        return CheckpointStore(
            self.dynamodb,
            f"runs-{self.name}",
            BlobStore(self.s3, f"blobs-{self.name}"),
            agent=AGENT,
            clock=clock,
        )

    def queue(self) -> Queue:
        return Queue(self.sqs, self.queue_url)

    def submit(
        self,
        do: Sequence[Any],
        *,
        tenant: str = TENANT,
        run_id: str = "",
        sends: int = 1,
        session: str | None = None,
    ) -> str:
        """Submit a run as the front door does; `sends` is how often its message is delivered."""
        run_id = run_id or uuid.uuid4().hex
        given = {"do": list(do)}
        self.store().submit(
            run_id=run_id, tenant=tenant, input=given, bundle_id=self.bundle_id, session=session
        )
        for _ in range(sends):
            self.queue().send(RunMessage(AGENT, run_id, tenant, self.bundle_id, session))
        return run_id

    def start_worker(self, plan: dict[str, Any] | None = None, **environment: str) -> subprocess.Popen[bytes]:
        """A worker process under `plan` (see faulty_worker)."""
        log = (self.folder / f"worker-{len(self.workers)}.log").open("wb")
        process = subprocess.Popen(
            [sys.executable, str(HERE / "faulty_worker.py")],
            env=self._environment() | {"FAULT_PLAN": json.dumps(plan or {})} | environment,
            cwd=self.folder / "agent",
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        log.close()
        self.workers.append(process)
        return process

    def record(self, run_id: str, tenant: str = TENANT) -> RunRecord:
        found = self.store().get_run(tenant, run_id)
        assert found is not None
        return found

    def fence_of(self, run_id: str, tenant: str = TENANT) -> int:
        """The greatest epoch that a step or claim of the run was written in."""
        store = self.store()
        head = store.find_head(tenant, run_id)
        assert head is not None
        return max((step.epoch for step in store.steps.read(head["pk"], head["birth"]).values()), default=0)

    def wait(self, what: str, until: Callable[[], bool], seconds: float = _SECONDS) -> None:
        """Poll until a condition of other processes holds; fails with their logs."""
        ends = time.monotonic() + seconds
        while not until():
            if time.monotonic() > ends:
                raise AssertionError(f"{what} did not come true in {seconds} s\n{self.logs()[-6000:]}")
            time.sleep(0.02)

    def wait_for_status(self, run_ids: Sequence[str], *statuses: str, tenant: str = TENANT) -> None:
        left = set(run_ids)

        def all_there() -> bool:
            left.difference_update([r for r in left if self.record(r, tenant).status.value in statuses])
            return not left

        self.wait(f"{statuses} of {len(run_ids)} runs", all_there)

    def wait_for_file(self, name: str) -> None:
        self.wait(f"file {name}", (self.outside / name).exists)

    def allow(self, name: str) -> None:
        """Lets a step that waits for `name` go on."""
        (self.outside / name).touch()

    def reap(self, seconds_later: float) -> dict[str, int]:
        """A round of the reaper as it will be at that time."""
        reaper = Reaper(
            self.store(lambda: time.time() + seconds_later),
            lambda message: self.queue().send(message),
            bundles=frozenset({self.bundle_id}),
            max_receives=self.max_receives,
            measure=lambda _: None,
        )
        return reaper.run()

    def replay_dead_letters(self) -> int:
        """Move every message of the dead-letter queue back, as an operator's redrive does."""
        moved = 0
        while found := self.sqs.receive_message(QueueUrl=self.dead_letter_url).get("Messages"):
            for message in found:
                self.sqs.send_message(
                    QueueUrl=self.queue_url, MessageBody=message["Body"], MessageGroupId=TENANT
                )
                self.sqs.delete_message(QueueUrl=self.dead_letter_url, ReceiptHandle=message["ReceiptHandle"])
                moved += 1
        return moved

    def notes(self) -> list[str]:
        path = self.outside / "notes"
        return path.read_text().splitlines() if path.exists() else []

    def items(self) -> list[dict[str, Any]]:
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=f"runs-{self.name}")
        return [item for page in pages for item in page["Items"]]

    def history(self) -> list[dict[str, Any]]:
        """Items of this world's table as each successful write left them, in order."""
        return [w["item"] for w in self._history if w["table"] == f"runs-{self.name}"]

    def depth(self, url: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        held = self.sqs.get_queue_attributes(
            QueueUrl=url, AttributeNames=[*names, "ApproximateNumberOfMessagesDelayed"]
        )
        return sum(int(held["Attributes"][name]) for name in [*names, "ApproximateNumberOfMessagesDelayed"])

    def logs(self) -> str:
        return "".join(path.read_text() for path in sorted(self.folder.glob("worker-*.log")))

    def close(self) -> None:
        for process in self.workers:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)

    def _environment(self) -> dict[str, str]:
        root = HERE.parent.parent
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{root / 'runtime'}",
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "LAMBDA_TASK_ROOT": str(self.folder / "agent"),
            "FAULT_FOLDER": str(self.outside),
            "AGENT_NAME": AGENT,
            "AGENT_ENVIRONMENT": "test",
            "AGENT_CHECKPOINT_TABLE": f"runs-{self.name}",
            "AGENT_CHECKPOINT_BUCKET": f"blobs-{self.name}",
            "AGENT_CONTROL_TABLE": f"control-{self.name}",
            "AGENT_SECRETS": json.dumps({"model-api-key": self.secret_arn}),
            "AGENT_MODEL_ENDPOINT": self.model.address,
            "AGENT_SPEND": self.caps.model_dump_json(exclude_none=True),
            "AGENT_QUEUE_URL": self.queue_url,
            "AGENT_VISIBILITY_SECONDS": str(self.visibility_seconds),
            "AGENT_MAX_RECEIVES": str(self.max_receives),
            "AGENT_STOP_SECONDS": "15",
        }

    def _make(self) -> None:
        keys = {"runs": ("pk", "sk"), "control": ("agent", "item")}
        for table, (first, second) in keys.items():
            due = {"IndexName": "due", "Projection": {"ProjectionType": "KEYS_ONLY"}} | _keys(
                "due_shard", "due_at"
            )
            self.dynamodb.create_table(
                TableName=f"{table}-{self.name}",
                **_keys(first, second),
                AttributeDefinitions=[
                    {"AttributeName": name, "AttributeType": kind}
                    for name, kind in [(first, "S"), (second, "S")]
                    + ([("due_shard", "S"), ("due_at", "N")] if table == "runs" else [])
                ],
                BillingMode="PAY_PER_REQUEST",
                **({"GlobalSecondaryIndexes": [due]} if table == "runs" else {}),
            )
        self.s3.create_bucket(
            Bucket=f"blobs-{self.name}", CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        self.dead_letter_url = self.sqs.create_queue(QueueName=f"dead-{self.name}")["QueueUrl"]
        dead = self.sqs.get_queue_attributes(QueueUrl=self.dead_letter_url, AttributeNames=["QueueArn"])
        redrive = {
            "deadLetterTargetArn": dead["Attributes"]["QueueArn"],
            "maxReceiveCount": self.max_receives,
        }
        self.queue_url = self.sqs.create_queue(
            QueueName=f"runs-{self.name}", Attributes={"RedrivePolicy": json.dumps(redrive)}
        )["QueueUrl"]
        secrets = self.client("secretsmanager")
        self.secret_arn = secrets.create_secret(Name=f"key-{self.name}", SecretString=SECRET_TEXT)["ARN"]
        agent = self.folder / "agent"
        agent.mkdir()
        (agent / "scripted_agent.py").write_text((HERE / "scripted_agent.py").read_text())
        (agent / "bundle.json").write_text(self.bundle.model_dump_json())


def _keys(first: str, second: str) -> dict[str, Any]:
    pairs = ((first, "HASH"), (second, "RANGE"))
    return {"KeySchema": [{"AttributeName": name, "KeyType": kind} for name, kind in pairs]}


def _bundle() -> Bundle:
    return Bundle(
        entrypoint="scripted_agent:agent",
        model=MODEL,
        prompts={},
        code={"scripted_agent.py": "0" * 64},
        secrets=("model-api-key",),
        max_steps=500,
        max_model_calls=10,
        memory=MemorySpec(),
        runtime_fingerprint="test",
    )


@contextmanager
def made(endpoint_url: str, folder: Path, history: list[dict[str, Any]]) -> Iterator[World]:
    """A world on a server, with a model; its workers end with the block."""
    with model_server() as model:
        world = World(endpoint_url, folder, history, model)
        try:
            yield world
        finally:
            world.close()


@contextmanager
def server() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """(address of a moto server that behaves as AWS documents, history of its tables' writes)."""
    history: list[dict[str, Any]] = []
    lock = threading.Lock()
    put, update = DynamoDBBackend.put_item, DynamoDBBackend.update_item
    undo = fill()
    write_all = DynamoDBBackend.transact_write_items

    def note(table: str, item: Any) -> None:
        attributes = item.to_json()["Attributes"]
        with lock:
            history.append({"table": table, "item": attributes})

    def noted_put(backend: Any, table_name: str, *args: Any, **kwargs: Any) -> Any:
        item = put(backend, table_name, *args, **kwargs)
        note(table_name, item)
        return item

    def noted_update(backend: Any, table_name: str, *args: Any, **kwargs: Any) -> Any:
        item = update(backend, table_name, *args, **kwargs)
        note(table_name, item)
        return item

    def noted_transaction(backend: Any, *args: Any, **kwargs: Any) -> Any:
        begins = len(history)
        try:
            return write_all(backend, *args, **kwargs)
        except Exception:
            del history[begins:]  # nothing of it was written; one request is answered at a time
            raise

    DynamoDBBackend.put_item, DynamoDBBackend.update_item = noted_put, noted_update  # type: ignore[method-assign]
    DynamoDBBackend.transact_write_items = noted_transaction  # type: ignore[method-assign]
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    try:
        yield f"http://{host}:{port}", history
    finally:
        moto.stop()
        DynamoDBBackend.put_item, DynamoDBBackend.update_item = put, update  # type: ignore[method-assign]
        DynamoDBBackend.transact_write_items = write_all  # type: ignore[method-assign]
        undo()
