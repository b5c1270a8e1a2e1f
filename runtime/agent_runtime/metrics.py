"""What a run tells CloudWatch: one log line in its embedded metric format.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from agent_runtime.records import ENDED, RunStatus, Usage
from agent_runtime.traces import RunTrace

if TYPE_CHECKING:  # the reaper prints metrics, too, and runs nothing
    from agent_runtime.outcomes import RunOutcome
    from agent_runtime.turns import MemoryFigures

NAMESPACE: Final = "AgentHosting"
SCORE: Final = "Score_"
"""Before the name of what a run reported by `run.score`."""
DRIFTED: Final = "DriftedMetrics"
ACTIVE: Final = "ActiveSessions"
FEW: Final = frozenset(
    {
        "ContextUtilisation",
        "DurationMs",
        "Escalations",
        "RunErrors",
        "RunTokens",
        "Runs",
        "SpendUsd",
        "TimeToEscalationMs",
        "ToolCalls",
        "ToolErrors",
        "TraceQuality",
    }
)
"""What the figures of an agent are made of: eleven metrics, 3.30 US dollars a month for a host or a tenant.
https://aws.amazon.com/cloudwatch/pricing/"""
_UNITS: Final = {
    "CopySpendUsd": "None",
    "DurationMs": "Milliseconds",
    "MemoryBytes": "Bytes",
    "MemoryChurn": "None",
    "MemoryGainedBytes": "Bytes",
    "SpendUsd": "None",
    "TimeToEscalationMs": "Milliseconds",
}


@dataclass(frozen=True)
class RunFigures:
    """One worker's or function's time with a run."""

    spent: Usage = field(default_factory=Usage)
    counts: bool = True
    """Whether the run ended, failed, or waits for a person. Else it sleeps, changes hands or had ended
    before, and a rate over such times would be thinner than the truth."""
    failed: bool = False
    escalated: bool = False
    duration_ms: float = 0.0
    scores: Mapping[str, float] = field(default_factory=dict)
    agreement: float | None = None
    """Of a copy: it counts beside the runs of callers, not among them, and has a budget of its own."""
    tokens: int | None = None
    """All that the run has used, input and output, over all workers; None where it goes on, or called no
    model."""
    trace: RunTrace = field(default_factory=RunTrace)
    memory: "MemoryFigures | None" = None
    """Of a run that changed what its session remembers."""


def figures_of(outcome: "RunOutcome | None", *, failed: bool, duration_ms: float) -> RunFigures:
    """The figures of an outcome; without one the run did not even begin."""
    if outcome is None:
        return RunFigures(failed=failed, duration_ms=duration_ms)
    escalated = outcome.status is RunStatus.WAITING_APPROVAL
    has_ended = failed or outcome.status in ENDED
    used, trace = outcome.usage, outcome.trace or RunTrace()
    if not has_ended:  # whoever ends the run has all of its steps, those that are replayed too
        trace = replace(trace, context_utilisation=None, quality=None)
    return RunFigures(
        spent=outcome.spent,
        counts=(escalated or has_ended) and (failed or outcome.lease is not None),
        failed=failed,
        escalated=escalated,
        duration_ms=duration_ms,
        scores=outcome.scores if outcome.status is RunStatus.DONE else {},
        agreement=outcome.agreement,
        # A run that was done before is told once alone, however often it is asked for.
        tokens=used.input_tokens + used.output_tokens
        if has_ended and outcome.trace is not None and used.model_calls
        else None,
        trace=trace,
        memory=outcome.memory,
    )


@dataclass(frozen=True)
class Told:
    """For whom metrics are told, beside the agent and its release."""

    host: str = ""
    """Empty for none."""
    by_tenant: bool = False


NOBODY_ELSE: Final = Told()


def metrics_line(
    *,
    agent: str,
    bundle_id: str,
    run_id: str,
    figures: RunFigures,
    now: float,
    tenant: str = "",
    told: Told = NOBODY_ELSE,
) -> str:
    """`now` is seconds since 1970.

    Dimensions are the agent, and the agent with its bundle: each further value of a dimension is a metric
    that costs money, so runs are a field to search for instead. The host, over all agents of an account, and
    each tenant where that is declared, get the few figures of `FEW`. Sums of squares are there for the
    comparison of two releases: CloudWatch gives no variance.
    """
    values = _of_a_run(figures) if figures.agreement is None else _of_a_copy(figures, figures.agreement)
    named = {"agent": agent, "bundle": bundle_id, "run_id": run_id}
    further: list[list[str]] = []
    if told.host:
        named["host"] = told.host
        further.append(["host"])
    if tenant:
        named["tenant"] = tenant
        further += [["agent", "tenant"]] if told.by_tenant else []
    return _line([["agent"], ["agent", "bundle"]], named, values, now, further)


