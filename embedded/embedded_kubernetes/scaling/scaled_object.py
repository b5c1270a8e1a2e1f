"""A ScaledObject as KEDA reads it, with its defaults: pure.

https://keda.sh/docs/2.18/reference/scaledobject-spec/
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from embedded_kubernetes.objects.api import Object

_PAUSED, _PAUSED_REPLICAS = "autoscaling.keda.sh/paused", "autoscaling.keda.sh/paused-replicas"


@dataclass(frozen=True)
class Queue:
    """https://keda.sh/docs/2.18/scalers/aws-sqs/"""

    name: str
    region: str
    in_flight: bool
    delayed: bool


@dataclass(frozen=True)
class CloudWatch:
    """https://keda.sh/docs/2.18/scalers/aws-cloudwatch/"""

    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    region: str
    statistic: str
    period_seconds: int
    collection_seconds: int
    without_data: float


@dataclass(frozen=True)
class Trigger:
    source: Queue | CloudWatch
    target: float
    activation: float
    kind: Literal["AverageValue", "Value"]


@dataclass(frozen=True)
class Target:
    api_version: str
    kind: str
    name: str


@dataclass(frozen=True)
class ScaledObject:
    target: Target
    triggers: Sequence[Trigger]
    unknown: Sequence[str]
    """Types of triggers that are not emulated, and what cannot be read of those that are."""
    least: int
    most: int
    idle: int | None
    polling_seconds: float
    cooldown_seconds: float
    stabilization_seconds: float
    paused: bool
    paused_replicas: int | None


def scaled_object(given: Object) -> ScaledObject:
    spec, annotations = given["spec"], given["metadata"].get("annotations") or {}
    to = spec["scaleTargetRef"]
    triggers: list[Trigger] = []
    unknown: list[str] = []
    for one in spec.get("triggers") or ():
        read = _SOURCES.get(one["type"])
        if read is None:
            unknown.append(f"trigger {one['type']}: recorded, not emulated")
            continue
        try:
            triggers.append(read(one["metadata"], one.get("metricType") or "AverageValue"))
        except (KeyError, ValueError) as error:
            unknown.append(f"trigger {one['type']} lacks, or cannot read, {error}")
    replicas = annotations.get(_PAUSED_REPLICAS)
    behaviour: Any = (spec.get("advanced") or {}).get("horizontalPodAutoscalerConfig") or {}
    down = (behaviour.get("behavior") or {}).get("scaleDown") or {}
    return ScaledObject(
        target=Target(to.get("apiVersion") or "apps/v1", to.get("kind") or "Deployment", to["name"]),
        triggers=triggers,
        unknown=unknown,
        least=spec.get("minReplicaCount") or 0,
        most=spec.get("maxReplicaCount") or 100,
        idle=spec.get("idleReplicaCount"),
        polling_seconds=_or(spec.get("pollingInterval"), 30),
        cooldown_seconds=_or(spec.get("cooldownPeriod"), 300),
        stabilization_seconds=_or(down.get("stabilizationWindowSeconds"), 300),
        paused=str(annotations.get(_PAUSED, "")).lower() == "true" or replicas is not None,
        paused_replicas=None if replicas is None else int(replicas),
    )


def _queue(given: Mapping[str, str], kind: Any) -> Trigger:
    source = Queue(
        name=given["queueURL"].rstrip("/").rsplit("/", 1)[-1],
        region=given["awsRegion"],
        in_flight=given.get("scaleOnInFlight", "true").lower() == "true",
        delayed=given.get("scaleOnDelayed", "false").lower() == "true",
    )
    target, activation = float(given.get("queueLength", 5)), float(given.get("activationQueueLength", 0))
    return Trigger(source, _positive("queueLength", target), activation, kind)


def _cloudwatch(given: Mapping[str, str], kind: Any) -> Trigger:
    names, values = (given.get(key, "").split(";") for key in ("dimensionName", "dimensionValue"))
    if "expression" in given or len(names) != len(values):
        raise ValueError("expression" if "expression" in given else "dimensionName and dimensionValue")
    source = CloudWatch(
        namespace=given["namespace"],
        metric=given["metricName"],
        dimensions={name: value for name, value in zip(names, values, strict=True) if name},
        region=given["awsRegion"],
        statistic=given.get("metricStat", "Average"),
        period_seconds=int(given.get("metricStatPeriod", 300)),
        collection_seconds=int(given.get("metricCollectionTime", 300)),
        without_data=float(given["minMetricValue"]),
    )
    target = _positive("targetMetricValue", float(given["targetMetricValue"]))
    return Trigger(source, target, float(given.get("activationTargetMetricValue", 0)), kind)


_SOURCES = {"aws-sqs-queue": _queue, "aws-cloudwatch": _cloudwatch}


def _positive(name: str, value: float) -> float:
    if value <= 0:
        raise ValueError(f"{name}, which must be above 0")
    return value


def _or(given: Any, default: float) -> float:
    return default if given is None else float(given)
