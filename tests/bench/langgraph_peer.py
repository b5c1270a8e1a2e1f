"""The runtime's LangGraph checkpointer beside that of `langgraph-checkpoint-aws`, on the same graph."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import boto3

from agent_runtime.blobs import BlobStore
from agent_runtime.integrations.langgraph import DynamoCheckpointSaver
from tests.bench.peer_programs import langgraph_aws

_SCRIPT = Path(__file__).parent / "peer_programs" / "langgraph_aws.py"
_BOUND_SECONDS = 180


def peer_figures(python: str, steps: int = 100, message_bytes: int = 400) -> dict[str, Any]:
    """Calls, written bytes, write units, steps reached and the error, of the saver in the environment of the
    interpreter `python`, which needs langgraph, langgraph-checkpoint-aws and moto[dynamodb].

    Raises `subprocess.CalledProcessError` and `subprocess.TimeoutExpired`.
    """
    done = subprocess.run(
        [python, "-W", "ignore", str(_SCRIPT), str(steps), str(message_bytes)],
        env={"PATH": os.environ.get("PATH", "")},
        capture_output=True,
        text=True,
        check=True,
        timeout=_BOUND_SECONDS,
    )
    return json.loads(done.stdout.splitlines()[-1])


def our_figures(steps: int = 100, message_bytes: int = 400, state_type: Any = None) -> dict[str, Any]:
    """The same of the runtime's saver, with the fence of a lease."""

    def make(session: boto3.session.Session) -> tuple[Any, Any]:
        dynamodb, s3 = session.client("dynamodb"), session.client("s3")
        s3.create_bucket(Bucket="bench", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        langgraph_aws.make_table(dynamodb, "ours", ("pk", "sk"))
        blobs = BlobStore(s3, "bench")
        saver = DynamoCheckpointSaver(dynamodb, "ours", blobs, agent="bench", tenant="bench", epoch=1)
        return saver, dynamodb

    return langgraph_aws.measured(make, steps, message_bytes, state_type or langgraph_aws.State)
