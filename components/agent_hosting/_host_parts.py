"""The parts that an agent has on every host, made from the inputs that every host takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from agent_hosting import _tool_link
from agent_hosting._audit_trail import AuditExport, AuditLock, AuditTrail, audit_trail, export_trail
from agent_hosting._models import model_variables
from agent_hosting._observe import check_observe, observe_variables, secrets_of, watch
from agent_hosting._packaging import Architecture, Target
from agent_hosting._people import People
from agent_hosting._rollout_plan import sample_basis_points
from agent_hosting._schedules import ScheduleArgs, alias_arn, schedule_runs
from agent_hosting._validation import Inputs
from agent_hosting.agent_budget import AgentBudget
from agent_hosting.agent_platform import AgentPlatform, PlatformReference, reference_to
from agent_hosting.checkpoint_table import CheckpointTable
from agent_hosting.front_door import DoorFunction, FrontDoor
from agent_hosting.secret_scope import SecretScope
from agent_runtime.bundle import Bundle
from agent_runtime.telemetry.spec import ObserveSpec


@dataclass(frozen=True)
class HostParts:
    """Makes the parts of the agent `name` below `parent`. `args` are the host's own."""

    name: str
    args: Any
    parent: pulumi.Resource

    def __post_init__(self) -> None:
        _ = self.observe  # what is wrong in it is told before anything is made

    @property
    def _child(self) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self.parent)

    @property
    def retain(self) -> bool:
        return self.args.get("retain_data", True)

    @property
    def environment(self) -> str:
        return self.args.get("environment") or "default"

    @property
    def tags(self) -> Any:
        return {"agent": self.name, "environment": self.environment}

    @property
    def observe(self) -> ObserveSpec:
        """Telemetry, as the runtime is told of it. A host's component is named for its host."""
        host = type(self.parent).__name__.removesuffix("Agent").lower()
        return check_observe(self.args, self.inputs(), host)

    def watch(self, role_name: pulumi.Input[str], budget: AgentBudget) -> None:
        """Alarms and dashboard of the agent, which runs as `role_name`."""
        given = (self.name, self.args, self.observe, self.environment)
        watch(*given, role_name, budget.topic_arn, self.tags, self.parent)

    def platform(self, *, containers: bool = False) -> PlatformReference:
        """The platform that was given, else one of the agent's own."""
        if self.args.get("platform"):
            return self.args["platform"]
        return reference_to(
            AgentPlatform(
                f"{self.name}-platform",
                {"containers": containers, "retain_data": self.retain, "tags": self.tags},
                opts=self._child,
            )
        )

    def audit(self, days: int, platform: PlatformReference) -> AuditTrail:
        """Where what the agent did is told."""
        return audit_trail(self.name, days, platform, retain=self.retain, tags=self.tags, parent=self.parent)

    def schedule(
        self,
        schedules: Mapping[str, ScheduleArgs],
        submit: DoorFunction,
        key_arn: pulumi.Input[str] | None,
        platform: PlatformReference,
        topic_arn: pulumi.Input[str],
    ) -> None:
        """Its runs at their times, where a function of ours accepts them."""
        schedule_runs(
            self.name,
            schedules,
            target_arn=alias_arn(submit, self.parent),
            function_name=submit["function_name"],
            key_arn=key_arn,
            platform=platform,
            topic_arn=topic_arn,
            tags=self.tags,
            parent=self.parent,
        )

    def audit_export(
        self,
        trail: AuditTrail,
        platform: PlatformReference,
        variables: Mapping[str, pulumi.Input[str]],
        topic_arn: pulumi.Input[str],
        log_days: int,
    ) -> AuditExport:
        """Where it is locked."""
        return export_trail(
            trail,
            platform,
            Target.of(self.args.get("architecture")),
            lock=AuditLock(self.args.get("audit_lock") or AuditLock.GOVERNANCE),
            variables=variables,
            log_days=log_days,
            topic_arn=topic_arn,
            retain=self.retain,
            tags=self.tags,
            parent=self.parent,
        )

    def checkpoints(self, retention_days: int) -> CheckpointTable:
        return CheckpointTable(
            f"{self.name}-checkpoints",
            {
                "retain_data": self.retain,
                "customer_managed_key": self.retain,
                "large_item_days": 2 * retention_days,
                "tags": self.tags,
            },
            opts=self._child,
        )

    def secrets(
        self,
        names: Sequence[str],
        reader_role_arn: pulumi.Input[str],
        further_reader_arns: Sequence[pulumi.Input[str]] = (),
    ) -> SecretScope | None:
        """The secrets that the manifest names, and that of its traces, or None where there is none."""
        names = secrets_of(self.observe, _tool_link.secret_names(names, self.args))
        if not names:
            return None
        values, deployers = _tool_link.secret_values(self.name, self.args), self.args.get("deployer_arns")
        return SecretScope(
            f"{self.name}-secrets",
            {
                "reader_role_arn": reader_role_arn,
                "further_reader_arns": list(further_reader_arns),
                "secrets": {secret: values.get(secret, "") for secret in names},
                "recovery_days": 30 if self.retain else 0,
                "tags": self.tags,
                **({"deployer_arns": deployers} if deployers else {}),  # type: ignore[typeddict-item]
            },
            opts=self._child,
        )

    def budget(self, platform: PlatformReference, trail: AuditTrail) -> AgentBudget:
        return AgentBudget(
            f"{self.name}-budget",
            {
                "agent_name": self.name,
                "monthly_budget_usd": self.args["monthly_budget_usd"],
                "alert_emails": self.args.get("alert_emails") or [],
                "platform": platform,
                "architecture": self.args.get("architecture") or Architecture.ARM64,
                "audit_log_group_name": trail.log_group_name,
                "audit_log_group_arn": trail.log_group_arn,
                "audit_retention_days": trail.days,
                "tags": self.tags,
            },
            opts=self._child,
        )

    def people(
        self,
        people: People,
        budget: AgentBudget,
        platform: PlatformReference,
        role_name: pulumi.Input[str],
        target: Target,
        log_days: int,
    ) -> dict[str, pulumi.Input[str]]:
        """Who is told of what waits for a person; variables of the program that runs the agent."""
        return people.make(
            self.name,
            budget=budget,
            platform=platform,
            role_name=role_name,
            target=target,
            log_days=log_days,
            retain=self.retain,
            deployer_arns=self.args.get("deployer_arns"),
            tags=self.tags,
            parent=self.parent,
        )

    def log(self, platform: PlatformReference, log_days: int) -> aws.cloudwatch.LogGroup:
        """Where the agent itself logs."""
        return aws.cloudwatch.LogGroup(
            f"{self.name}-log",
            retention_in_days=log_days,
            kms_key_id=platform.get("key_arn"),
            tags=self.tags,
            opts=self._child,
        )

    def door(
        self, functions: Sequence[DoorFunction], platform: PlatformReference, log_days: int
    ) -> pulumi.Output[str]:
        """Address of the HTTP API; empty without `jwt`."""
        if not self.args.get("jwt"):
            return pulumi.Output.from_input("")
        return FrontDoor(
            f"{self.name}-door",
            {
                "functions": functions,
                "jwt": self.args["jwt"],
                "requests_per_second": self.args.get("requests_per_second") or 10,
                "log_retention_days": log_days,
                **({"log_key_arn": platform["key_arn"]} if platform.get("key_arn") is not None else {}),  # type: ignore[typeddict-item]
                "tags": self.tags,
            },
            opts=self._child,
        ).url

    def variables(
        self, platform: PlatformReference, checkpoints: CheckpointTable, retention_days: int
    ) -> dict[str, pulumi.Input[str]]:
        """What every program of the agent is told."""
        return {
            "AGENT_NAME": self.name,
            "AGENT_ENVIRONMENT": self.environment,
            "AGENT_CHECKPOINT_TABLE": checkpoints.table_name,
            "AGENT_CHECKPOINT_BUCKET": checkpoints.bucket_name,
            "AGENT_CONTROL_TABLE": platform["control_table_name"],
            "AGENT_CHECKPOINT_RETENTION_DAYS": str(retention_days),
            **observe_variables(self.observe),
        }

    def agent_variables(self, scope: SecretScope | None) -> dict[str, pulumi.Input[str]]:
        """What the program that runs the agent is told beside them."""
        return {
            "AGENT_SECRETS": pulumi.Output.json_dumps(scope.secret_arns if scope else {}),
            **model_variables(self.args),
            "AGENT_SAMPLE_BASIS_POINTS": str(sample_basis_points(self.args, self.inputs())),
            **_tool_link.variables(self.name, self.args),
            **self._optional("AGENT_TOOLS", ",".join(self.args.get("tools") or [])),
        }

    def connect_tools(
        self, bundle: Bundle, platform: PlatformReference, checkpoints: CheckpointTable
    ) -> None:
        """Makes the agent known to its tool gateway, where it has one."""
        _tool_link.connect(
            self.name, self.args, bundle, platform, checkpoints, encrypted=self.retain, parent=self.parent
        )

    def tenant_variables(self) -> dict[str, pulumi.Input[str]]:
        """What the program that lets callers in is told beside them."""
        return self._optional("AGENT_TENANTS", ",".join(self.args.get("tenants") or []))

    def memory_variables(self, bundle: Bundle) -> dict[str, pulumi.Input[str]]:
        """What the function that accepts runs is told of sessions: it looks for the release of each."""
        return self._optional("AGENT_MEMORY", "true" if bundle.memory is not None else None)

    def inputs(self) -> Inputs:
        return Inputs(type(self.parent).__name__, self.name, self.args)

    @staticmethod
    def _optional(variable: str, value: str | None) -> dict[str, pulumi.Input[str]]:
        return {variable: value} if value else {}
