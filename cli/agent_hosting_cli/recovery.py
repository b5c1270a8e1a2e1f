"""Puts right what a deployment that was killed left behind: its lock, and resources that it had begun to
create.

Pulumi notes each operation before it begins. One that never ended may have made its resource or not: what
exists is imported into the state, so that the next `up` neither loses nor doubles it.
"""

import json
import urllib.request
from collections.abc import Callable
from typing import Any

import boto3
import psutil

from agent_hosting_cli.engine import Engine
from agent_hosting_cli.orphans import find_or_remove

_SETTLE_SECONDS = 60


def recover(engine: Engine, say: Callable[[str], None]) -> None:
    """Clears the lock of a process that is gone, and adopts what its pending operations had created."""
    for lock in (engine.project.kept / "state" / ".pulumi" / "locks").rglob("*.json"):
        holder = json.loads(lock.read_text() or "{}").get("pid")
        if holder and not psutil.pid_exists(int(holder)):
            say(f"clearing the lock of process {holder}, which is gone")
            engine.run("cancel", "--yes")
    if not engine.has_stack():
        return
    deployment = engine.export()["deployment"]
    pending = deployment.get("pending_operations") or []
    if not pending:
        return
    say(f"looking what became of {len(pending)} interrupted operations")
    _settled(engine)
    known = {resource.get("id") for resource in deployment.get("resources", [])}
    arguments: list[str] = []
    for operation in pending:
        resource = operation["resource"]
        if operation["type"] == "creating":
            found = find_or_remove(
                resource["type"], resource.get("inputs") or {}, known, lambda s: _client(engine, s)
            )
            if found is not None:
                arguments += ["--import-pending-creates", resource["urn"], "--import-pending-creates", found]
    engine.run(
        "refresh", "--yes", "--skip-preview", "--clear-pending-creates", *arguments
    ) if not arguments else engine.run("refresh", "--yes", "--skip-preview", *arguments)


def _settled(engine: Engine) -> None:
    """Waits for calls that the cloud had still under way when their deployment was killed."""
    with urllib.request.urlopen(
        f"{engine.cloud.endpoint_url}/_embedded/settled", timeout=_SETTLE_SECONDS
    ) as answer:
        answer.read()


def _client(engine: Engine, service: str) -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=engine.cloud.endpoint_url,
        region_name="eu-west-1",
        aws_access_key_id="embedded",
        aws_secret_access_key="embedded",  # noqa: S106 -- the embedded cloud's public administrator
    )
