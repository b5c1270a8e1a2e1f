"""Agents that keep state, on Kubernetes: a workload for each release, with sessions that stay on theirs."""

import pulumi
import pulumi_aws as aws

from agent_hosting import _eks_access, _queue_access
from agent_hosting._audit_trail import check_audit
from agent_hosting._container_releases import check_shares, newest_release
from agent_hosting._eks_analysis import check_analysis
from agent_hosting._eks_args import EksAgentArgs
from agent_hosting._eks_limits import check_eks_limits
from agent_hosting._eks_placement import Placement
from agent_hosting._eks_pods import PORT, Pods
from agent_hosting._eks_workloads import service_name
from agent_hosting._host_parts import HostParts
from agent_hosting._host_rollout import control_traffic
from agent_hosting._keys import queues_key
from agent_hosting._kubernetes import Objects, provider_of
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
from agent_hosting.agent_cluster import AgentCluster, ClusterReference, reference_to_cluster
from agent_hosting.agent_identity import AgentIdentity
from agent_hosting.agent_platform import PlatformReference
from agent_hosting.hosting import Host
from agent_hosting.statements import policy

_LONGEST_NAME = 39
"""With a bundle id behind it: a StatefulSet's name becomes part of a label of 63 characters."""


class EksAgent(pulumi.ComponentResource):
    """An agent whose sessions keep their state between turns, each on the release it began on."""

    url: pulumi.Output[str]
    """Base address of the HTTP API; empty without `jwt`."""
    bundle_id: pulumi.Output[str]
    """Bundle of the newest release."""
    serving: pulumi.Output[dict[str, float]]
    """Share of new sessions by bundle id, as the control table holds it."""
    role_arn: pulumi.Output[str]
    """Role that the pods run as."""
    function_name: pulumi.Output[str]
    """Function that accepts runs."""
    log_group_name: pulumi.Output[str]
    """Where the agent logs, each pod in a stream of its own."""
    topic_arn: pulumi.Output[str]
    """Topic of budget alerts and alarms."""
    checkpoint_table_name: pulumi.Output[str]
    """Table of the agent's runs and sessions."""
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
    """Cluster of the pods."""
    namespace: pulumi.Output[str]
    """Namespace of the pods."""
    service_names: pulumi.Output[dict[str, str]]
    """Service in front of the pods by bundle id."""
    queue_urls: pulumi.Output[dict[str, str]]
    """Queue by bundle id."""
    dead_letter_queue_urls: pulumi.Output[dict[str, str]]
    """Dead-letter queue by bundle id."""

    def __init__(self, name: str, args: EksAgentArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        inputs = Inputs("EksAgent", name, args)
        claim(name, inputs)
        super().__init__("agent-hosting:index:EksAgent", name, {}, opts)
        limits = check_eks_limits(name, args, inputs, EksAgentArgs.__annotations__)
        _check_place(name, inputs)
        caps, schedules = check_spend(args, inputs), check_schedules(args, inputs)
        people = People.of(args, inputs)
        audit_days = check_audit(args, inputs)
        target = Target.of(args.get("architecture"))
        release, newest = newest_release(name, args, inputs, target)
        shares = check_shares(args, release, inputs)
        analysis = check_analysis(args.get("analysis"), inputs)
        child, parts = pulumi.ResourceOptions(parent=self), HostParts(name, args, self)
        tags = parts.tags

        platform = parts.platform()
        cluster = _cluster(name, args, platform, self)
        role = AgentIdentity(
            f"{name}-identity",
            {"boundary_arn": platform["boundary_arn"], "service": "pods.eks.amazonaws.com", "tags": tags},
            opts=child,
        )
        kept_days = limits.queue.checkpoint_retention_days
        checkpoints = parts.checkpoints(kept_days)
        parts.connect_tools(release.bundle, platform, checkpoints)
        scope = parts.secrets(release.bundle.secrets, role.role_arn)
        log = parts.log(platform, limits.log_days)
        trail = parts.audit(audit_days, platform)
        budget = parts.budget(platform, trail)
        told_people = parts.people(people, budget, platform, role.role_name, target, limits.log_days)
        parts.watch(role.role_name, budget)
        key = queues_key(name, tags, self)
        division = divide(name, args, Host.EKS, newest, shares, target, platform, self)
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
        allowed = keep_ledger(name, checkpoints, budget, here.control_table_arn, caps) + _eks_access.pod(
            here,
            self,
            log=log,
            dead_letter_queue_arns=told(queues, "dead_letter_queue_arn"),
            scope=scope,
            models=release.bundle.tiers,
        )
        access = aws.iam.RolePolicy(f"{name}-access", role=role.role_name, policy=policy(allowed), opts=child)
        common = {**parts.variables(platform, checkpoints, kept_days), **trail.variables}
        pods = Pods(
            agent=name,
            namespace=args.get("namespace") or "agents",
            service_account=name,
            limits=limits,
            processor=target.architecture,
            variables={
                **common,
                **parts.agent_variables(scope),
                **spend_variables(caps, budget),
                **told_people,
                **parts.tenant_variables(),
                **_told(name, args, log, self),
            },
        )
        objects = Objects(provider_of(name, cluster["kubeconfig"], self), self)
        placement = Placement(pods, objects, args, cluster, tags)
        admitted = [access, *placement.admit(role.role_arn)]
        crew = placement.crew(newest.bundle_id, told(queues, "queue_url"), analysis, admitted)
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
        manifest = keep(name, args, release.bundle, Host.EKS, platform, self)
        workloads, recorded = division.deploy(crew, queues, traffic, manifest)
        # Runs go to a release once its pods are seen to be ready and the submit function knows its queue.
        self.serving = division.write(traffic, [workloads, submit["alias_invoke_arn"]], recorded)
        controller = control_traffic(
            parts,
            Host.EKS,
            platform,
            checkpoints,
            release.bundle,
            _queue_access.controller(here),
            budget.topic_arn,
            limits.log_days,
            kept_days,
            **placement.controller_inputs(),
            trail=trail,
        )
        placement.divide_calls(workloads, traffic, controller, admitted)

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
        self.cluster_name = pulumi.Output.from_input(cluster["cluster_name"])
        self.namespace = pulumi.Output.from_input(pods.namespace)
        self.queue_urls = told(queues, "queue_url")
        self.dead_letter_queue_urls = told(queues, "dead_letter_queue_url")
        self.service_names = told(workloads, "service")
        self.audit_log_group_name = pulumi.Output.from_input(trail.log_group_name)
        self.audit_retention_days = pulumi.Output.from_input(trail.days)
        self.model_prices = pulumi.Output.from_input(args.get("prices") or {})
        self.audit_bucket_name, self.audit_reviewer_policy_arn = (
            locked.bucket_name,
            locked.reviewer_policy_arn,
        )
        self.register_outputs({output: getattr(self, output) for output in EksAgent.__annotations__})


def _cluster(
    name: str, args: EksAgentArgs, platform: PlatformReference, parent: pulumi.Resource
) -> ClusterReference:
    """The cluster that was given, else one of the agent's own."""
    given = args.get("cluster")
    if given is not None:
        return given
    deployers = args.get("deployer_arns")
    return reference_to_cluster(
        AgentCluster(
            f"{name}-cluster",
            {
                "boundary_arn": platform["boundary_arn"],
                "namespaces": [args.get("namespace") or "agents"],
                "retain_data": args.get("retain_data", True),
                # Not the agent's own tag: what makes nodes and disks is no role of an agent.
                "tags": {"environment": args.get("environment") or "default"},
                **({"admin_arns": deployers} if deployers else {}),  # type: ignore[typeddict-item]
            },
            opts=pulumi.ResourceOptions(parent=parent),
        )
    )


def _told(
    name: str, args: EksAgentArgs, log: aws.cloudwatch.LogGroup, parent: pulumi.Resource
) -> dict[str, pulumi.Input[str]]:
    """What a pod is told beside what a worker on ECS is."""
    service, namespace = service_name(name, "{bundle_id}"), args.get("namespace") or "agents"
    variables: dict[str, pulumi.Input[str]] = {
        "AGENT_LOG_GROUP": log.name,
        "AGENT_RELEASE_URL": f"http://{service}.{namespace}.svc.cluster.local:{PORT}",
        "AWS_REGION": aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=parent)).region,
    }
    if (jwt := args.get("jwt")) is not None:
        variables["AGENT_JWT_ISSUER"] = jwt["issuer"]
        variables["AGENT_JWT_AUDIENCES"] = pulumi.Output.json_dumps(list(jwt["audiences"]))
    return variables


def _check_place(name: str, inputs: Inputs) -> None:
    if len(name) > _LONGEST_NAME:
        raise inputs.refuse(
            "name", name, f"on EKS a name has {_LONGEST_NAME} characters at most", "Choose a shorter one."
        )
    inputs.required("jwt", "Pods let callers in by their tokens: say whose.")
