"""How long a release that fails goes on serving, from its first bad answer on, with the real controller.

Beside it stand the floors that other tools document: CodeDeploy acts on a CloudWatch alarm, and Lambda's own
metrics are kept by the minute (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html);
the analysis of Argo Rollouts that its documentation shows measures every five minutes and fails at the third
bad measurement (https://argoproj.github.io/argo-rollouts/features/analysis/).
"""

import itertools
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tests.bench.rows import row
from tests.end_to_end.asks import ask
from tests.end_to_end.deployments import Deployment, checkout
from tests.end_to_end.rollouts import ROLLOUT, Rollout

CODEDEPLOY_SECONDS: Final = 60.0
ARGO_SECONDS: Final = 600.0
"""Two intervals lie between the first and the third measurement."""
_CALLERS, _QUIET_SECONDS, _SECONDS = 4, 15.0, 240.0
_JUDGED: Final = float(ROLLOUT["limits"]["minimum_runs"])
_FAILS: Final = "    raise ValueError\n"
_FIRST_STEP: Final = [
    {"percent": 5, "hold_seconds": 3600, "minimum_runs": 1000},
    {"percent": 100, "hold_seconds": 1},
]


def rows(folder: Path, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Both hosts, each with a release that fails at 5 % of the runs."""
    found: list[dict[str, Any]] = []
    for host in ("lambda", "ecs"):
        say(f"a failing release on {host}")
        deployment = Deployment(checkout(folder / host))
        try:
            found += _measured(deployment, host)
        finally:
            deployment.run("down")
    return found


def _measured(deployment: Deployment, host: str) -> list[dict[str, Any]]:
    rollout = Rollout(deployment, host)
    rollout.configure(steps=_FIRST_STEP, shadow=None, scores=None)
    rollout.deploy()
    bad = rollout.deploy(_FAILS)
    rollout.until(lambda record: record.candidate_basis_points == 500)
    first, last, count = _asked(rollout, bad)
    written = next(entry["at"] for entry in rollout.history() if entry["what"] == "go back") / 1000
    detected, drained = written - first, max(0.0, last - written)
    return [
        row(f"{host}: first bad answer to roll-back, beside CodeDeploy's floor", detected, CODEDEPLOY_SECONDS,
            "<= 60", detected <= 60, "s"),
        row(f"{host}: the same, beside the analysis that Argo Rollouts documents", detected, ARGO_SECONDS,
            "<= 60", detected <= 60, "s"),
        row(f"{host}: roll-back written to last bad run, beside the cache", drained, 5.0, "<= 10",
            drained <= 10, "s"),
        row(f"{host}: bad runs in all, beside those that are judged", count, _JUDGED, "", True),
    ]  # fmt: skip


def _asked(rollout: Rollout, bad: str) -> tuple[float, float, int]:
    """Begin of the first and of the last run that the bad release took, in seconds since 1970, and how many;
    callers ask until it has taken none for a while after it went back."""
    begun: list[float] = []
    ends, counter, lock = time.monotonic() + _SECONDS, itertools.count(), threading.Lock()
    stopped = threading.Event()

    def call() -> None:
        while not stopped.is_set() and time.monotonic() < ends:
            at = time.time()
            status, body = ask(rollout.agent["local_url"], rollout.token)
            if status >= 500 or body.get("bundle_id") == bad:
                with lock:
                    begun.append(at)
            next(counter)

    callers = [threading.Thread(target=call, daemon=True) for _ in range(_CALLERS)]
    for caller in callers:
        caller.start()
    while time.monotonic() < ends and bad not in rollout.record().rejected:
        stopped.wait(0.2)
    stopped.wait(_QUIET_SECONDS)
    stopped.set()
    for caller in callers:
        caller.join(60)
    return min(begun), max(begun), len(begun)
