"""Puts a pod together: one process that answers callers and works off its release's queue."""

import logging
import os
import sys
import time
from typing import Final

from agent_runtime.hosts.activity import Activity
from agent_runtime.hosts.answering import Answering
from agent_runtime.hosts.clients import client_of
from agent_runtime.hosts.key_sets import KeySets
from agent_runtime.hosts.listening import Listener
from agent_runtime.hosts.queue import RunMessage
from agent_runtime.hosts.routing import Here
from agent_runtime.hosts.server import ServerHost
from agent_runtime.hosts.shipped import Shipped
from agent_runtime.hosts.start import start
from agent_runtime.hosts.tokens import Tokens
from agent_runtime.hosts.work import queue_of, standing_of, stop_on_signals, worker_of
from agent_runtime.hosts.wsgi import Edge
from agent_runtime.logs import log_agent_alike
from agent_runtime.metrics import sessions_line
from agent_runtime.settings import ServerSettings

_READING_THREADS: Final = 8
"""For everything but waiting for a turn: probes are answered also where every place is taken."""
_CLOSE_SECONDS: Final = 5
"""For the last answers, of the ten that the worker leaves of the stop time."""


def serve() -> None:
    """Answer callers and work off the queue until SIGTERM. Raises `SettingsError`."""
    settings = ServerSettings.from_environment(os.environ)
    owner = settings.pod_name or f"process-{os.urandom(4).hex()}"
    shipped = None
    if settings.log_group:
        bundle = settings.bundle_id or "unknown"
        shipped = Shipped(sys.stdout, client_of("logs"), settings.log_group, f"{bundle}/{owner}")
        sys.stdout = shipped
    parts = start(settings, owner=owner, address=settings.address)
    log_agent_alike()
    _log_as_ours("waitress")
    bundle_id, queue = parts.bundle.bundle_id, queue_of(settings)
    standing = standing_of(settings, parts)
    worker = worker_of(settings, parts, queue, standing, settings.turn_concurrency)
    activity = Activity(settings.active_seconds)

    def send(message: RunMessage) -> None:
        # A run of another release is left to the reaper, which knows that one's queue.
        if message.bundle_id == bundle_id:
            queue.send(message)

    def tell(sessions: int) -> None:
        named = {"agent": settings.agent_name, "bundle_id": bundle_id}
        sys.stdout.write(sessions_line(**named, sessions=sessions, now=time.time()) + "\n")
        sys.stdout.flush()

    host = ServerHost(
        Answering(
            parts.store,
            worker,
            send,
            parts.brake.reason,
            bundle_id,
            settings.turn_timeout_seconds,
            activity,
            parts.runner.check_room,
        ),
        Here(bundle_id, owner, settings.release_url),
        standing,
        None if parts.runner.turns is None else parts.runner.turns.sessions,
        seats=settings.turn_concurrency,
        is_stopping=worker.is_stopping,
        send=send,
        audit=parts.audit,
    )
    tokens = Tokens(KeySets(settings.jwt_issuer), settings.jwt_issuer, settings.jwt_audiences)
    listener = Listener(
        Edge(host.routes, tokens, settings.tenants, lambda: not worker.is_stopping()),
        settings.listen_address,
        settings.port,
        settings.turn_concurrency + _READING_THREADS,
        worker.is_stopping,
    )
    stop_on_signals(worker)
    activity.tell_each_minute(tell, worker.wait_for_stop)
    listener.start()
    logging.getLogger("agent_runtime.hosts.serve").info("listening", extra={"port": listener.port})
    seconds_left = worker.run()
    listener.close(seconds_left + _CLOSE_SECONDS)
    parts.runner.spans.flush(_CLOSE_SECONDS)
    if shipped is not None:
        shipped.close()


def _log_as_ours(name: str) -> None:
    logger = logging.getLogger(name)
    logger.handlers, logger.propagate = logging.getLogger("agent_runtime").handlers, False
    # It would tell of each call that waits for a moment.
    logging.getLogger(f"{name}.queue").setLevel(logging.ERROR)
