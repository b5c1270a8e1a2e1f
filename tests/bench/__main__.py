"""`make bench`: each figure beside its floor, both measured in this run, so that the machine's speed cancels
out.

Prints a table and writes build/bench.json, a row each: name, ours, peer, ratio, target, met.
"""

import json
import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from moto.server import ThreadedMotoServer
from rich.console import Console
from rich.table import Table

from tests.bench import growth, policies, queued, rollbacks, telemetry
from tests.bench.rows import paired
from tests.bench.world import make_store

_ROUNDS = 7
_STEPS = 60


def main() -> None:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    imports = [
        _handler_import(
            "the Lambda host", "agent_runtime.hosts.lambda_", ("dynamodb", "s3", "secretsmanager")
        ),
        _handler_import("the submit function", "agent_runtime.hosts.submit", ("dynamodb", "sqs")),
    ]
    with tempfile.TemporaryDirectory() as folder:
        world = Path(folder)
        rows = [*imports, *step_rows(), *telemetry.rows(), *queued.rows(world, _say), *growth.rows(_say)]
        rows += rollbacks.rows(world, _say)
        rows += policies.rows(world, _say)
    table = Table("figure", "ours", "peer or floor", "ratio", "target", "met")
    for row in rows:
        table.add_row(
            row["name"],
            row["ours"],
            row["peer"],
            f"{row['ratio']:.2f}",
            row["target"],
            "yes" if row["met"] else "no",
        )
    Console().print(table)
    build = Path("build")
    build.mkdir(exist_ok=True)
    (build / "bench.json").write_text(json.dumps(rows, indent=2) + "\n")


def _handler_import(name: str, module: str, services: tuple[str, ...]) -> dict[str, Any]:
    """What a function costs at a cold start beside what it cannot do without."""
    floor = (
        "import boto3, pydantic\n"
        "s = boto3.Session('a', 'b', region_name='eu-west-1')\n"
        f"for n in {services!r}: s.client(n)\n"
        "class M(pydantic.BaseModel):\n    a: int"
    )
    ours = floor + f"\nimport {module}"
    pairs = [(_process(ours), _process(floor)) for _ in range(_ROUNDS)]
    return paired(f"import of {name}, beside boto3 with its clients and pydantic", pairs, 1.35, "s")


def _say(text: str) -> None:
    Console(stderr=True).print(text, markup=False)


def step_rows() -> list[dict[str, Any]]:
    """One checkpointed step beside one bare conditional put of the same bytes, on the same server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        client = boto3.client(
            "dynamodb", endpoint_url=f"http://{host}:{port}", region_name="eu-west-1",
            aws_access_key_id="bench", aws_secret_access_key="bench",
        )  # fmt: skip
        save, put = make_store(client)
        pairs = [(_timed(save), _timed(put)) for _ in range(_ROUNDS)]
        return [paired("checkpoint of one step, beside one bare conditional put", pairs, 1.5, "s")]
    finally:
        server.stop()


def _timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    for _ in range(_STEPS):
        call()
    return (time.perf_counter() - began) / _STEPS


def _process(code: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
