"""A run that workers work on one after another, each from where the one before left it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent_runtime.checkpoints import CheckpointStore
from agent_runtime.models.client import ModelClient
from agent_runtime.run import Run
from agent_runtime.runner import Runner

RUN = "0" * 32
LEASE_SECONDS = 60.0


class Killed(BaseException):
    """The process is gone: nothing that runs on an exception runs on this."""


@dataclass(frozen=True)
class Worked:
    """What came of one worker's time with the run. Killed workers leave neither output nor error."""

    run: Run
    output: Any = None
    error: Exception | None = None

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.run.progress.steps]

    @property
    def replayed(self) -> list[str]:
        return [name for name, is_replayed in self.run.progress.steps if is_replayed]


class Durable:
    """One submitted run. Nothing is written when a worker is through, so that the next one replays."""

    def __init__(self, aws: Any, faulty: Any, model: Any, make_bundle: Callable[..., Any]) -> None:
        self.aws, self.faulty, self.model = aws, faulty, model
        self.make_bundle = make_bundle
        self.bundle = make_bundle()
        self.run_id = RUN
        self.store: CheckpointStore = aws.store(faulty)
        self.pauses: list[float] = []
        """Seconds for which retries waited."""
        self.seconds_left = float("inf")
        self.compact_every = 0
        self.extras: dict[str, Any] = {}
        """What else each worker's run is given."""
        self.executed: Counter[str] = Counter()

    def note(self, name: str, result: Any = None) -> Any:
        """The work of a step: remembers that it was done."""
        self.executed[name] += 1
        return name if result is None else result

    def take(self) -> Run:
        """As a worker does whose forerunner's lease is over."""
        pk = self.store.heads.pk("acme", self.run_id)
        if self.store.table.get({"pk": pk, "sk": "run"}) is None:
            self.store.submit(run_id=self.run_id, tenant="acme", input={}, bundle_id=self.bundle.bundle_id)
        else:
            self.aws.clock.now += LEASE_SECONDS + 1
        opened = self.store.take_run(
            run_id=self.run_id, tenant="acme", bundle_id=self.bundle.bundle_id, lease_seconds=LEASE_SECONDS
        )
        assert opened.lease is not None
        given: dict[str, Any] = {
            "bundle": self.bundle,
            "store": self.store,
            "brake": self.aws.brake(),
            "secrets": self.aws.secrets(),
            "models": ModelClient(self.bundle.model, self.model),
            "remaining_seconds": lambda: self.seconds_left,
            "clock": self.aws.clock,
            "sleep": self.pauses.append,
            "compact_every": self.compact_every,
        }
        return Run(opened, opened.lease, **{**given, **self.extras})

    def work(self, agent: Callable[[Run], Any], run: Run | None = None) -> Worked:
        """One worker's time with the run."""
        taken = self.take() if run is None else run
        runner: Runner = self.aws.runner(agent, self.model, self.bundle, self.store)
        self.faulty.calls.clear()
        try:
            return Worked(taken, *runner.call(taken))
        except Killed:
            return Worked(taken)

    def result(self, agent: Callable[[Run], Any]) -> Any:
        """The output of a worker that comes to the end."""
        worked = self.work(agent)
        assert worked.error is None, worked.error
        return worked.output

    def items(self) -> dict[str, dict[str, Any]]:
        """Items of the steps by path, such as `000001.000002`."""
        return {item["sk"]["S"].removeprefix("step#"): item for item in self.aws.steps(self.run_id)}

    def done(self) -> list[str]:
        """Paths of the completed steps."""
        return [path for path, item in self.items().items() if item["state"]["S"] == "DONE"]
