"""Functions of our own beside an agent, all of one archive, and the minute that calls some of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws

from agent_hosting._packaging import Target, functions_archive
from agent_hosting.agent_identity import AgentIdentity
from agent_hosting.statements import Statement, policy, read_variables

Statements = pulumi.Input[Sequence[Statement]]


Archive = pulumi.Input[tuple[Path, str]]
"""Where it lies, and its SHA-256."""


@dataclass(frozen=True)
class OwnFunctions:
    """Makes functions below `parent`, each with a log, a role and a name of its own."""

    target: Target
    boundary_arn: pulumi.Input[str]
    log_days: int
    tags: Any
    parent: pulumi.Resource
    key_arn: pulumi.Input[str] | None = None
    """Encrypts their logs and variables; else AWS's own keys do."""

    @property
    def _child(self) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self.parent)

    def make(
        self,
        name: str,
        *,
        description: str,
        module: str,
        rights: Callable[[aws.cloudwatch.LogGroup], Statements],
        variables: Mapping[str, pulumi.Input[str]],
        seconds: int,
        at_once: int,
        publish: bool | None = None,
        network: Any = None,
        archive: Archive | None = None,
        memory_mb: int = 512,
        role: AgentIdentity | None = None,
    ) -> aws.lambda_.Function:
        """The function whose handler is that of the runtime's `module`; `rights` gives what its role may do,
        `at_once` how many calls run at one time, `network` the subnets and security groups that it enters.
        `archive` defaults to the runtime with its packages, `role` to one that is made here."""
        log = aws.cloudwatch.LogGroup(
            f"{name}-log",
            retention_in_days=self.log_days,
            kms_key_id=self.key_arn,
            tags=self.tags,
            opts=self._child,
        )
        allowed = pulumi.Output.all(rights(log), read_variables(self.key_arn))
        allowed_here = allowed.apply(lambda both: [*both[0], *both[1]])
        identity = role or AgentIdentity(
            name,
            {"boundary_arn": self.boundary_arn, "statements": allowed_here, "tags": self.tags},
            opts=self._child,
        )
        access: pulumi.Resource = identity
        if role is not None:
            access = aws.iam.RolePolicy(
                f"{name}-policy",
                role=role.role_name,
                policy=allowed_here.apply(lambda found: policy(list(found))),
                opts=self._child,
            )
        packed = pulumi.Output.from_input(archive or functions_archive(self.target))
        return aws.lambda_.Function(
            name,
            description=description,
            code=packed.apply(lambda found: pulumi.FileArchive(str(found[0]))),
            source_code_hash=packed.apply(lambda found: found[1]),
            handler=f"agent_runtime.{module}.handler",
            runtime=self.target.runtime,
            architectures=[self.target.architecture],
            role=identity.role_arn,
            publish=publish,
            timeout=seconds,
            memory_size=memory_mb,
            reserved_concurrent_executions=at_once,
            tracing_config={"mode": "Active"},
            logging_config={"log_format": "Text", "log_group": log.name},
            environment={"variables": {**variables}},
            kms_key_arn=self.key_arn,
            vpc_config=network,
            tags=self.tags,
            opts=pulumi.ResourceOptions(parent=self.parent, depends_on=[access]),
        )

    def call_each_minute(
        self,
        name: str,
        function: aws.lambda_.Function,
        *,
        description: str,
        alarm: str,
        alarm_description: str,
        topic_arn: pulumi.Input[str],
        minutes: int = 1,
        failing: tuple[int, int] = (3, 5),
    ) -> None:
        """A call that failed is not repeated: the next minute's finds what it left. Where they go on failing,
        so many of so many in a row, the alarm `{name}-{alarm}` tells the topic."""
        aws.lambda_.FunctionEventInvokeConfig(
            f"{name}-async",
            function_name=function.name,
            maximum_retry_attempts=0,
            maximum_event_age_in_seconds=60,
            opts=self._child,
        )
        minute = aws.cloudwatch.EventRule(
            name,
            description=description,
            schedule_expression=f"rate({minutes} minute{'s' if minutes > 1 else ''})",
            tags=self.tags,
            opts=self._child,
        )
        allowed = aws.lambda_.Permission(
            f"{name}-permission",
            function=function.name,
            action="lambda:InvokeFunction",
            principal="events.amazonaws.com",
            source_arn=minute.arn,
            opts=self._child,
        )
        aws.cloudwatch.EventTarget(
            f"{name}-target",
            rule=minute.name,
            arn=function.arn,
            opts=pulumi.ResourceOptions(parent=self.parent, depends_on=[allowed]),
        )
        aws.cloudwatch.MetricAlarm(
            f"{name}-{alarm}",
            alarm_description=alarm_description,
            namespace="AWS/Lambda",
            metric_name="Errors",
            dimensions={"FunctionName": function.name},
            statistic="Sum",
            period=60 * minutes,
            evaluation_periods=failing[1],
            datapoints_to_alarm=failing[0],
            threshold=1,
            comparison_operator="GreaterThanOrEqualToThreshold",
            treat_missing_data="notBreaching",
            alarm_actions=[topic_arn],
            tags=self.tags,
            opts=self._child,
        )
