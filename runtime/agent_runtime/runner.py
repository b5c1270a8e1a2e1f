"""Takes one run from its request to its outcome: the same on every host."""

import importlib
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent_runtime.brake import BrakeReader
from agent_runtime.bundle import Bundle
from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.errors import (
    Braked,
    CheckpointUnavailable,
    LeaseLost,
    ModelUnavailable,
    ResultNotJson,
    SettingsError,
)
from agent_runtime.models.client import ModelClient
from agent_runtime.records import RunStatus, Usage
from agent_runtime.run import Run, as_json
from agent_runtime.secrets import SecretReader

_log = logging.getLogger("agent_runtime.runner")
Agent = Callable[[Run], Any]


@dataclass(frozen=True)
class RunRequest:
    """A run as a caller asked for it."""

    run_id: str
    tenant: str
    input: Any
    session: str | None = None


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended (DONE), stopped (PARKED) or failed (FAILED); the last two can go on under the same
    key."""

    run_id: str
    status: RunStatus
    bundle_id: str
    output: Any
    steps: tuple[tuple[str, bool], ...]
    """Name of each step, and whether its result was replayed."""
    usage: Usage
    """All that the run has used."""
    spent: Usage
    """What this call has used; nothing, if the run was done before."""
    error: Exception | None = None


class Runner:
    """Runs one agent. Everything it needs is handed in, so a host is a few lines around it."""

    def __init__(
        self,
        agent: Agent,
        *,
        bundle: Bundle,
        store: CheckpointStore,
        brake: BrakeReader,
        secrets: SecretReader,
        models: ModelClient,
        tools: frozenset[str] | None = None,
    ) -> None:
        """`tools` narrows the bundle's tools to those that this environment allows."""
        self._agent = agent
        self._tools = tuple(tool.name for tool in bundle.tools if tools is None or tool.name in tools)
        self._bundle = bundle
        self._store = store
        self._brake = brake
        self._secrets = secrets
        self._models = models

    def run(
        self, request: RunRequest, *, lease_seconds: float, remaining_seconds: Callable[[], float]
    ) -> RunOutcome:
        """Begin the run or go on with it, and write down how it ended.

        Raises `Braked` before anything is written, the errors of `CheckpointStore.open_run`, and
        `LeaseLost` when another worker has taken over. An error of the agent itself is in the outcome.
        """
        if (reason := self._brake.reason()) is not None:
            raise Braked(reason)
        opened = self._store.open_run(
            run_id=request.run_id,
            tenant=request.tenant,
            input=request.input,
            session=request.session,
            bundle_id=self._bundle.bundle_id,
            lease_seconds=lease_seconds,
        )
        record = opened.record
        if opened.lease is None:
            steps = tuple((name, True) for name in record.steps)
            return RunOutcome(
                record.run_id, record.status, record.bundle_id, record.output, steps, record.usage, Usage()
            )
        run = Run(
            opened,
            opened.lease,
            bundle=self._bundle,
            store=self._store,
            brake=self._brake,
            secrets=self._secrets,
            models=self._models,
            tools=self._tools,
            remaining_seconds=remaining_seconds,
        )
        output, error = self._call(run)
        status = _status(error)
        self._store.finish(
            opened.lease,
            status,
            output=output,
            steps=tuple(name for name, _ in run.steps),
            usage=run.usage,
            error=_shown(error),
        )
        return RunOutcome(
            run.run_id, status, self._bundle.bundle_id, output, tuple(run.steps), run.usage, run.spent, error
        )

    def _call(self, run: Run) -> tuple[Any, Exception | None]:
        try:
            output = self._agent(run)
            if run.stopped is not None:
                raise run.stopped
            as_json(output, "the agent")
            if not isinstance(output, dict):
                raise ResultNotJson(f"the agent returned {type(output).__name__}, and a dict is needed")
        except (LeaseLost, CheckpointUnavailable):
            raise
        except Exception as error:  # noqa: BLE001  whatever the agent raises is the outcome of its run
            _log.warning("run stopped", extra={"run_id": run.run_id}, exc_info=error)
            return None, error
        return output, None


def load_agent(entrypoint: str, task_root: str | Path) -> Agent:
    """Import the agent's function from its folder. Raises `SettingsError` if it is not there."""
    module_name, _, function_name = entrypoint.partition(":")
    folder = str(Path(task_root).resolve())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        agent = getattr(importlib.import_module(module_name), function_name)
    except (ModuleNotFoundError, AttributeError) as error:
        raise SettingsError(f"entrypoint {entrypoint!r} cannot be loaded from {folder}: {error}") from error
    if not callable(agent):
        raise SettingsError(f"entrypoint {entrypoint!r} is not a function")
    return agent


def _status(error: Exception | None) -> RunStatus:
    """What may pass by itself parks the run; everything else has failed."""
    if error is None:
        return RunStatus.DONE
    return RunStatus.PARKED if isinstance(error, Braked | ModelUnavailable) else RunStatus.FAILED


def _shown(error: Exception | None) -> str | None:
    """The class alone: the text of an agent's exception may hold anything, a secret among it."""
    if error is None:
        return None
    return str(error) if isinstance(error, Braked | ModelUnavailable) else type(error).__name__
