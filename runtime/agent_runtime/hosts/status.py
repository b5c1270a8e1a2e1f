"""The function that tells how runs of a queue stand, cancels them and hears decisions."""

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from agent_runtime.hosts.http import LambdaContext, respond
from agent_runtime.hosts.reading import RunReader

Handle = Callable[[Mapping[str, Any], LambdaContext], dict[str, Any]]


def _start() -> Handle:
    from agent_runtime.hosts.clients import client_of, lazily, store_of, trail_of
    from agent_runtime.hosts.queue import senders
    from agent_runtime.logs import log_to
    from agent_runtime.settings import DoorSettings

    settings = DoorSettings.from_environment(os.environ)
    log_to(sys.stdout, settings.observe.redactor())
    dynamodb = client_of("dynamodb")
    store, audit = store_of(settings, dynamodb), trail_of(settings, dynamodb, "status")
    routes = RunReader(store, senders(lazily("sqs"), settings.queues), audit).routes()
    return lambda event, _context: respond(event, routes, settings.tenants)


_handle: Handle | None = _start() if "AWS_LAMBDA_FUNCTION_NAME" in os.environ else None


def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """The function's handler: `agent_runtime.hosts.status.handler`."""
    global _handle
    if _handle is None:
        _handle = _start()
    return _handle(event, context)
