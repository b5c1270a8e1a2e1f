"""An agent whose releases go out by the rollout controller, with steps of seconds."""

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

from agent_runtime.rollout.record import Phase, Record, record_from
from tests.end_to_end.asks import ask
from tests.end_to_end.deployments import Deployment
from tests.end_to_end.people import Person

STEPS = (5, 20, 50, 100)
ROLLOUT: dict[str, Any] = {
    "steps": [{"percent": percent, "hold_seconds": 1, "minimum_runs": 3} for percent in STEPS],
    "watch_seconds": 2,
    "minimum_samples": 30,
    "thresholds": {"grounding": {"at_least": 0.9}},
    "scores": ["grounding"],
    "sample_percent": 100,
    # Limits find what is spoilt here. Of a few runs on a busy machine the first ones are slower.
    "alpha": 1e-9,
    "shadow": {"minimum_runs": 3, "minimum_agreement": 0.3},
    "limits": {"window_seconds": 60, "minimum_runs": 3, "mean_latency_ms": 60_000},
}
SPOILT: Mapping[str, tuple[str, dict[str, float]]] = {
    "wrong": ('    run.score("grounding", 0.0); return {"answer": "no", "citations": []}\n', {}),
    "slow": ("    __import__('time').sleep(2)\n", {"mean_latency_ms": 1_500}),
    "costly": ("    question += ' word' * 6000\n", {"cost_per_run_usd": 0.0005}),
    "failing": ("    raise ValueError\n", {}),
}
"""For each way of being worse a line in the agent, and the limit that finds it."""
ON_LAMBDA, ON_ECS = ("wrong", "costly"), ("slow", "failing")
"""Each is tried on one host: what is decided of the figures is the same code on all of them, and hosts differ
in how long runs take and in what becomes of those that fail."""
_SECONDS = 120.0


