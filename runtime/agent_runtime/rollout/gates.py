"""Thresholds, what was measured against them, and the judgement: pure. What was not measured fails."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

MINIMUM_SAMPLES: Final = 30
"""Below that a rate of 95 % cannot be told from one of 80 %."""
_Z: Final = 1.959963984540054
"""Of a two-sided interval of 95 %."""
Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Threshold(_Frozen):
    """Where a metric has to lie."""

    at_least: Finite | None = None
    at_most: Finite | None = None

    @model_validator(mode="after")
    def _is_one(self) -> "Threshold":
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("give either `at_least` or `at_most`")
        return self

    def holds(self, value: float) -> bool:
        """Whether `value` lies on the right side. A value that is no number does not."""
        if self.at_least is not None:
            return value >= self.at_least
        return self.at_most is not None and value <= self.at_most

    def text(self) -> str:
        """Such as `>= 0.9`."""
        return f">= {self.at_least:g}" if self.at_least is not None else f"<= {self.at_most:g}"


DEFAULTS: Final[Mapping[str, Threshold]] = {
    "task_success": Threshold(at_least=0.90),
    "grounding": Threshold(at_least=0.95),
    "tool_call_accuracy": Threshold(at_least=0.92),
    "p95_latency_ms": Threshold(at_most=8000),
    "cost_per_run_usd": Threshold(at_most=0.12),
}


class Gate(_Frozen):
    """The thresholds of one agent, as `gates.yaml` beside its `agent.yaml` gives them."""

    minimum_samples: int = Field(default=MINIMUM_SAMPLES, ge=1)
    """Cases that each metric must have been measured on. Defaults to 30."""
    thresholds: dict[str, Threshold] = Field(default_factory=lambda: dict(DEFAULTS), min_length=1)
    """By metric. Defaults to `DEFAULTS`; what is given replaces them all."""


class Measured(_Frozen):
    """One metric of an evaluation. `low` and `high` bound it with 95 % confidence, where that is known."""

    value: Finite
    samples: int = Field(ge=0)
    low: Finite | None = None
    high: Finite | None = None


class Evidence(_Frozen):
    """What an evaluation of one bundle showed. It counts for that id alone."""

    schema_version: Literal[1] = 1
    agent: str
    bundle_id: str = Field(pattern=r"^[0-9a-f]{12}$")
    created_at: int
    """Milliseconds since 1970."""
    created_by: str
    source: str
    """What measured: `agent-hosting gate`, or the format of the results that it read."""
    cases_sha256: str = ""
    """Of the evaluation set."""
    metrics: dict[str, Measured]


@dataclass(frozen=True)
class Judged:
    """One threshold and how it was met. Without `measured` there was no such metric."""

    metric: str
    threshold: Threshold
    measured: Measured | None
    reason: str | None
    """Why it is missed; None where it is met."""


def judge(gate: Gate, metrics: Mapping[str, Measured]) -> list[Judged]:
    """Every threshold of the gate with its judgement, in the gate's order."""
    return [
        Judged(name, threshold, metrics.get(name), _missed(name, threshold, metrics.get(name), gate))
        for name, threshold in gate.thresholds.items()
    ]


def passes(gate: Gate, metrics: Mapping[str, Measured]) -> bool:
    """Whether all thresholds are met."""
    return all(judged.reason is None for judged in judge(gate, metrics))


def wilson(successes: float, samples: int) -> tuple[float, float]:
    """Interval of a rate with 95 % confidence; of no samples, all that is possible.

    https://www.itl.nist.gov/div898/handbook/prc/section2/prc241.htm
    """
    if samples == 0:
        return 0.0, 1.0
    rate, z2 = successes / samples, _Z * _Z
    middle = (rate + z2 / (2 * samples)) / (1 + z2 / samples)
    half = _Z * math.sqrt(rate * (1 - rate) / samples + z2 / (4 * samples * samples)) / (1 + z2 / samples)
    return max(0.0, middle - half), min(1.0, middle + half)


def _missed(name: str, threshold: Threshold, measured: Measured | None, gate: Gate) -> str | None:
    if measured is None:
        return f"{name} was not measured"
    if measured.samples < gate.minimum_samples:
        return f"{name} has {measured.samples} samples, and {gate.minimum_samples} are needed"
    if not threshold.holds(measured.value):
        return f"{name} is {measured.value:g}, and {threshold.text()} is needed"
    return None
