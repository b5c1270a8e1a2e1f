"""Puts right what a deployment that was killed left behind: its lock, and resources that it had begun to
create.

Pulumi notes each operation before it begins. One that never ended may have made its resource or not: what
exists is imported into the state, so that the next `up` neither loses nor doubles it.
"""

import json
import urllib.request
from collections.abc import Callable
from typing import Any

import psutil

from agent_hosting_cli.clients import admin_client
from agent_hosting_cli.engine import Engine
from agent_hosting_cli.orphans import ClientFor, find_or_remove

_SETTLE_SECONDS = 60


def recover(engine: Engine, say: Callable[[str], None]) -> None:
    """Clears the lock of a process that is gone, and adopts what its pending operations had created."""
    for lock in (engine.project.kept / "state" / ".pulumi" / "locks").rglob("*.json"):
        holder = json.loads(lock.read_text() or "{}").get("pid")
        if holder and not holds_lock(int(holder)):
            say(f"clearing the lock of process {holder}, which is gone")
            engine.run("cancel", "--yes")
    if not engine.has_stack():
        return
    pending = engine.saved().get("pending_operations") or []
    if not pending:
        return
    held = engine.export()
    say(f"looking what became of {len(pending)} interrupted operations")
    _settled(engine)
    held["deployment"] = adopted(held["deployment"], lambda service: admin_client(engine.cloud, service))
    engine.replace_state(held)
    engine.run("refresh", "--yes", "--skip-preview")


def holds_lock(pid: int) -> bool:
    """Whether a Pulumi of that process id lives. One that was killed and not reaped yet does not, nor does
    another program that has been given its number since.
    """
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and "pulumi" in process.name()
    except psutil.NoSuchProcess:
        return False


def adopted(deployment: dict[str, Any], client: ClientFor) -> dict[str, Any]:
    """The deployment with what its pending creations had made, and without pending operations.

    A refresh has to follow: it fills in what AWS says of the resources, whose ids are those of
    `pulumi import`.
    Pulumi describes the same by hand: https://www.pulumi.com/docs/support/troubleshooting/
    """
    resources = list(deployment.get("resources", []))
    known = {resource.get("id") for resource in resources}
    for operation in deployment.get("pending_operations") or []:
        resource = operation["resource"]
        if operation["type"] == "creating" and resource.get("custom"):
            found = find_or_remove(resource["type"], resource.get("inputs") or {}, known, client)
            if found is not None:
                resources.append({**resource, "id": found, "outputs": {}})
    return {**deployment, "resources": resources, "pending_operations": []}


def _settled(engine: Engine) -> None:
    """Waits for calls that the cloud had still under way when their deployment was killed."""
    with urllib.request.urlopen(
        f"{engine.cloud.endpoint_url}/_embedded/settled", timeout=_SETTLE_SECONDS
    ) as answer:
        answer.read()
