"""How far and how fast an agent's releases go: written by the deployment, read by whoever moves traffic."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from agent_runtime.rollout.gates import Gate

ITEM: Final = "plan"
WHOLE: Final = 10_000
"""Basis points of all runs."""
QUEUED: Final = ("ecs", "eks")
"""Hosts whose runs wait in a queue for each release."""
DAY_SECONDS: Final = 86_400
BundleId = Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]
Rate = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Step(_Frozen):
    """A share of new runs that the candidate gets, and what it takes to leave it for the next one."""

    basis_points: int = Field(ge=1, le=WHOLE)
    """Hundredths of a per cent."""
    hold_seconds: float = Field(ge=0, allow_inf_nan=False)
    minimum_runs: int = Field(default=50, ge=1)
    """Runs of the candidate in this step. Defaults to 50."""


DEFAULT_STEPS: Final = (
    Step(basis_points=500, hold_seconds=2 * DAY_SECONDS),
    Step(basis_points=2_000, hold_seconds=DAY_SECONDS),
    Step(basis_points=5_000, hold_seconds=DAY_SECONDS),
    Step(basis_points=WHOLE, hold_seconds=DAY_SECONDS),
)


class Limits(_Frozen):
    """What sends a release back at once, judged over the last `window_seconds`."""

    window_seconds: int = Field(default=300, ge=60, le=3600, multiple_of=60)
    """Whole minutes, since metrics are kept by the minute. Defaults to 300."""
    minimum_runs: int = Field(default=5, ge=1)
    """Runs in the window below which a rate means nothing. Defaults to 5."""
    error_rate: Rate = 0.05
    mean_latency_ms: Positive = 10_000
    cost_per_run_usd: Positive = 0.24
    """Twice what the default gate allows."""
    escalation_rate: Rate = 0.20


class Shadow(_Frozen):
    """What a candidate shows on copies of runs, which no caller sees, before it gets a run of its own."""

    minimum_runs: int = Field(default=20, ge=1)
    """Copies to compare. Defaults to 20."""
    minimum_agreement: Rate = 0.8
    """Mean likeness of its answers to those that callers got. Defaults to 0.8."""
    budget_usd: Positive = 5.0
    """What the copies of one candidate may cost; spent before there are enough, the candidate waits."""


class Place(_Frozen):
    """An object in an EKS cluster, and how the cluster is reached."""

    cluster_name: str
    endpoint: str
    """Address of the cluster's API."""
    certificate_authority: str
    """Who signed its certificate, in base64."""
    namespace: str
    name: str


class Plan(_Frozen):
    """The rollout of one agent in one environment."""

    schema_version: Literal[1] = 1
    agent: str
    host: Literal["lambda", "ecs", "eks"]
    releases: tuple[BundleId, ...] = Field(min_length=1)
    """All that are deployed, the newest last: it is the candidate, unless it serves already."""
    function_name: str = ""
    """The agent's function, whose alias divides the calls (`lambda`)."""
    http_route: Place | None = None
    """The route that divides calls inside of the network (`eks`), where there is one."""
    argo_rollout: Place | None = None
    """The Argo Rollout that moves the traffic itself (`eks`): then the record follows it."""
    alarms: dict[BundleId, tuple[str, ...]] = Field(default_factory=dict)
    """Names of the alarms on each release's own numbers."""
    unfit: dict[BundleId, str] = Field(default_factory=dict)
    """Why the environment does not give a release what it needs, such as a tool's version: it gets no run."""
    steps: tuple[Step, ...] = Field(default=DEFAULT_STEPS, min_length=1)
    gate: Gate = Gate()
    limits: Limits = Limits()
    shadow: Shadow | None = None
    """Copies of runs before the first step. Defaults to none."""
    group: tuple[str, ...] = ()
    """Agents that advance and fall back together, this one among them, each after those that it calls."""
    watch_seconds: float = Field(default=7 * DAY_SECONDS, ge=0, allow_inf_nan=False)
    """How long a release that serves everyone can still go back by itself. Defaults to a week."""
    drift_window_seconds: int = Field(default=DAY_SECONDS, ge=60, le=DAY_SECONDS, multiple_of=60)
    """The first of a release that serves everyone is what its last one is held to. Whole minutes, at most a
    day, which is CloudWatch's longest period. Defaults to a day."""
    scores: tuple[str, ...] = ()
    """Metrics of the gate that runs report by `run.score`, and that a candidate is held to in each step."""
    running: Literal["finish", "stop"] = "finish"
    """What runs of a release that goes back do: finish there, or stop at their next step and move."""
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    """Chance of sending back a candidate that is no worse, in each comparison of each step."""

    @model_validator(mode="after")
    def _grows(self) -> "Plan":
        shares = [step.basis_points for step in self.steps]
        if shares != sorted(set(shares)) or shares[-1] != WHOLE:
            raise ValueError(f"steps must grow to {WHOLE} basis points, and are {shares}")
        if unknown := sorted(set(self.scores) - self.gate.thresholds.keys()):
            raise ValueError(f"scores names {', '.join(unknown)}, for which the gate has no threshold")
        if self.group and (self.agent not in self.group or len(set(self.group)) < len(self.group)):
            raise ValueError(f"group must name {self.agent} and each other agent once")
        return self
