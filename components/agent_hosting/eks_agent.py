"""Agents that keep state, on Kubernetes: a workload for each release, with sessions that stay on theirs."""

from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from agent_hosting import _eks_access, _eks_route, _eks_workloads, _queue_access
from agent_hosting._container_releases import check_shares, newest_release
from agent_hosting._eks_crew import PodCrew
from agent_hosting._eks_limits import DestinationArgs, GatewayArgs, Workload, check_eks_limits
from agent_hosting._eks_pods import PORT, Pods
from agent_hosting._host_parts import HostParts
from agent_hosting._keys import delegate_to_account
from agent_hosting._kubernetes import Objects, provider_of
from agent_hosting._manifests import keep
from agent_hosting._names import claim
from agent_hosting._packaging import Architecture, Target
from agent_hosting._queue_access import Surroundings
from agent_hosting._queue_division import divide, told
from agent_hosting._queue_functions import Functions
from agent_hosting._releases import Release
from agent_hosting._rollout_plan import RolloutArgs
from agent_hosting._validation import Inputs
from agent_hosting.agent_bundle import ModelArgs
from agent_hosting.agent_cluster import AgentCluster, ClusterReference, reference_to_cluster
from agent_hosting.agent_identity import AgentIdentity
from agent_hosting.agent_platform import PlatformReference
from agent_hosting.front_door import JwtArgs
from agent_hosting.hosting import Host
from agent_hosting.statements import policy

_LONGEST_NAME = 39
"""With a bundle id behind it: a StatefulSet's name becomes part of a label of 63 characters."""