class Rollout:
    """The agent `handbook`, deployed by its releases."""

    def __init__(self, deployment: Deployment, host: str, **rollout: Any) -> None:
        """`rollout` replaces fields of `ROLLOUT`."""
        self.deployment = deployment
        self.person: Person | None = None
        """Who looks at it and moves it by hand, where that is not the administrator."""
        with deployment.edit() as config:
            agents = config["agent-hosting:agents"]
            agents.pop("review")
            handbook = agents["handbook"]
            handbook.pop("source")
            handbook |= {"releases": [], "rollout": {**ROLLOUT, **rollout}, "host": host}
            handbook["run_profile"] = {"longest_run_seconds": 20}
            handbook["requests_per_second"] = 1000
        self._folder = deployment.root / "examples" / "01-first-turn"
        self._code = (self._folder / "agent.py").read_text()

    def configure(self, **changes: Any) -> None:
        """Fields of the rollout from the next deployment on; None takes one away."""
        with self.deployment.edit() as config:
            rollout = config["agent-hosting:agents"]["handbook"]["rollout"]
            for field, value in changes.items():
                rollout.pop(field, None) if value is None else rollout.update({field: value})

    def deploy(self, change: str = "", *, passing: bool = True) -> str:
        """A release whose answers are spoilt by the line `change`; its bundle id."""
        spoilt = self._code.replace(
            '    question = run.input["question"]\n', f'    question = run.input["question"]\n{change}'
        )
        (self._folder / "agent.py").write_text(spoilt)
        self.deployment.run("release", "new", "handbook", "--stack", "local")
        with self.deployment.edit() as config:
            bundle = str(config["agent-hosting:agents"]["handbook"]["releases"][-1])
        self.deployment.run("up")
        if passing:
            self.add_evidence(bundle)
        return bundle

    def add_evidence(self, bundle: str, grounding: float = 0.97) -> None:
        evidence = {
            "agent": "handbook",
            "bundle_id": bundle,
            "created_at": int(time.time() * 1000),
            "created_by": "a test",
            "source": "a test",
            "metrics": {"grounding": {"value": grounding, "samples": 40}},
        }
        path = Path(self.deployment.root, "evidence.json")
        path.write_text(json.dumps(evidence))
        self.deployment.run("release", "evidence", "handbook", str(path))

    def status(self) -> dict[str, Any]:
        """As the command tells it."""
        look = self.deployment if self.person is None else self.person
        return json.loads(look.run("release", "status", "handbook", "--json"))

    def history(self) -> list[dict[str, Any]]:
        return json.loads(self.deployment.run("release", "history", "handbook", "--json"))

    def call_controller(self) -> None:
        """As the schedule does each minute."""
        self.deployment.call_rule("handbook-rollout")

    def stop_controller(self) -> None:
        """From now on people alone move the traffic: whoever is first, the other one finds it moved."""
        functions = self.deployment.client("lambda")
        pages = functions.get_paginator("list_functions").paginate()
        names = [found["FunctionName"] for page in pages for found in page["Functions"]]
        (name,) = [name for name in names if name.startswith("handbook-rollout-")]
        functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)

    def proves_itself(self, stable: str) -> str:
        """A good release goes all the way, by evidence, an experiment, copies and steps; its bundle id."""
        good = self.deploy("    pass\n", passing=False)
        self.call_controller()
        assert set(self.ask(40)) == {stable}, "no run without evidence, whoever asks"
        refused = self.deployment.run("release", "promote", "handbook", "--why", "in a hurry", ok=False)
        assert f"no evidence for {good}" in refused
        self.add_evidence(good, grounding=0.5)
        self.call_controller()
        assert self.status()["candidate_runs"]["runs"] == 0
        self.deployment.run("release", "hold", "handbook", "--why", "to compare first")
        self.add_evidence(good)
        wanted = ("--metric", "errors", "--share", "40", "--minimum-runs", "3")
        self.deployment.run("release", "experiment", "handbook", *wanted, "--why", "to compare")
        compared = self.until(lambda record: record.phase is not Phase.EXPERIMENT)
        assert (compared.candidate_basis_points, "errors: 0 of" in (compared.held or "")) == (0, True)
        self.deployment.run("release", "resume", "handbook", "--why", "no difference")
        self.until(lambda record: record.stable == good)
        moves = [(entry["what"], entry["record"]["shares"].get(good, 0)) for entry in self.history()]
        compared_first = [("hold", 0), ("experiment", 4_000), ("conclude", 0), ("resume", 0)]
        steps = [("advance", percent * 100) for percent in STEPS]
        expected = [("begin", 0), *compared_first, ("shadow", 0), *steps, ("promote", 10_000)]
        assert moves[::-1][: len(expected)] == expected, moves
        assert set(self.ask(20)) == {good}
        return good

    def leaves_by_itself(self, way: str, stable: str) -> None:
        """A release that is worse in one way goes back, and every run goes to the stable one again."""
        line, limits = SPOILT[way]
        self.until(lambda record: record.phase is Phase.STEADY)
        # Copies would find out what is wrong before any caller does.
        self.configure(shadow=None, limits=ROLLOUT["limits"] | limits)
        bad = self.deploy(line)
        self.until(lambda record: bad in record.rejected)
        newest = self.history()[0]
        assert newest["what"] == "go back", (way, newest)
        self.until_only(stable)
        self.call_controller()
        assert self.record().candidate is None, "it cannot come back without new evidence"

    def until(self, holds: Callable[[Record], bool]) -> Record:
        """Asks and calls the controller until the record is as it should; the schedule and alarms call the
        controller, too."""
        ends = time.monotonic() + _SECONDS
        while not holds(found := self.record()):
            assert time.monotonic() < ends, (found, self.history()[0])
            if found.candidate_basis_points or found.phase is Phase.SHADOW:
                self.ask(40)
            self.call_controller()
        return found

    def promote_to(self, bundle: str) -> None:
        """Presses on until the release serves everybody. The schedule moves it, too, so that a press may come
        too late and be refused."""
        ends = time.monotonic() + _SECONDS
        while (found := self.record()).stable != bundle:
            assert time.monotonic() < ends, found
            self.deployment.start("release", "promote", "handbook", "--why", "a test").communicate(timeout=60)

    def until_only(self, bundle: str) -> None:
        """Asks until one release takes every run: whoever divides them may be five seconds behind."""
        ends = time.monotonic() + _SECONDS
        while set(found := self.ask(20)) != {bundle}:
            assert time.monotonic() < ends, found

    def record(self) -> Record:
        table = self.agent["control_table_name"]
        key = {"agent": {"S": "handbook"}, "item": {"S": "traffic"}}
        found = self.deployment.client("dynamodb").get_item(TableName=table, Key=key, ConsistentRead=True)
        return record_from(found["Item"])

    @cached_property
    def agent(self) -> dict[str, Any]:
        """Its outputs, which no release changes."""
        return self.deployment.status()["agents"]["handbook"]

    @cached_property
    def token(self) -> str:
        return self.deployment.run("token").strip()

    def ask(self, times: int) -> Counter[Any]:
        """New runs by the bundle that took them, or by the status of an error."""
        with ThreadPoolExecutor(4) as pool:
            answers = pool.map(lambda _: ask(self.agent["local_url"], self.token), range(times))
            return Counter(body.get("bundle_id", status) for status, body in answers)
