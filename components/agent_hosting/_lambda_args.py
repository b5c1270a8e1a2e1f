"""What an agent on Lambda is made from."""

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


class LambdaAgentArgs(TypedDict):
    releases: Sequence[Release]
    """Releases, oldest first, the newest last. The newest is published; older ones stay published."""
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
    checkpoint_retention_days: NotRequired[int]
    """Days that a run can be asked for, 1 to 365. Defaults to 30."""
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
    memory_mb: NotRequired[int]
    """Memory in MB, 128 to 10240, and processor with it. Defaults to 512."""
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
    requests_per_second: NotRequired[float]
    """Steady rate of the HTTP API. Defaults to 10."""
    reserved_concurrency: NotRequired[int]
    """Turns at one time, 1 to 1000; more get 429. Defaults to 10: a flood cannot spend without bound."""
    retain_data: NotRequired[bool]
    """Whether tables and buckets outlive the stack, and deleted secrets can be had back for 30 days. Defaults
    to true: runs resume from them."""
    rollout: NotRequired[RolloutArgs]
    """How the controller moves traffic to the newest release. Defaults to the defaults of each field."""
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
    """Longest turn in seconds: 1 to 29 behind the HTTP API, else to 870. Defaults to 29."""
