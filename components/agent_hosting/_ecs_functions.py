"""The functions around the queues: submit, status and the reaper."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from agent_hosting import _ecs_access
from agent_hosting._ecs_access import Surroundings
from agent_hosting._packaging import Target, functions_archive
from agent_hosting.agent_identity import AgentIdentity
from agent_hosting.agent_platform import PlatformReference
from agent_hosting.front_door import STATUS_ROUTES, DoorFunction

ALIAS = "live"
_ACCESS = {"submit": _ecs_access.submit, "status": _ecs_access.status, "reaper": _ecs_access.reaper}
_SECONDS = {"submit": 10, "status": 10, "reaper": 55}
"""An HTTP API gives up after 30 s, long after these calls should have; the reaper is called each minute."""
_AT_ONCE = {"submit": 20, "status": 20, "reaper": 1}
"""A flood of calls must not take the account's concurrency; two reapers would do the same work."""


@dataclass(frozen=True)
class Functions:
    """What the three functions of one agent share."""

    agent: str
    target: Target
    platform: PlatformReference
    here: Surroundings
    variables: Mapping[str, pulumi.Input[str]]
    door_variables: Mapping[str, pulumi.Input[str]]
    """For the two functions behind the door."""
    log_days: int
    topic_arn: pulumi.Input[str]
    tags: Any
    parent: pulumi.Resource

    def submit(self) -> DoorFunction:
        return self._behind_door("submit", ["POST /runs", "POST /uploads"])

    def status(self) -> DoorFunction:
        return self._behind_door("status", list(STATUS_ROUTES))

    def reaper(self) -> None:
        """Called each minute. A call that failed is not repeated: the next one finds the same runs."""
        name, child = f"{self.agent}-reaper", pulumi.ResourceOptions(parent=self.parent)
        function = self._function("reaper", {})
        aws.lambda_.FunctionEventInvokeConfig(
            f"{name}-async",
            function_name=function.name,
            maximum_retry_attempts=0,
            maximum_event_age_in_seconds=60,
            opts=child,
        )
        minute = aws.cloudwatch.EventRule(
            name,
            description=f"Looks for runs of {self.agent} whose worker fell silent",
            schedule_expression="rate(1 minute)",
            tags=self.tags,
            opts=child,
        )
        allowed = aws.lambda_.Permission(
            f"{name}-permission",
            function=function.name,
            action="lambda:InvokeFunction",
            principal="events.amazonaws.com",
            source_arn=minute.arn,
            opts=child,
        )
        aws.cloudwatch.EventTarget(
            f"{name}-target",
            rule=minute.name,
            arn=function.arn,
            opts=pulumi.ResourceOptions(parent=self.parent, depends_on=[allowed]),
        )
        aws.cloudwatch.MetricAlarm(
            f"{name}-errors",
            alarm_description=f"The reaper of {self.agent} fails: runs whose worker died are not taken up.",
            namespace="AWS/Lambda",
            metric_name="Errors",
            dimensions={"FunctionName": function.name},
            statistic="Sum",
            period=60,
            evaluation_periods=5,
            datapoints_to_alarm=3,
            threshold=1,
            comparison_operator="GreaterThanOrEqualToThreshold",
            treat_missing_data="notBreaching",
            alarm_actions=[self.topic_arn],
            tags=self.tags,
            opts=child,
        )

    def _behind_door(self, label: str, routes: list[str]) -> DoorFunction:
        function = self._function(label, self.door_variables)
        alias = aws.lambda_.Alias(
            f"{self.agent}-{label}-live",
            name=ALIAS,
            function_name=function.name,
            function_version=function.version,
            opts=pulumi.ResourceOptions(parent=self.parent),
        )
        return {
            "label": label,
            "routes": routes,
            "function_name": function.name,
            "alias_name": alias.name,
            "alias_invoke_arn": alias.invoke_arn,
        }

    def _function(self, label: str, variables: Mapping[str, pulumi.Input[str]]) -> aws.lambda_.Function:
        name, child = f"{self.agent}-{label}", pulumi.ResourceOptions(parent=self.parent)
        log = aws.cloudwatch.LogGroup(
            f"{name}-log", retention_in_days=self.log_days, tags=self.tags, opts=child
        )
        identity = AgentIdentity(
            name,
            {
                "boundary_arn": self.platform["boundary_arn"],
                "statements": pulumi.Output.from_input(_ACCESS[label](self.here, log)),
                "tags": self.tags,
            },
            opts=child,
        )
        archive, sha256 = functions_archive(self.target)
        return aws.lambda_.Function(
            name,
            description=f"{label} of agent {self.agent}",
            code=pulumi.FileArchive(str(archive)),
            source_code_hash=sha256,
            handler=f"agent_runtime.hosts.{label}.handler",
            runtime=self.target.runtime,
            architectures=[self.target.architecture],
            role=identity.role_arn,
            publish=True,
            timeout=_SECONDS[label],
            memory_size=512,
            reserved_concurrent_executions=_AT_ONCE[label],
            tracing_config={"mode": "Active"},
            logging_config={"log_format": "Text", "log_group": log.name},
            environment={"variables": {**self.variables, **variables}},
            tags=self.tags,
            opts=pulumi.ResourceOptions(parent=self.parent, depends_on=[identity]),
        )
