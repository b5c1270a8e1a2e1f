"""How many replicas a ScaledObject wants now: pure.

KEDA itself moves between zero and one, https://keda.sh/docs/2.18/concepts/scaling-deployments/; a
HorizontalPodAutoscaler that it makes moves between one and the most,
https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from embedded_kubernetes.scaling.scaled_object import ScaledObject, Trigger

TOLERANCE = 0.1
"""The autoscaler leaves the number where it is within a tenth of the target."""


@dataclass(frozen=True)
class Past:
    """What earlier rounds left."""

    active_at: float | None = None
    """When a trigger was last active; None where none ever was."""
    wanted: tuple[tuple[float, int], ...] = ()
    """(when, replicas) of the autoscaler's recent answers, of which the highest holds it up."""


def decide(
    scaled: ScaledObject,
    values: Sequence[float | None],
    replicas: int,
    past: Past,
    now: float,
    *,
    idle: bool = False,
) -> tuple[int, Past]:
    """`values` are those of the triggers, None for one that could not be read. `idle` counts every waiting
    time as over."""
    if scaled.paused:
        return (replicas if scaled.paused_replicas is None else scaled.paused_replicas), past
    read = [(trigger, v) for trigger, v in zip(scaled.triggers, values, strict=True) if v is not None]
    active = any(value > trigger.activation for trigger, value in read)
    unclear = len(read) < len(scaled.triggers)
    if active:
        past = Past(now, past.wanted)
        if replicas == 0 or (scaled.idle is not None and replicas == scaled.idle < scaled.least):
            replicas = max(scaled.least, 1)
        return _autoscaled(scaled, read, replicas, past, now, unclear=unclear, idle=idle)
    if unclear or not scaled.triggers:
        return replicas, past
    rest = scaled.idle if scaled.idle is not None else (0 if scaled.least == 0 else None)
    if rest is not None:
        if replicas <= rest:
            return rest, past
        # KEDA counts from the last activity that it knows of; where it knows of none, time is over.
        if idle or past.active_at is None or now - past.active_at >= scaled.cooldown_seconds:
            return rest, Past(past.active_at)
    return _autoscaled(scaled, read, replicas, past, now, unclear=False, idle=idle)


def _autoscaled(
    scaled: ScaledObject,
    read: Sequence[tuple[Trigger, float]],
    replicas: int,
    past: Past,
    now: float,
    *,
    unclear: bool,
    idle: bool,
) -> tuple[int, Past]:
    """The most that any trigger asks for. With one that cannot be read it only goes up."""
    wanted = max((_wanted(trigger, value, max(replicas, 1)) for trigger, value in read), default=replicas)
    if unclear:
        wanted = max(wanted, replicas)
    wanted = min(max(wanted, scaled.least, 1), scaled.most)
    window = 0.0 if idle else scaled.stabilization_seconds
    # Like the autoscaler's own, the first round takes the number that it finds for an answer given now.
    before = past.wanted or ((now, replicas),)
    recent = (*((at, n) for at, n in before if now - at < window), (now, wanted))
    held = min(max(n for _, n in recent), replicas, scaled.most)
    return max(wanted, held), Past(past.active_at, recent)


def _wanted(trigger: Trigger, value: float, replicas: int) -> int:
    """AverageValue divides the whole among the replicas, Value compares it as it is."""
    usage = value / trigger.target
    ratio = usage if trigger.kind == "Value" else usage / replicas
    if abs(ratio - 1.0) <= TOLERANCE:
        return replicas
    return math.ceil(replicas * usage) if trigger.kind == "Value" else math.ceil(usage)
