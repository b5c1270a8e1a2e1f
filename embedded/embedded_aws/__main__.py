"""`python -m embedded_aws --state FOLDER`: runs the embedded cloud until it is told to stop (SIGTERM)."""

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from pathlib import Path

from embedded_aws.cloud import Cloud, Ports
from embedded_aws.toolchain.lambda_python import container_python, lambda_python


def main() -> None:
    parser = argparse.ArgumentParser(prog="embedded_aws", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="folder for addresses, keys and logs")
    state: Path = parser.parse_args().state
    state.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(
        filename=state / "cloud.log", level=logging.INFO, format="%(asctime)s %(name)s %(message)s"
    )
    logging.getLogger("werkzeug").setLevel(logging.WARNING)

    def quietly(_: str) -> None:
        """`agent-hosting tools` has told of it before."""

    cloud = Cloud(state, _ports(state), lambda_python(quietly), container_python(quietly))
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_until_told(cloud, state))


async def _until_told(cloud: Cloud, state: Path) -> None:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await cloud.run(lambda addresses: _ready(state, addresses))


def _ready(state: Path, addresses: object) -> None:
    """One line to whoever started this, who then closes the pipe; the ports are taken again at the next
    start."""
    held = addresses.__dict__
    (state / "ports.json").write_text(
        json.dumps({k: held[f"{k}_port"] for k in ("gateway", "http", "provider")})
    )
    sys.stdout.write(json.dumps(held) + "\n")
    sys.stdout.flush()
    log = os.open(state / "cloud.out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)


def _ports(state: Path) -> Ports:
    try:
        return Ports(**json.loads((state / "ports.json").read_text()))
    except (OSError, ValueError, TypeError):
        return Ports()


if __name__ == "__main__":
    main()
