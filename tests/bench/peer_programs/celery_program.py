"""Celery on SQS, run by an interpreter of its own: `work POOL` or `submit TASKS`.

PEER_ENDPOINT is the host and port of AWS, PEER_QUEUE_URL the queue, PEER_TABLE the table of the result
backend, empty for none.
"""

import json
import os
import sys
import time

from celery import Celery

_ENDPOINT, _TABLE = os.environ["PEER_ENDPOINT"], os.environ["PEER_TABLE"]
_ANSWER = {"text": "x" * 386}
"""400 bytes as JSON."""

app = Celery(
    "peer",
    broker=f"sqs://peer:peer@{_ENDPOINT}",
    backend=f"dynamodb://peer:peer@{_ENDPOINT}/{_TABLE}" if _TABLE else None,
)
app.conf.update(
    task_acks_late=True,
    # What Celery's page about SQS advises: SQS has no broadcast, and every other queue would cost calls.
    worker_enable_remote_control=False,
    broker_transport_options={
        "region": "us-east-1",
        "is_secure": False,
        "predefined_queues": {"celery": {"url": os.environ["PEER_QUEUE_URL"]}},
    },
)


@app.task(name="answer")
def answer() -> dict[str, str]:
    return _ANSWER


def submit(tasks: int) -> list[float]:
    """Seconds that each call took."""
    seconds: list[float] = []
    for _ in range(tasks):
        began = time.perf_counter()
        answer.apply_async()
        seconds.append(time.perf_counter() - began)
    return seconds


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["work", pool]:
            # At warning level, since a line for each task would be part of what is measured.
            app.worker_main(["worker", "--pool", pool, "--concurrency", "1", "--loglevel", "WARNING"])
        case ["submit", tasks]:
            print(json.dumps(submit(int(tasks))))
        case other:
            raise SystemExit(f"unknown: {other}")
