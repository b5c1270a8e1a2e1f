"""Where a thread's items stand in the table.

| sort key | item |
|---|---|
| `head` | who may write: run and epoch |
| `state#NAMESPACE#CHECKPOINT` | a checkpoint, with the small values of its channels |
| `state#NAMESPACE#CHECKPOINT#TASK#BLOCK` | up to `BLOCK_WRITES` pending writes of a task |
| `value#NAMESPACE#CHANNEL#VERSION` | a channel's value, or what it gained since the version before |

A checkpoint is followed by its writes, so that one Query backwards reads the newest state, and a further one
a channel's history. All of a thread lies in one partition, whose key begins with the agent's name, as IAM
demands.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Final

HEAD: Final = "head"
BLOCK_WRITES: Final = 50
"""An update expression may have 4 KB (DynamoDB API reference): some 40 bytes for each write."""
_PLAIN = re.compile(r"[A-Za-z0-9_.:@|-]{0,128}")


def part(text: str) -> str:
    """`text` if it can stand in a key as it is, else `~` and its hash. All its characters sort after `$`."""
    return text if _PLAIN.fullmatch(text) else f"~{hashlib.sha256(text.encode()).hexdigest()[:40]}"


def after(key: str) -> str:
    """The end of the range of `key` and all that lies below it: `$` follows `#`, and no part holds it."""
    return f"{key}$"


def below(key: str) -> tuple[str, str]:
    """The range of all that lies below `key`."""
    return f"{key}#", after(key)


@dataclass(frozen=True)
class Thread:
    """A thread's partition."""

    pk: str
    blobs: str
    """Prefix of its objects in S3."""

    @classmethod
    def of(cls, agent: str, tenant: str, thread_id: str) -> "Thread":
        """The thread's place. Agent and tenant must be free of `#`."""
        name = part(thread_id)
        return cls(f"{agent}#{tenant}#thread-{name}", f"{agent}/{part(tenant)}/threads/{name}")


def state_key(namespace: str | None = None, checkpoint_id: str | None = None) -> str:
    """Sort key of a checkpoint, or what those of one namespace, or all, begin with."""
    if namespace is None:
        return "state"
    return f"state#{part(namespace)}" + ("" if checkpoint_id is None else f"#{part(checkpoint_id)}")


def writes_key(namespace: str, checkpoint_id: str, task_id: str, block: int) -> str:
    """Sort key of one block of a task's writes."""
    return f"{state_key(namespace, checkpoint_id)}#{part(task_id)}#{block:04d}"


def value_key(namespace: str, channel: str, version: str) -> str:
    """Sort key of a channel's value."""
    return f"value#{part(namespace)}#{part(channel)}#{part(version)}"


def index_key(agent: str, tenant: str, run_id: str, thread_id: str = "") -> tuple[str, str]:
    """Partition that names the threads a run of LangGraph has written to, and the sort key of one of them."""
    return f"{agent}#{tenant}#graphrun-{part(run_id)}", f"thread#{part(thread_id)}"