class EksAgentArgs(TypedDict):
    releases: Sequence[Release]
    """Releases, oldest first, the newest last. Each has a queue and pods of its own."""
    monthly_budget_usd: float
    """What the agent may cost in a calendar month, in US dollars."""
    alert_emails: NotRequired[Sequence[str]]
    """Who is told of spending. Defaults to nobody; the brake works all the same."""
    architecture: NotRequired[Architecture]
    """Processor. Defaults to arm64: a fifth cheaper than x86_64."""
    checkpoint_retention_days: NotRequired[int]
    """Days that a run can be asked for, 1 to 365. Defaults to 30."""
    cluster: NotRequired[ClusterReference]
    """Outputs of the AgentCluster. Omit and the agent makes one of its own."""
    cpu_millicores: NotRequired[int]
    """Processor of a pod, 1000 for one vCPU: 10 to 96000. Defaults to 250: turns wait for models."""
    dead_letter_retention_days: NotRequired[int]
    """Days from its sending that a dead letter is kept: less than runs are, to 14. Defaults to 14."""
    deployer_arns: NotRequired[Sequence[str]]
    """Roles that deploy. Defaults to whoever deploys now: name them when several do."""
    destinations: NotRequired[Sequence[DestinationArgs]]
    """Where pods may connect to beside AWS. Defaults to nowhere: a model behind an address of its own needs
    one."""
    environment: NotRequired[str]
    """Name of the environment, for tags and logs. Defaults to `default`."""
    gateway: NotRequired[GatewayArgs]
    """Gateway of the cluster through which callers inside of the network reach the pods at once. Defaults to
    none: then they call the HTTP API, whose turns go through the queue."""
    idle_seconds: NotRequired[int]
    """Seconds without work after which pods beyond `min_pods` go, to 86400. Defaults to 300."""
    jwt: NotRequired[JwtArgs]
    """Whose tokens open the HTTP API and the pods. Omit for no HTTP API; a `gateway` needs it."""
    log_retention_days: NotRequired[int]
    """Days that logs are kept. Defaults to 90."""
    longest_run_seconds: NotRequired[float]
    """Longest that a run may take. Defaults to 3600; one that takes longer raises an alarm, and goes on."""
    longest_step_seconds: NotRequired[float]
    """Longest that a step may take, to 3600. Defaults to 60: a pod that goes has that long to end it."""
    max_pods: NotRequired[int]
    """Most pods of one release, from 1. Defaults to 10; to 1 for a sandbox."""
    max_receives: NotRequired[int]
    """Pods that a run may lose before it is a dead letter, 3 to 10. Defaults to 5."""
    memory_mb: NotRequired[int]
    """Memory of a pod in MB, from 64. Defaults to 512."""
    min_pods: NotRequired[int]
    """Fewest pods of a release that serves, from 0. Defaults to 1; with 0 an idle agent has none, and the
    next turn through the HTTP API wakes one."""
    model: NotRequired[ModelArgs]
    """Replaces the model of the agent's manifest in this environment; for a release by `source` only."""
    model_endpoint: NotRequired[str]
    """Base URL of an OpenAI-compatible server. Needed where the model's provider is `openai`."""
    namespace: NotRequired[str]
    """Namespace of the cluster, one of its `namespaces`. Defaults to `agents`."""
    platform: NotRequired[PlatformReference]
    """Outputs of the environment's AgentPlatform. Omit and the agent makes one of its own."""
    pod_concurrency: NotRequired[int]
    """Runs at once in one pod, 1 to 100. Defaults to 4."""
    queue_retention_days: NotRequired[int]
    """Days that a run may wait for a pod, 1 to 13. Defaults to 4."""
    requests_per_second: NotRequired[float]
    """Steady rate of the HTTP API. Defaults to 10."""
    retain_data: NotRequired[bool]
    """Whether tables and buckets outlive the stack, and deleted secrets can be had back for 30 days. Defaults
    to true: runs resume from them. Volumes of pods always stay."""
    rollout: NotRequired[RolloutArgs]
    """How the controller moves traffic to the newest release. Defaults to the defaults of each field."""
    secrets: NotRequired[dict[str, pulumi.Input[str]]]
    """Value by name of the secrets that the manifest declares. Give values as Pulumi secrets."""
    sessions_per_pod: NotRequired[float]
    """Sessions with a turn in the last five minutes for each pod: beyond it more are started. Defaults to
    20."""
    shares: NotRequired[dict[str, float]]
    """Share of new sessions by bundle id; `newest` and `stable` name the newest release and the one that
    serves. Omit where the rollout controller owns them."""
    tenant_share: NotRequired[float]
    """Most of a pod that one tenant may hold while others wait, to 1. Defaults to 0.5."""
    tenants: NotRequired[Sequence[str]]
    """Tenants that are let in. Defaults to every tenant that the issuer vouches for."""
    tool_versions: NotRequired[dict[str, str]]
    """Version of each tool that this environment offers, such as `{"search": "1.4.2"}`. A release that needs
    others is deployed and gets no run. Defaults to none."""
    tools: NotRequired[Sequence[str]]
    """Tools of the manifest that may be used in this environment. Defaults to all of them."""
    turn_timeout_seconds: NotRequired[int]
    """Longest that a pod lets a caller wait, 1 to 300. Defaults to 29; a longer run goes on without."""
    visibility_seconds: NotRequired[int]
    """Seconds until a run whose pod fell silent is given to another, 60 to 120. Defaults to 90."""
    volume_gb: NotRequired[int]
    """Disk of each pod in GiB, which outlives it, to 16384. Defaults to 1; 0 makes none."""
    workload: NotRequired[Workload]
    """What keeps the pods of a release. Defaults to a StatefulSet."""


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
        _check_place(name, args, inputs)
        target = Target.of(args.get("architecture"))
        release, newest = newest_release(name, args, inputs, target)
        shares = check_shares(args, release, inputs)
        child, parts = pulumi.ResourceOptions(parent=self), HostParts(name, args, self)
        tags = parts.tags

        platform = parts.platform()
        cluster = self._cluster(name, args, platform)
        role = AgentIdentity(
            f"{name}-identity",
            {"boundary_arn": platform["boundary_arn"], "service": "pods.eks.amazonaws.com", "tags": tags},
            opts=child,
        )
        kept_days = limits.queue.checkpoint_retention_days
        checkpoints = parts.checkpoints(kept_days)
        scope = parts.secrets(release.bundle.secrets, role.role_arn)
        log = aws.cloudwatch.LogGroup(f"{name}-log", retention_in_days=limits.log_days, tags=tags, opts=child)
        budget = parts.budget(platform)
        key = aws.kms.Key(
            f"{name}-queues-key",
            description=f"Queues of {name}",
            enable_key_rotation=True,
            deletion_window_in_days=7,
            policy=policy([delegate_to_account(self)]),
            tags=tags,
            opts=child,
        )
        division = divide(name, args, Host.EKS, newest, shares, target, platform, self)
        queues = division.queues(limits.queue, limits.oldest_run_seconds, key.arn, budget.topic_arn, tags)
        here = Surroundings(
            name, checkpoints, parts.retain, platform["control_table_arn"], key.arn, told(queues, "queue_arn")
        )
        allowed = _eks_access.pod(
            here,
            self,
            log=log,
            dead_letter_queue_arns=told(queues, "dead_letter_queue_arn"),
            scope=scope,
            model=release.bundle.model,
        )
        access = aws.iam.RolePolicy(f"{name}-access", role=role.role_name, policy=policy(allowed), opts=child)
        common = parts.variables(platform, checkpoints, kept_days)
        pods = Pods(
            agent=name,
            namespace=args.get("namespace") or "agents",
            service_account=name,
            limits=limits,
            processor=target.architecture,
            variables={
                **common,
                **parts.agent_variables(scope),
                **parts.tenant_variables(),
                **self._told(name, args, log),
            },
        )
        objects = Objects(provider_of(name, cluster["kubeconfig"], self), self)
        crew = PodCrew(
            pods=pods,
            objects=objects,
            workload=Workload(args.get("workload") or Workload.STATEFUL_SET),
            region=aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=self)).region,
            has_route=bool(args.get("gateway")),
            access=[access, *self._admit(pods, objects, args, cluster, role, tags)],
        )
        functions = Functions(
            agent=name,
            target=target,
            platform=platform,
            here=here,
            variables={**common, "AGENT_QUEUES": pulumi.Output.json_dumps(told(queues, "queue_url"))},
            door_variables=parts.tenant_variables(),
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
        controller = parts.rollout(
            Host.EKS,
            platform,
            checkpoints,
            release.bundle,
            _queue_access.controller(here),
            budget.topic_arn,
            limits.log_days,
            kept_days,
            **self._route_of(pods, args, cluster),
        )
        gateway = args.get("gateway")
        if gateway is not None:
            document = _eks_route.http_route(pods, gateway, workloads.apply(list), traffic)
            route = objects.apply(f"{name}-route", document)
            if controller is not None:
                _eks_route.let_move(pods, objects, cluster, controller.role_arn, tags, [route])

        self.url = parts.door([submit, status], limits.log_days)
        self.bundle_id, self.role_arn = pulumi.Output.from_input(newest.bundle_id), role.role_arn
        self.function_name = pulumi.Output.from_input(submit["function_name"])
        self.log_group_name, self.topic_arn = log.name, budget.topic_arn
        self.checkpoint_table_name = checkpoints.table_name
        self.control_table_name = pulumi.Output.from_input(platform["control_table_name"])
        self.cluster_name = pulumi.Output.from_input(cluster["cluster_name"])
        self.namespace = pulumi.Output.from_input(pods.namespace)
        self.queue_urls = told(queues, "queue_url")
        self.dead_letter_queue_urls = told(queues, "dead_letter_queue_url")
        self.service_names = told(workloads, "service")
        self.register_outputs({output: getattr(self, output) for output in EksAgent.__annotations__})

    def _cluster(self, name: str, args: EksAgentArgs, platform: PlatformReference) -> ClusterReference:
        """The cluster that was given, else one of the agent's own."""
        given = args.get("cluster")
        if given is not None:
            return given
        return reference_to_cluster(
            AgentCluster(
                f"{name}-cluster",
                {
                    "boundary_arn": platform["boundary_arn"],
                    "namespaces": [args.get("namespace") or "agents"],
                    "retain_data": args.get("retain_data", True),
                    # Not the agent's own tag: what makes nodes and disks is no role of an agent.
                    "tags": {"environment": args.get("environment") or "default"},
                    **({"admin_arns": deployers} if (deployers := args.get("deployer_arns")) else {}),  # type: ignore[typeddict-item]
                },
                opts=pulumi.ResourceOptions(parent=self),
            )
        )

    def _told(
        self, name: str, args: EksAgentArgs, log: aws.cloudwatch.LogGroup
    ) -> dict[str, pulumi.Input[str]]:
        """What a pod is told beside what a worker on ECS is."""
        namespace = args.get("namespace") or "agents"
        variables: dict[str, pulumi.Input[str]] = {
            "AGENT_LOG_GROUP": log.name,
            "AGENT_RELEASE_URL": (
                f"http://{_eks_workloads.service_name(name, '{bundle_id}')}"
                f".{namespace}.svc.cluster.local:{PORT}"
            ),
            "AWS_REGION": aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=self)).region,
        }
        if (jwt := args.get("jwt")) is not None:
            variables["AGENT_JWT_ISSUER"] = jwt["issuer"]
            variables["AGENT_JWT_AUDIENCES"] = pulumi.Output.json_dumps(list(jwt["audiences"]))
        return variables

    def _admit(
        self,
        pods: Pods,
        objects: Objects,
        args: EksAgentArgs,
        cluster: ClusterReference,
        role: AgentIdentity,
        tags: Any,
    ) -> list[pulumi.Resource]:
        """Who the pods are, to Kubernetes and to AWS, and with whom they may speak."""
        name = pods.agent
        account = objects.apply(
            f"{name}-account",
            {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": {
                    **_eks_workloads.metadata(name, pods),
                    # Known once the namespace is there.
                    "namespace": pulumi.Output.from_input(cluster["namespaces"]).apply(
                        lambda _: pods.namespace
                    ),
                },
                "automountServiceAccountToken": False,
            },
        )
        identity = aws.eks.PodIdentityAssociation(
            f"{name}-identity",
            cluster_name=cluster["cluster_name"],
            namespace=pods.namespace,
            service_account=pods.service_account,
            role_arn=role.role_arn,
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        gateway = args.get("gateway")
        policy_of_network = _eks_workloads.network_policy(
            pods,
            cluster["aws_cidr_blocks"],
            args.get("destinations") or (),
            (gateway.get("namespace") or pods.namespace) if gateway is not None else None,
        )
        looks = _eks_workloads.trigger_authentication(pods)
        return [
            account,
            identity,
            objects.apply(f"{name}-network", policy_of_network, after=[account]),
            objects.apply(f"{name}-looks", looks, after=[account]),
        ]

    @staticmethod
    def _route_of(pods: Pods, args: EksAgentArgs, cluster: ClusterReference) -> dict[str, Any]:
        """What the controller needs to know to move the route."""
        if args.get("gateway") is None:
            return {}
        return {
            "http_route": {
                "cluster_name": cluster["cluster_name"],
                "endpoint": cluster["endpoint"],
                "certificate_authority": cluster["certificate_authority"],
                "namespace": pods.namespace,
                "name": pods.agent,
            },
            "network": {
                "subnet_ids": cluster["subnet_ids"],
                "security_group_ids": cluster["security_group_ids"],
            },
        }


def _check_place(name: str, args: EksAgentArgs, inputs: Inputs) -> None:
    if len(name) > _LONGEST_NAME:
        raise inputs.refuse(
            "name", name, f"on EKS a name has {_LONGEST_NAME} characters at most", "Choose a shorter one."
        )
    if args.get("gateway") is not None and args.get("jwt") is None:
        raise inputs.refuse("jwt", None, "a gateway lets callers in by their tokens", "Say whose tokens.")
