"""The function that looks after forgotten runs, called every minute."""

import os
import sys
from collections.abc import Mapping
from typing import Any

from agent_runtime.reaper import Reaper

_reaper: Reaper | None = None


def handler(_event: Mapping[str, Any], _context: object) -> dict[str, int]:
    """The function's handler: `agent_runtime.hosts.reaper.handler`. Returns `{due, sent, dead}`."""
    global _reaper
    if _reaper is None:
        _reaper = _start()
    return _reaper.run()


def _start() -> Reaper:
    from agent_runtime.hosts.clients import client_of, store_of
    from agent_runtime.hosts.queue import senders
    from agent_runtime.logs import log_to
    from agent_runtime.settings import DoorSettings

    log_to(sys.stdout)
    settings = DoorSettings.from_environment(os.environ)
    return Reaper(
        store_of(settings, client_of("dynamodb")),
        senders(client_of("sqs"), settings.queues),
        bundles=frozenset(settings.queues),
        max_receives=settings.max_receives,
    )