def sessions_line(*, agent: str, bundle_id: str, sessions: int, now: float) -> str:
    """How many sessions a process of a release has served of late, whatever they ask of it: what a scaler
    adds up. `now` is seconds since 1970."""
    return _line([["agent", "bundle"]], {"agent": agent, "bundle": bundle_id}, {ACTIVE: sessions}, now)


def drift_line(*, agent: str, drifted: int, now: float) -> str:
    """How many metrics of the agent's release have drifted. `now` is seconds since 1970."""
    return _line([["agent"]], {"agent": agent}, {DRIFTED: drifted}, now)


def _line(
    dimensions: list[list[str]],
    named: Mapping[str, str],
    values: Mapping[str, float],
    now: float,
    further: list[list[str]] | None = None,
) -> str:
    """`further` dimensions have the metrics of `FEW` alone."""
    directives = [_directive(dimensions, list(values))]
    few = [name for name in values if name in FEW]
    if further and few:
        directives.append(_directive(further, few))
    aws = {"Timestamp": int(now * 1000), "CloudWatchMetrics": directives}
    return json.dumps({"_aws": aws, **named, **values})


def _directive(dimensions: list[list[str]], metrics: list[str]) -> dict[str, object]:
    return {
        "Namespace": NAMESPACE,
        "Dimensions": dimensions,
        "Metrics": [{"Name": name, "Unit": _UNITS.get(name, "Count")} for name in metrics],
    }


def _of_a_run(figures: RunFigures) -> dict[str, float]:
    spent, duration = figures.spent, round(figures.duration_ms, 3)
    values: dict[str, float] = {
        "SpendUsd": spent.cost_usd,
        "InputTokens": spent.input_tokens,
        "OutputTokens": spent.output_tokens,
        "Runs": int(figures.counts),
    }
    if figures.counts:
        values |= {
            "RunErrors": int(figures.failed),
            "Escalations": int(figures.escalated),
            "DurationMs": duration,
            "DurationMsSquares": round(duration * duration, 3),
            "SpendUsdSquares": spent.cost_usd * spent.cost_usd,
        }
    values |= {name: value for name, value in _traced(figures).items() if value is not None}
    if figures.memory is not None:
        values |= _remembered(figures.memory)
    return values | {f"{SCORE}{name}": score for name, score in figures.scores.items()}


def _traced(figures: RunFigures) -> dict[str, float | None]:
    """What is measured for drift. What a run cannot say it leaves out: a zero would be an answer."""
    trace, waited = figures.trace, figures.trace.escalated_after_ms
    called = trace.tool_calls > 0
    return {
        "RunTokens": figures.tokens,
        "ToolCalls": trace.tool_calls if called else None,
        "ToolErrors": trace.tool_errors if called else None,
        "ToolRefusals": trace.tool_refusals or None,
        "ContextUtilisation": trace.context_utilisation,
        "TraceQuality": trace.quality,
        "TimeToEscalationMs": waited,
        "TimeToEscalationMsSquares": None if waited is None else waited * waited,
    }


def _remembered(memory: "MemoryFigures") -> dict[str, float]:
    return {
        "MemoryBytes": memory.bytes,
        "MemoryKeys": memory.keys,
        "MemoryChurn": round(memory.changed, 6),
        "MemoryContested": memory.contested,
        "MemoryGainedBytes": memory.gained_bytes,
        "MemoryGainedBytesSquares": memory.gained_bytes * memory.gained_bytes,
    }


def _of_a_copy(figures: RunFigures, agreement: float) -> dict[str, float]:
    values: dict[str, float] = {"CopySpendUsd": figures.spent.cost_usd}
    if figures.counts:
        values |= {"Copies": 1, "CopyErrors": int(figures.failed), "CopyAgreement": agreement}
    return values
