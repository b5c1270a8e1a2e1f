"""`make bench`: each figure beside its floor, both measured in this run, so that the machine's speed cancels
out.

Prints a table and writes build/bench.json, a row each: name, ours, peer, ratio, target, met.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from moto.server import ThreadedMotoServer
from rich.console import Console
from rich.table import Table

from tests.bench.world import make_store

_ROUNDS = 7
_STEPS = 60


def main() -> None:
    rows = [_handler_import(), *_step()]
    table = Table("figure", "ours", "floor", "ratio", "target", "met")
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


def _handler_import() -> dict[str, Any]:
    """What the Lambda host costs at a cold start beside boto3 with its clients and pydantic, which it
    cannot do without."""
    floor = (
        "import boto3, pydantic\n"
        "s = boto3.Session('a', 'b', region_name='eu-west-1')\n"
        "for n in ('dynamodb', 's3', 'secretsmanager'): s.client(n)\n"
        "class M(pydantic.BaseModel):\n    a: int"
    )
    ours = floor + "\nimport agent_runtime.hosts.lambda_"
    pairs = [(_process(ours), _process(floor)) for _ in range(_ROUNDS)]
    return _row("import of the Lambda host", pairs, 1.35, "s")


def _step() -> list[dict[str, Any]]:
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
        return [_row("checkpoint of one step", pairs, 1.5, "s")]
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


def _row(name: str, pairs: list[tuple[float, float]], target: float, unit: str) -> dict[str, Any]:
    ratio = statistics.median(ours / floor for ours, floor in pairs)
    ours, floor = (statistics.median(values) for values in zip(*pairs, strict=True))
    return {
        "name": name,
        "ours": f"{ours:.4f} {unit}",
        "peer": f"{floor:.4f} {unit}",
        "ratio": round(ratio, 3),
        "target": f"<= {target}",
        "met": ratio <= target,
    }


if __name__ == "__main__":
    main()
