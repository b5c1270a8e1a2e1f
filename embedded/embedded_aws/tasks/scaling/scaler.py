"""Brings the desired count of services to what their scaling policies say, tick by tick."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from moto.applicationautoscaling.models import (
    FakeApplicationAutoscalingPolicy,
    FakeScalableTarget,
    applicationautoscaling_backends,
)
from moto.cloudwatch.models import cloudwatch_backends
from moto.ecs.models import Service, ecs_backends

from embedded_aws.tasks.scaling.expressions import BadExpression
from embedded_aws.tasks.scaling.metrics import Metrics, customized, of_alarm
from embedded_aws.tasks.scaling.policies import is_breached, stepped, tracked

DIMENSION = "ecs:service:DesiredCount"
COOLDOWN_SECONDS = 300
"""https://docs.aws.amazon.com/autoscaling/application/APIReference/API_TargetTrackingScalingPolicyConfiguration.html:
the default for ECS services, in both directions and for step policies too."""


@dataclass(frozen=True)
class _Activity:
    """The last time that a policy changed the capacity."""

    at: float
    before: int
    after: int


class Scaler:
    """An alarm counts as breached at once: on AWS it takes its evaluation periods, minutes in all."""

    def __init__(self, *, account: str, log: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._account, self._log, self._clock = account, log, clock
        self._activities: dict[str, _Activity] = {}
        """By the policy's ARN."""
        self._changed: dict[str, float] = {}
        """When any policy changed the target with this resource id."""
        self._reported: set[str] = set()

    def evaluate(self) -> None:
        for region, backend in list(applicationautoscaling_backends[self._account].items()):
            for target in list(backend.targets.get(DIMENSION, {}).values()):
                self._scale(region, target)

    def _scale(self, region: str, target: FakeScalableTarget) -> None:
        _, cluster, name = target.resource_id.split("/")
        service = ecs_backends[self._account][region].services.get(f"{cluster}:{name}")
        if service is None or service.status != "ACTIVE":
            return
        wanted: dict[str, int] = {}
        for policy in self._policies(region, target):
            try:
                capacity = self._wanted(region, target, policy, service)
            except BadExpression as error:
                self._report(f"{policy.policy_arn}: {error}")
                continue
            if capacity is not None:
                wanted[policy.policy_arn] = capacity
        if not wanted:
            return
        # "Application Auto Scaling scales based on the policy that provides the largest capacity for both
        # scale in and scale out": application-auto-scaling-target-tracking.html.
        arn, capacity = max(wanted.items(), key=lambda item: item[1])
        before = service.desired_count
        if capacity != before and not _is_suspended(target, outwards=capacity > before):
            self._activities[arn] = _Activity(self._clock(), before, capacity)
            self._changed[target.resource_id] = self._clock()
            self._log(f"{target.resource_id}: {arn.rsplit('/', 1)[-1]} sets {before} tasks to {capacity}")
            change = {"cluster": cluster, "service": name, "desired_count": capacity}
            ecs_backends[self._account][region].update_service(change)

    def _policies(
        self, region: str, target: FakeScalableTarget
    ) -> Iterable[FakeApplicationAutoscalingPolicy]:
        for policy in list(applicationautoscaling_backends[self._account][region].policies.values()):
            if (policy.resource_id, policy.scalable_dimension) == (target.resource_id, DIMENSION):
                yield policy

    def _wanted(
        self,
        region: str,
        target: FakeScalableTarget,
        policy: FakeApplicationAutoscalingPolicy,
        service: Service,
    ) -> int | None:
        """The capacity that the policy is for; None where it has nothing to say."""
        compute, scales_in = (
            self._tracking(region, policy)
            if policy.policy_type == "TargetTrackingScaling"
            else self._stepping(region, policy)
        )
        current = service.desired_count
        if compute is None:
            # A tracking policy without data holds the capacity: no other one scales in meanwhile.
            return current if policy.policy_type == "TargetTrackingScaling" else None
        low, high = int(target.min_capacity or 0), int(target.max_capacity or 0)
        return self._cooled(
            policy, current, lambda capacity: min(max(compute(capacity), low), high), scales_in
        )

    def _cooled(
        self,
        policy: FakeApplicationAutoscalingPolicy,
        current: int,
        compute: Callable[[int], int],
        scales_in: bool,
    ) -> int | None:
        """https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html,
        cooldown periods.

        While a scale-out cools down, what it added counts as part of the next. A scale-in waits for its
        cooldown after any change of the target: on AWS its alarm needs a quarter of an hour of low data too.
        """
        body: Mapping[str, Any] = policy._policy_body
        last = self._activities.get(policy.policy_arn)
        passed = self._clock() - last.at if last is not None else float("inf")
        out = body.get("ScaleOutCooldown", body.get("Cooldown", COOLDOWN_SECONDS))
        cools = last is not None and last.after > last.before and passed < out
        wanted = compute(last.before if last is not None and cools else current)
        if wanted > current:
            return wanted
        cooldown = body.get("ScaleInCooldown", body.get("Cooldown", COOLDOWN_SECONDS))
        since = self._clock() - self._changed.get(policy.resource_id, float("-inf"))
        if wanted < current and scales_in and since >= cooldown:
            return wanted
        return current if scales_in else None

    def _tracking(
        self, region: str, policy: FakeApplicationAutoscalingPolicy
    ) -> tuple[Callable[[int], int] | None, bool]:
        body: Mapping[str, Any] = policy._policy_body
        specification = body.get("CustomizedMetricSpecification")
        if specification is None:
            raise BadExpression("the embedded cloud measures no predefined metric")
        metric = Metrics(self._account, region, self._clock).computed(customized(specification))
        scales_in = not body.get("DisableScaleIn")
        if metric is None:
            return None, scales_in
        return (lambda capacity: tracked(capacity, metric, body["TargetValue"])), scales_in

    def _stepping(
        self, region: str, policy: FakeApplicationAutoscalingPolicy
    ) -> tuple[Callable[[int], int] | None, bool]:
        body: Mapping[str, Any] = policy._policy_body
        for alarm in list(cloudwatch_backends[self._account][region].alarms.values()):
            if policy.policy_arn not in (alarm.alarm_actions or ()) or not alarm.actions_enabled:
                continue
            value = Metrics(self._account, region, self._clock).computed(of_alarm(alarm))
            if value is None or not is_breached(alarm.comparison_operator, value, alarm.threshold):
                continue
            if stepped(0, body, value - alarm.threshold) is not None:
                return partial(_step, body, value - alarm.threshold), True
        return None, True

    def _report(self, sentence: str) -> None:
        if sentence not in self._reported:
            self._reported.add(sentence)
            self._log(sentence)


def _step(body: Mapping[str, Any], breach: float, capacity: int) -> int:
    return stepped(capacity, body, breach) or 0


def _is_suspended(target: FakeScalableTarget, *, outwards: bool) -> bool:
    suspended: Any = target.suspended_state or {}
    return bool(suspended.get(f"DynamicScaling{'Out' if outwards else 'In'}Suspended"))
