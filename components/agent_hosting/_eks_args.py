"""What an agent on EKS may be asked for."""

from collections.abc import Sequence
from typing import NotRequired, TypedDict

import pulumi

from agent_hosting._audit_trail import AuditLock
from agent_hosting._eks_analysis import AnalysisArgs
from agent_hosting._eks_limits import DestinationArgs, GatewayArgs, Workload
from agent_hosting._models import ModelPriceArgs
from agent_hosting._observe import ObserveArgs
from agent_hosting._packaging import Architecture
from agent_hosting._people import EscalateArgs, NotifyArgs
from agent_hosting._releases import Release
from agent_hosting._rollout_plan import RolloutArgs
from agent_hosting._schedules import ScheduleArgs
from agent_hosting._spend import SpendArgs
from agent_hosting._tool_gateway_args import ToolGatewayReference
from agent_hosting.agent_bundle import ModelArgs
from agent_hosting.agent_cluster import ClusterReference
from agent_hosting.agent_platform import PlatformReference
from agent_hosting.front_door import JwtArgs


class EksAgentArgs(TypedDict):
    releases: Sequence[Release]
    """Releases, oldest first, the newest last. Each has a queue and pods of its own."""
    monthly_budget_usd: float
    """What the agent may cost in a calendar month, in US dollars."""
    analysis: NotRequired[AnalysisArgs]
    """What Argo Rollouts measures, for `workload: rollout`. Defaults to the gate's metrics in CloudWatch."""
    alert_emails: NotRequired[Sequence[str]]
    """Who is told of spending. Defaults to nobody; the brake works all the same."""
    architecture: NotRequired[Architecture]
    """Processor. Defaults to arm64: a fifth cheaper than x86_64."""
    audit_lock: NotRequired[AuditLock]
    """Who may take copies of the audit trail away before their days are over. Defaults to `governance`: those
    who are given that right alone; with `compliance` nobody is."""
    audit_retention_days: NotRequired[int]
    """Days that the audit trail and its locked copies are kept. Defaults to 365."""
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
    escalate: NotRequired[EscalateArgs]
    """Thresholds at which a run is handed to a person. Defaults to none."""
    gateway: NotRequired[GatewayArgs]
    """Gateway of the cluster through which callers inside of the network reach the pods at once. Defaults to
    none: then they call the HTTP API, whose turns go through the queue."""
    idle_seconds: NotRequired[int]
    """Seconds without work after which pods beyond `min_pods` go, to 86400. Defaults to 300."""
    jwt: NotRequired[JwtArgs]
    """Whose tokens open the HTTP API and the pods. Needed."""
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
    models: NotRequired[dict[str, ModelArgs]]
    """Replaces those tiers of the manifest's `models` that it names; likewise for a release by `source`."""
    model_endpoint: NotRequired[str]
    """Base URL of an OpenAI-compatible server. Needed where the model's provider is `openai`."""
    model_endpoints: NotRequired[dict[str, str]]
    """The same by tier, for tiers that another server has: a fallback elsewhere survives the loss of one.
    Defaults to none."""
    namespace: NotRequired[str]
    """Namespace of the cluster, one of its `namespaces`. Defaults to `agents`."""
    notify: NotRequired[NotifyArgs]
    """Who is told of what waits for a person: questions, escalations, parked runs and brakes. Defaults to
    nobody; `agent-hosting approvals list` and `runs list` show them all the same."""
    observe: NotRequired[ObserveArgs]
    """Traces, alarms, dashboard and redaction. Defaults to the defaults of each field."""
    platform: NotRequired[PlatformReference]
    """Outputs of the environment's AgentPlatform. Omit and the agent makes one of its own."""
    prices: NotRequired[dict[str, ModelPriceArgs]]
    """What models cost here, by their names. Defaults to what the bundle says."""
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
    schedules: NotRequired[dict[str, ScheduleArgs]]
    """Runs that begin by themselves, by their schedule's name; each is the tenant `schedule:NAME`. Defaults
    to none."""
    spend: NotRequired[SpendArgs]
    """What the agent, each tenant and each run may spend. Defaults to the budget's month, a quarter of it a
    day and a twentieth an hour, for the agent as a whole."""
    tenants: NotRequired[Sequence[str]]
    """Tenants that are let in. Defaults to every tenant that the issuer vouches for."""
    tool_gateway: NotRequired[ToolGatewayReference]
    """Outputs of the ToolGateway that its tools with `destination: gateway` are called by, as
    `reference_to_tools` gives them. Defaults to none."""
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


def is_rollout(args: EksAgentArgs) -> bool:
    """Whether Argo Rollouts moves the traffic itself."""
    return args.get("workload") == Workload.ROLLOUT.value
