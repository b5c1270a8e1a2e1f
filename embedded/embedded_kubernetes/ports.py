"""Ports of one cluster, the same ones at its next start."""

import contextlib
import json
import socket
from dataclasses import dataclass, fields
from pathlib import Path

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Ports:
    api: int
    etcd: int
    etcd_peer: int
    rollouts_metrics: int
    rollouts_health: int


def chosen_ports(file: Path) -> Ports:
    """Those of the last start, as far as they are free: a kubeconfig that someone copied stays right."""
    held: dict[str, int] = {}
    with contextlib.suppress(OSError, ValueError):
        held = json.loads(file.read_text())
    with contextlib.ExitStack() as taken:
        ports = {field.name: _free(held.get(field.name, 0), taken) for field in fields(Ports)}
    file.write_text(json.dumps(ports))
    return Ports(**ports)


def _free(wanted: int, taken: contextlib.ExitStack) -> int:
    """Held open within `taken`, so that no two are the same."""
    held = taken.enter_context(socket.socket())
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        held.bind((HOST, wanted))
    except OSError:
        held.bind((HOST, 0))
    return held.getsockname()[1]
