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
from typing import TYPE_CHECKING

from embedded_aws.models import read_once
from embedded_aws.toolchain.lambda_python import container_python, lambda_python

if TYPE_CHECKING:
    from embedded_aws.cloud import Cloud

_PORTS = ("gateway", "http", "provider")


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

    read_once()
    # It imports moto, which begins sessions at once.
    from embedded_aws.cloud import Cloud, Ports

    cloud = Cloud(state, Ports(**_ports(state)), lambda_python(quietly), container_python(quietly))
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_until_told(cloud, state))
    # All that was started here has ended. Python would take seconds to free what moto holds, piece by piece.
    logging.shutdown()
    os._exit(0)


async def _until_told(cloud: "Cloud", state: Path) -> None:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await cloud.run(lambda addresses: _ready(state, addresses))


def _ready(state: Path, addresses: object) -> None:
    """One line to whoever started this, who then closes the pipe; the ports are taken again at the next
    start."""
    held = addresses.__dict__
    (state / "ports.json").write_text(json.dumps({k: held[f"{k}_port"] for k in _PORTS}))
    sys.stdout.write(json.dumps(held) + "\n")
    sys.stdout.flush()
    log = os.open(state / "cloud.out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)


def _ports(state: Path) -> dict[str, int]:
    """Those of the last start; none where none are known."""
    try:
        held = json.loads((state / "ports.json").read_text())
        return {name: int(held[name]) for name in _PORTS}
    except (OSError, ValueError, TypeError, KeyError):
        return {}


if __name__ == "__main__":
    main()
