"""Long agent runs on SQS and ECS, divided between releases at submit."""

import pulumi
import pulumi_aws as aws

from agent_hosting import _ecs_access, _queue_access
from agent_hosting._audit_trail import check_audit
from agent_hosting._container_releases import (
    check_cluster,
    check_secret_variables,
    check_shares,
    newest_release,
)
from agent_hosting._ecs_args import EcsAgentArgs
from agent_hosting._ecs_limits import check_ecs_limits
from agent_hosting._ecs_service import Crew
from agent_hosting._host_parts import HostParts
from agent_hosting._host_rollout import control_traffic
from agent_hosting._keys import own_tasks, queues_key
from agent_hosting._manifests import keep
from agent_hosting._models import ModelPriceArgs
from agent_hosting._names import claim
from agent_hosting._packaging import Target
from agent_hosting._people import People
from agent_hosting._queue_access import Surroundings
from agent_hosting._queue_division import divide, told
from agent_hosting._queue_functions import Functions
from agent_hosting._schedules import check_schedules
from agent_hosting._spend import caps_variables, check_spend, keep_ledger, spend_variables
from agent_hosting._validation import Inputs
from agent_hosting.agent_identity import AgentIdentity
from agent_hosting.hosting import Host
from agent_hosting.statements import policy


class EcsAgent(pulumi.ComponentResource):
    """An agent whose runs wait in a queue and are worked off by containers, step by step."""

    url: pulumi.Output[str]
    """Base address of the HTTP API; empty without `jwt`."""
    bundle_id: pulumi.Output[str]
    """Bundle of the newest release."""
    serving: pulumi.Output[dict[str, float]]
    """Share of new runs by bundle id, as the control table holds it."""
    role_arn: pulumi.Output[str]
    """Role that the agent runs as."""
    function_name: pulumi.Output[str]
    """Function that accepts runs."""
    log_group_name: pulumi.Output[str]
    """Where the agent logs, each release in streams of its own."""
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
    """Table of releases, traffic and brakes."""
    cluster_name: pulumi.Output[str]
    """Cluster of the workers."""
    service_names: pulumi.Output[dict[str, str]]
    """Service of the workers by bundle id."""
    queue_urls: pulumi.Output[dict[str, str]]
    """Queue by bundle id."""
    dead_letter_queue_urls: pulumi.Output[dict[str, str]]
    """Dead-letter queue by bundle id."""

    def __init__(self, name: str, args: EcsAgentArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        inputs = Inputs("EcsAgent", name, args)
        claim(name, inputs)
        super().__init__("agent-hosting:index:EcsAgent", name, {}, opts)
        limits = check_ecs_limits(name, args, inputs, EcsAgentArgs.__annotations__)
        caps, schedules = check_spend(args, inputs), check_schedules(args, inputs)
        people = People.of(args, inputs)
        audit_days = check_audit(args, inputs)
        target = Target.of(args.get("architecture"))
        release, newest = newest_release(name, args, inputs, target)
        shares = check_shares(args, release, inputs)
        in_variables = check_secret_variables(args, release, inputs)
        check_cluster(args, inputs)
        child, parts = pulumi.ResourceOptions(parent=self), HostParts(name, args, self)
        tags = parts.tags

        platform = parts.platform(containers=True)
        role, execution_role = (
            AgentIdentity(
                f"{name}-{label}",
                {
                    "boundary_arn": platform["boundary_arn"],
                    "service": "ecs-tasks.amazonaws.com",
                    "source_arn": own_tasks(self),
                    "tags": tags,
                },
                opts=child,
            )
            for label in ("identity", "execution")
        )
        kept_days = limits.queue.checkpoint_retention_days
        checkpoints = parts.checkpoints(kept_days)
        parts.connect_tools(release.bundle, platform, checkpoints)
        scope = parts.secrets(
            release.bundle.secrets, role.role_arn, [execution_role.role_arn] if in_variables else []
        )
        log = parts.log(platform, limits.log_days)
        trail = parts.audit(audit_days, platform)
        budget = parts.budget(platform, trail)
        told_people = parts.people(people, budget, platform, role.role_name, target, limits.log_days)
        parts.watch(role.role_name, budget)
        key = queues_key(name, tags, self)
        division = divide(name, args, Host.ECS, newest, shares, target, platform, self)
        queues = division.queues(limits.queue, limits.oldest_run_seconds, key.arn, budget.topic_arn, tags)
        here = Surroundings(
            name,
            checkpoints,
            parts.retain,
            platform["control_table_arn"],
            key.arn,
            told(queues, "queue_arn"),
            trail.rights,
        )
        may_work = keep_ledger(name, checkpoints, budget, here.control_table_arn, caps) + _ecs_access.worker(
            here,
            self,
            cluster_arn=platform["cluster_arn"],  # type: ignore[typeddict-item]
            dead_letter_queue_arns=told(queues, "dead_letter_queue_arn"),
            scope=scope,
            models=release.bundle.tiers,
        )
        may_start = _ecs_access.execution(log, division.images(), scope, sorted(set(in_variables.values())))
        access: list[pulumi.Resource] = [
            aws.iam.RolePolicy(f"{name}-{label}", role=taker.role_name, policy=allowed, opts=child)
            for label, taker, allowed in (
                ("access", role, policy(may_work)),
                ("execution-access", execution_role, may_start.apply(policy)),
            )
        ]
        common = {**parts.variables(platform, checkpoints, kept_days), **trail.variables}
        common["AGENT_MAX_RECEIVES"] = str(limits.queue.max_receives)
        crew = Crew(
            agent=name,
            limits=limits,
            processor=target.architecture,
            platform=platform,
            variables={
                **common,
                **parts.agent_variables(scope),
                **spend_variables(caps, budget),
                **told_people,
                **limits.variables,
            },
            secret_variables={
                variable: scope.secret_arns[secret] for variable, secret in in_variables.items() if scope
            },
            log=log,
            role_arn=role.role_arn,
            execution_role_arn=execution_role.role_arn,
            access=access,
            tags=tags,
            parent=self,
        )
        functions = Functions(
            agent=name,
            target=target,
            platform=platform,
            here=here,
            variables={**common, "AGENT_QUEUES": pulumi.Output.json_dumps(told(queues, "queue_url"))},
            door_variables={
                **parts.tenant_variables(),
                **parts.memory_variables(release.bundle),
                **caps_variables(caps),
            },
            log_days=limits.log_days,
            topic_arn=budget.topic_arn,
            tags=tags,
            parent=self,
        )
        submit, status = functions.submit(), functions.status()
        functions.reaper()
        traffic = division.wanted()
        manifest = keep(name, args, release.bundle, Host.ECS, platform, self)
        workers, recorded = division.deploy(crew, queues, traffic, manifest)
        # Runs go to a release once its workers are seen to run and the submit function knows its queue.
        self.serving = division.write(traffic, [workers, submit["alias_invoke_arn"]], recorded)
        moving = _queue_access.controller(here)
        control_traffic(
            parts,
            Host.ECS,
            platform,
            checkpoints,
            release.bundle,
            moving,
            budget.topic_arn,
            limits.log_days,
            limits.queue.checkpoint_retention_days,
            trail=trail,
        )

        parts.schedule(schedules, submit, key.arn, platform, budget.topic_arn)
        locked = parts.audit_export(trail, platform, common, budget.topic_arn, limits.log_days)
        self.url = parts.door([submit, status], platform, limits.log_days)
        self.bundle_id, self.role_arn = pulumi.Output.from_input(newest.bundle_id), role.role_arn
        self.function_name = pulumi.Output.from_input(submit["function_name"])
        self.log_group_name, self.topic_arn = log.name, budget.topic_arn
        self.checkpoint_table_name = checkpoints.table_name
        self.checkpoint_bucket_name = checkpoints.bucket_name
        self.checkpoint_retention_days = pulumi.Output.from_input(kept_days)
        self.control_table_name = pulumi.Output.from_input(platform["control_table_name"])
        self.cluster_name = pulumi.Output.from_input(platform["cluster_name"])  # type: ignore[typeddict-item]
        self.queue_urls = told(queues, "queue_url")
        self.dead_letter_queue_urls = told(queues, "dead_letter_queue_url")
        self.service_names = told(workers, "service_name")
        self.audit_log_group_name = pulumi.Output.from_input(trail.log_group_name)
        self.audit_retention_days = pulumi.Output.from_input(trail.days)
        self.model_prices = pulumi.Output.from_input(args.get("prices") or {})
        self.audit_bucket_name, self.audit_reviewer_policy_arn = (
            locked.bucket_name,
            locked.reviewer_policy_arn,
        )
        self.register_outputs({output: getattr(self, output) for output in EcsAgent.__annotations__})
