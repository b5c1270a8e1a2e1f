"""Short agent turns on Lambda, released through a weighted alias."""

from typing import Any

import pulumi
import pulumi_aws as aws

from agent_hosting import _access, _manifests, _releases, _run_statements, _versions, statements
from agent_hosting._audit_trail import check_audit
from agent_hosting._host_parts import HostParts
from agent_hosting._host_rollout import control_traffic
from agent_hosting._lambda_args import LambdaAgentArgs
from agent_hosting._limits import check_limits
from agent_hosting._models import ModelPriceArgs
from agent_hosting._names import claim
from agent_hosting._packaging import Target
from agent_hosting._people import People
from agent_hosting._schedules import check_schedules, schedule_runs
from agent_hosting._spend import check_spend, spend_variables
from agent_hosting._validation import Inputs
from agent_hosting.agent_identity import AgentIdentity
from agent_hosting.canary_traffic import CanaryTraffic
from agent_hosting.front_door import STATUS_ROUTES, DoorFunction
from agent_hosting.hosting import Host


class LambdaAgent(pulumi.ComponentResource):
    """An agent whose turns finish within one Lambda invocation."""

    url: pulumi.Output[str]
    """Base address of the HTTP API; empty without `jwt`."""
    alias_arn: pulumi.Output[str]
    """Call the agent here, never by function name: the canary's weights lie on this alias."""
    bundle_id: pulumi.Output[str]
    """Bundle of the newest release."""
    serving: pulumi.Output[dict[str, float]]
    """Share of calls by bundle id, as AWS holds it."""
    role_arn: pulumi.Output[str]
    """Role that the agent runs as."""
    function_name: pulumi.Output[str]
    """Function whose versions are the releases."""
    log_group_name: pulumi.Output[str]
    """Where the agent logs."""
    topic_arn: pulumi.Output[str]
    """Topic of budget alerts and alarms."""
    checkpoint_table_name: pulumi.Output[str]
    """Table of the agent's runs."""
    checkpoint_bucket_name: pulumi.Output[str]
    """Bucket of what is too large for that table."""
    checkpoint_retention_days: pulumi.Output[int]
    """Days that runs, sessions and their memory are kept."""
    audit_log_group_name: pulumi.Output[str]
    """Log group of the audit trail."""
    audit_bucket_name: pulumi.Output[str]
    """Bucket of its locked copies."""
    audit_retention_days: pulumi.Output[int]
    """Days that it is kept."""
    model_prices: pulumi.Output[dict[str, ModelPriceArgs]]
    """What models cost here, by their names, in the place of what the bundle says."""
    audit_reviewer_policy_arn: pulumi.Output[str]
    """Managed policy for those who review the trail."""
    control_table_name: pulumi.Output[str]
    """Table of releases and brakes."""
    failure_queue_url: pulumi.Output[str]
    """Queue of asynchronous calls that failed for good."""

    def __init__(self, name: str, args: LambdaAgentArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        inputs = Inputs("LambdaAgent", name, args)
        claim(name, inputs)
        super().__init__("agent-hosting:index:LambdaAgent", name, {}, opts)
        limits = check_limits(name, args, inputs, LambdaAgentArgs.__annotations__)
        caps, schedules = check_spend(args, inputs), check_schedules(args, inputs)
        people = People.of(args, inputs)
        audit_days = check_audit(args, inputs)
        target = Target.of(args.get("architecture"))
        release = _releases.newest(args, inputs, target, ("source", "bundle_id", "archive"))
        child, parts = pulumi.ResourceOptions(parent=self), HostParts(name, args, self)
        tags = parts.tags

        platform = parts.platform()
        identity = AgentIdentity(
            f"{name}-identity", {"boundary_arn": platform["boundary_arn"], "tags": tags}, opts=child
        )
        checkpoints = parts.checkpoints(limits.retention_days)
        parts.connect_tools(release.bundle, platform, checkpoints)
        scope = parts.secrets(release.bundle.secrets, identity.role_arn)
        log = parts.log(platform, limits.log_days)
        trail = parts.audit(audit_days, platform)
        failures = aws.sqs.Queue(
            f"{name}-failures",
            message_retention_seconds=14 * 86400,
            # What could not be run is what callers said, as the checkpoints are.
            kms_master_key_id=checkpoints.key_arn if parts.retain else None,
            sqs_managed_sse_enabled=None if parts.retain else True,
            tags=tags,
            opts=child,
        )
        aws.sqs.QueuePolicy(
            f"{name}-failures-policy",
            queue_url=failures.url,
            policy=statements.policy([statements.tls_only("sqs:*", failures.arn)]),
            opts=child,
        )
        budget = parts.budget(platform, trail)
        told_people = parts.people(people, budget, platform, identity.role_name, target, limits.log_days)
        parts.watch(identity.role_name, budget)
        access = aws.iam.RolePolicy(
            f"{name}-access",
            role=identity.role_name,
            policy=_access.policy_of(
                name,
                self,
                log=log,
                failures=failures,
                checkpoints=checkpoints,
                scope=scope,
                platform=platform,
                models=release.bundle.tiers,
                encrypted_checkpoints=parts.retain,
                budget=budget,
                audit=trail.rights,
                caps=caps,
            ),
            opts=child,
        )
        variables: Any = {
            **parts.variables(platform, checkpoints, limits.retention_days),
            **parts.agent_variables(scope),
            **spend_variables(caps, budget),
            **told_people,
            **trail.variables,
            **parts.tenant_variables(),
            "AGENT_BUNDLE_ID": release.bundle.bundle_id,
            "AGENT_TURN_TIMEOUT_SECONDS": str(limits.turn_seconds),
        }
        function = aws.lambda_.Function(
            name,
            # Frozen with the version: it says what a version is.
            description=f"bundle {release.bundle.bundle_id}",
            code=pulumi.FileArchive(release.archive),
            source_code_hash=release.archive_sha256,
            handler="agent_runtime.hosts.lambda_.handler",
            runtime=target.runtime,
            architectures=[target.architecture],
            role=identity.role_arn,
            publish=True,
            timeout=limits.turn_seconds + 1,  # the runtime ends the turn itself, with its state saved
            memory_size=limits.memory_mb,
            reserved_concurrent_executions=limits.concurrency,
            tracing_config={"mode": "Active"},
            logging_config={"log_format": "Text", "log_group": log.name},
            environment={"variables": variables},
            kms_key_arn=platform.get("key_arn"),
            tags={**tags, "bundle": release.bundle.bundle_id},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[access]),
        )
        manifest = _manifests.keep(name, args, release.bundle, Host.LAMBDA, platform, self)
        versions, recorded = _versions.versions(name, args, release, function, manifest, platform, self)
        traffic = CanaryTraffic(
            f"{name}-traffic",
            {
                "function_name": function.name,
                "versions": versions,
                "alarm_topic_arn": budget.topic_arn,
                "tags": tags,
                **({"shares": _releases.by_bundle(args, release)} if args.get("shares") else {}),  # type: ignore[typeddict-item]
            },
            opts=child,
        )
        if not args.get("shares"):
            _versions.record_traffic(name, traffic.serving, recorded, platform, self)
        control_traffic(
            parts,
            Host.LAMBDA,
            platform,
            checkpoints,
            release.bundle,
            [_run_statements.move_alias(function.arn)],
            budget.topic_arn,
            limits.log_days,
            limits.retention_days,
            function.name,
            function.version,
            _access.copies(name, function.arn, checkpoints, encrypted_checkpoints=parts.retain),
            trail=trail,
        )
        common = parts.variables(platform, checkpoints, limits.retention_days)
        locked = parts.audit_export(trail, platform, common, budget.topic_arn, limits.log_days)
        aws.lambda_.FunctionEventInvokeConfig(
            f"{name}-async",
            function_name=function.name,
            qualifier=traffic.alias_name,
            maximum_retry_attempts=2,
            maximum_event_age_in_seconds=3600,
            destination_config={"on_failure": {"destination": failures.arn}},
            opts=child,
        )
        schedule_runs(
            name,
            schedules,
            target_arn=traffic.alias_arn,
            key_arn=checkpoints.key_arn if parts.retain else None,
            platform=platform,
            topic_arn=budget.topic_arn,
            tags=tags,
            parent=self,
        )
        behind_door: DoorFunction = {
            "label": "agent",
            "routes": ["POST /runs", *STATUS_ROUTES],
            "function_name": function.name,
            "alias_name": traffic.alias_name,
            "alias_invoke_arn": traffic.invoke_arn,
        }

        self.url = parts.door([behind_door], platform, limits.log_days)
        self.alias_arn, self.serving, self.role_arn = traffic.alias_arn, traffic.serving, identity.role_arn
        self.bundle_id = pulumi.Output.from_input(release.bundle.bundle_id)
        self.function_name, self.log_group_name, self.topic_arn = function.name, log.name, budget.topic_arn
        self.checkpoint_table_name, self.failure_queue_url = checkpoints.table_name, failures.url
        self.checkpoint_bucket_name = checkpoints.bucket_name
        self.checkpoint_retention_days = pulumi.Output.from_input(limits.retention_days)
        self.control_table_name = pulumi.Output.from_input(platform["control_table_name"])
        self.audit_log_group_name = pulumi.Output.from_input(trail.log_group_name)
        self.audit_retention_days = pulumi.Output.from_input(trail.days)
        self.model_prices = pulumi.Output.from_input(args.get("prices") or {})
        self.audit_bucket_name, self.audit_reviewer_policy_arn = (
            locked.bucket_name,
            locked.reviewer_policy_arn,
        )
        self.register_outputs({output: getattr(self, output) for output in LambdaAgent.__annotations__})
