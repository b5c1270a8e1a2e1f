"""The function that looks after forgotten runs, called every minute."""

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agent_runtime.copies import copied_run
from agent_runtime.metrics import RunFigures, Told, metrics_line
from agent_runtime.reaper import Reaper
from agent_runtime.telemetry.spec import ObserveSpec

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

    settings = DoorSettings.from_environment(os.environ)
    log_to(sys.stdout, settings.observe.redactor())
    return Reaper(
        store_of(settings, client_of("dynamodb")),
        senders(client_of("sqs"), settings.queues),
        bundles=frozenset(settings.queues),
        max_receives=settings.max_receives,
        measure=lambda head: _measure(settings.agent_name, settings.observe, head),
    )


def _measure(agent: str, observe: ObserveSpec, head: Mapping[str, Any]) -> None:
    """A run whose workers die prints nothing itself: its release would look as if nothing had failed."""
    figures = RunFigures(failed=True)
    if copied_run(head["run_id"]) is not None:
        figures = replace(figures, agreement=0.0)
    named = {"agent": agent, "bundle_id": head["bundle_id"], "run_id": head["run_id"]}
    told = Told(observe.host, observe.tenant_metrics)
    line = metrics_line(**named, figures=figures, now=time.time(), tenant=head["tenant"], told=told)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
