"""What an agent on ECS is made from."""

from collections.abc import Sequence
from typing import NotRequired, TypedDict

import pulumi

from agent_hosting._audit_trail import AuditLock
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
from agent_hosting.agent_platform import PlatformReference
from agent_hosting.front_door import JwtArgs


class EcsAgentArgs(TypedDict):
    releases: Sequence[Release]
    """Releases, oldest first, the newest last. Each has a queue and workers of its own."""
    monthly_budget_usd: float
    """What the agent may cost in a calendar month, in US dollars."""
    alert_emails: NotRequired[Sequence[str]]
    """Who is told of spending. Defaults to nobody; the brake works all the same."""
    architecture: NotRequired[Architecture]
    """Processor. Defaults to arm64: a fifth cheaper than x86_64."""
    audit_lock: NotRequired[AuditLock]
    """Who may take copies of the audit trail away before their days are over. Defaults to `governance`: those
    who are given that right alone; with `compliance` nobody is."""
    audit_retention_days: NotRequired[int]
    """Days that the audit trail and its locked copies are kept. Defaults to 365."""
    backlog_per_worker: NotRequired[float]
    """Runs on their way, waiting or in work, for each worker: beyond it more are started. Defaults to
    `worker_concurrency`."""
    checkpoint_retention_days: NotRequired[int]
    """Days that a run can be asked for, 1 to 365. Defaults to 30."""
    cpu_units: NotRequired[int]
    """Processor of a worker, 1024 units for one vCPU: 256 to 16384. Defaults to 256: runs wait for models."""
    dead_letter_retention_days: NotRequired[int]
    """Days from its sending that a dead letter is kept: less than runs are, to 14. Defaults to 14."""
    deployer_arns: NotRequired[Sequence[str]]
    """Roles that deploy. Defaults to whoever deploys now: name them when several do."""
    environment: NotRequired[str]
    """Name of the environment, for tags and logs. Defaults to `default`."""
    escalate: NotRequired[EscalateArgs]
    """Thresholds at which a run is handed to a person. Defaults to none."""
    jwt: NotRequired[JwtArgs]
    """Whose tokens open the HTTP API. Omit for no HTTP API: then IAM lets callers invoke the alias."""
    log_retention_days: NotRequired[int]
    """Days that logs are kept. Defaults to 90."""
    longest_run_seconds: NotRequired[float]
    """Longest that a run may take. Defaults to 3600; one that takes longer raises an alarm, and goes on."""
    max_receives: NotRequired[int]
    """Workers that a run may lose before it is a dead letter, 3 to 10. Defaults to 5."""
    max_workers: NotRequired[int]
    """Most workers of one release, from 1. Defaults to 10: a flood cannot spend without bound."""
    memory_mb: NotRequired[int]
    """Memory in MB, one of the sizes that Fargate has beside `cpu_units`. Defaults to the least of them."""
    model: NotRequired[ModelArgs]
    """Replaces the model of the agent's manifest in this environment; for a release by `source` only."""
    models: NotRequired[dict[str, ModelArgs]]
    """Replaces those tiers of the manifest's `models` that it names; likewise for a release by `source`."""
    model_endpoint: NotRequired[str]
    """Base URL of an OpenAI-compatible server. Needed where the model's provider is `openai`."""
    model_endpoints: NotRequired[dict[str, str]]
    """The same by tier, for tiers that another server has: a fallback elsewhere survives the loss of one.
    Defaults to none."""
    notify: NotRequired[NotifyArgs]
    """Who is told of what waits for a person: questions, escalations, parked runs and brakes. Defaults to
    nobody; `agent-hosting approvals list` and `runs list` show them all the same."""
    observe: NotRequired[ObserveArgs]
    """Traces, alarms, dashboard and redaction. Defaults to the defaults of each field."""
    platform: NotRequired[PlatformReference]
    """Outputs of the environment's AgentPlatform. Omit and the agent makes one of its own."""
    prices: NotRequired[dict[str, ModelPriceArgs]]
    """What models cost here, by their names. Defaults to what the bundle says."""
    queue_retention_days: NotRequired[int]
    """Days that a run may wait for a worker, 1 to 13. Defaults to 4."""
    requests_per_second: NotRequired[float]
    """Steady rate of the HTTP API. Defaults to 10."""
    retain_data: NotRequired[bool]
    """Whether tables and buckets outlive the stack, and deleted secrets can be had back for 30 days. Defaults
    to true: runs resume from them."""
    rollout: NotRequired[RolloutArgs]
    """How the controller moves traffic to the newest release. Defaults to the defaults of each field."""
    secret_variables: NotRequired[dict[str, str]]
    """Name of a declared secret by environment variable. Defaults to none, since `run.secret` fetches a value
    when it is needed and follows its rotation: for libraries that only read their environment."""
    secrets: NotRequired[dict[str, pulumi.Input[str]]]
    """Value by name of the secrets that the manifest declares. Give values as Pulumi secrets."""
    shares: NotRequired[dict[str, float]]
    """Share of calls by bundle id; `newest` and `stable` name the newest release and the one that serves.
    Omit where the rollout controller owns them."""
    schedules: NotRequired[dict[str, ScheduleArgs]]
    """Runs that begin by themselves, by their schedule's name; each is the tenant `schedule:NAME`. Defaults
    to none."""
    spend: NotRequired[SpendArgs]
    """What the agent, each tenant and each run may spend. Defaults to the budget's month, a quarter of it a
    day and a twentieth an hour, for the agent as a whole."""
    spot_share: NotRequired[float]
    """Share of the workers beyond the first on Spot, 0 to 1: about 70 % cheaper, with two minutes' notice.
    Defaults to 0."""
    stop_seconds: NotRequired[int]
    """Seconds that a worker has to finish or hand back its runs, 30 to 120. Defaults to 110."""
    tenant_share: NotRequired[float]
    """Most of a worker that one tenant may hold while others wait, to 1. Defaults to 0.5."""
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
    visibility_seconds: NotRequired[int]
    """Seconds until a run whose worker fell silent is given to another, 60 to 120. Defaults to 90."""
    worker_concurrency: NotRequired[int]
    """Runs at once in one worker, 1 to 100. Defaults to 4."""
