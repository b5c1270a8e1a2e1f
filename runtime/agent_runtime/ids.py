"""Run ids: 32 hex digits, sortable by time, or the same again for the same idempotency key."""

import hashlib
import json
import os
import re
import time

_RUN_ID = re.compile(r"[0-9a-f]{32}")


def new_run_id(now: float | None = None) -> str:
    """48 bits of milliseconds since 1970, then 80 random bits: later runs sort later."""
    milliseconds = int((time.time() if now is None else now) * 1000)
    return (milliseconds.to_bytes(6, "big") + os.urandom(10)).hex()


def run_id_for_key(agent: str, tenant: str, idempotency_key: str) -> str:
    """The run id of a key. The tenant is part of it, so one tenant's key never meets another's run."""
    parts = json.dumps([agent, tenant, idempotency_key]).encode()
    return hashlib.sha256(parts).hexdigest()[:32]


def is_run_id(text: str) -> bool:
    """Whether `text` could be a run id."""
    return _RUN_ID.fullmatch(text) is not None
