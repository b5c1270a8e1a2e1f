"""What a program may say of an agent's rollout, as the plan that the controller follows."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

from pydantic import ValidationError

from agent_hosting._validation import Inputs
from agent_hosting.hosting import Host
from agent_runtime.rollout.plan import Plan

DEFAULT_SAMPLE_PERCENT = 1


class RolloutStepArgs(TypedDict):
    percent: float
    """Share of new runs, above 0 to 100."""
    hold_seconds: float
    """Least time at this share."""
    minimum_runs: NotRequired[int]
    """Runs of the candidate before it may go on. Defaults to 50."""


class ThresholdArgs(TypedDict):
    at_least: NotRequired[float]
    """Least value. Give this or `at_most`."""
    at_most: NotRequired[float]
    """Greatest value."""


class RolloutLimitsArgs(TypedDict):
    window_seconds: NotRequired[int]
    """Time that each limit looks back. Defaults to 300."""
    minimum_runs: NotRequired[int]
    """Runs in that time below which nothing is judged. Defaults to 5."""
    error_rate: NotRequired[float]
    """Share of runs that failed, 0 to 1. Defaults to 0.05."""
    mean_latency_ms: NotRequired[float]
    """Defaults to 10000."""
    cost_per_run_usd: NotRequired[float]
    """Defaults to 0.24: twice what the default gate allows."""
    escalation_rate: NotRequired[float]
    """Share of runs that asked a person, 0 to 1. Defaults to 0.2."""


class ShadowArgs(TypedDict):
    minimum_runs: NotRequired[int]
    """Copies to compare. Defaults to 20."""
    minimum_agreement: NotRequired[float]
    """Mean likeness of their outputs to those of the runs that are copied, 0 to 1. Defaults to 0.8."""
    budget_usd: NotRequired[float]
    """What the copies of one candidate may cost. Defaults to 5."""


class RolloutArgs(TypedDict):
    steps: NotRequired[Sequence[RolloutStepArgs]]
    """Growing to 100 %. Defaults to 5 % for two days, then 20, 50 and 100 % for a day each."""
    watch_seconds: NotRequired[float]
    """How long a release that serves everyone can still go back by itself. Defaults to a week."""
    drift_window_seconds: NotRequired[int]
    """What a release does in its last such time is held to its first one with every run: whole minutes, at
    most a day. Defaults to a day."""
    thresholds: NotRequired[dict[str, ThresholdArgs]]
    """The gate: what the evidence of a bundle must show, by metric. Defaults to task_success 0.90, grounding
    0.95, tool_call_accuracy 0.92, p95_latency_ms 8000 and cost_per_run_usd 0.12."""
    minimum_samples: NotRequired[int]
    """Cases that each metric must have been measured on. Defaults to 30."""
    shadow: NotRequired[ShadowArgs]
    """Copies of runs that a candidate has to do before its first step, seen by nobody. Defaults to none."""
    group: NotRequired[Sequence[str]]
    """Names of agents on this platform that advance and fall back together, this one among them, each after
    those that it calls. Defaults to none. RolloutGroup fills it in."""
    limits: NotRequired[RolloutLimitsArgs]
    """What sends a release back at once. Defaults to those of each."""
    scores: NotRequired[Sequence[str]]
    """Metrics of the gate that runs report by `run.score`. Defaults to none."""
    alpha: NotRequired[float]
    """Chance of sending back a release that is no worse, above 0 and below 0.5, in each comparison of each
    step. Defaults to 0.05."""
    running_runs: NotRequired[str]
    """What runs do whose release is sent back: `finish` there, or `stop` at their next step. Defaults to
    `finish`."""
    sample_percent: NotRequired[float]
    """Share of the runs that are done, 0 to 100, which are put aside as candidates for the evaluation set.
    Defaults to 1: a pointer each, and no content."""


def plan_of(agent: str, host: Host, releases: Sequence[str], args: Any, inputs: Inputs) -> Plan:
    """The plan; `args` are those of whoever takes `rollout`. Raises `InputError` naming the field of it that
    is wrong."""
    given: Mapping[str, Any] = args.get("rollout") or {}
    if given:
        inputs.inside("rollout").known(RolloutArgs.__annotations__)
    document: dict[str, Any] = {"agent": agent, "host": host.value, "releases": tuple(releases)}
    if "steps" in given:
        document["steps"] = [_step(step) for step in given["steps"]]
    gate = {"thresholds": given.get("thresholds"), "minimum_samples": given.get("minimum_samples")}
    document["gate"] = {name: value for name, value in gate.items() if value is not None}
    as_they_are = ("watch_seconds", "drift_window_seconds", "limits", "scores", "shadow", "group", "alpha")
    document |= {name: given[name] for name in as_they_are if name in given}
    if "running_runs" in given:
        document["running"] = given["running_runs"]
    try:
        return Plan.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise inputs.refuse(
            f"rollout.{field}" if field else "rollout",
            first["input"] if field else "…",
            first["msg"].removeprefix("Value error, "),
            "docs/releases.md has the fields with their limits.",
        ) from None


def sample_basis_points(args: Any, inputs: Inputs) -> int:
    """Hundredths of a per cent of the runs that are put aside; `args` as above. Raises `InputError`."""
    if not args.get("rollout"):
        return DEFAULT_SAMPLE_PERCENT * 100
    way_out = "Say 0 for none; docs/releases.md has the fields."
    given = inputs.inside("rollout")
    percent = given.number("sample_percent", DEFAULT_SAMPLE_PERCENT, least=0, most=100, way_out=way_out)
    return round(percent * 100)


def _step(step: Mapping[str, Any]) -> dict[str, Any]:
    held = dict(step)
    percent = held.pop("percent", None)
    points = round(percent * 100) if isinstance(percent, int | float) else percent
    return {**held, "basis_points": points}
