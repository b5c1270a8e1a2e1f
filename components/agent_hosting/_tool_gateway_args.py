"""What a tool gateway is made from, and what its agents are told of it."""

from collections.abc import Sequence
from typing import NotRequired, TypedDict

import pulumi

from agent_hosting._audit_trail import AuditLock
from agent_hosting._packaging import Architecture
from agent_hosting._tool_declarations import GatewayCallerArgs, GatewayToolArgs
from agent_hosting.agent_platform import PlatformReference
from agent_hosting.front_door import JwtArgs


class ToolGatewayReference(TypedDict):
    """What an agent is told of the gateway. `reference_to_tools` gives it."""

    url: pulumi.Input[str]
    """Base address."""
    role_name: pulumi.Input[str]
    """Role of the gateway, which the agent lets look up its runs."""
    token_url: str
    """Token endpoint of the issuer."""
    audience: str
    """Audience that a token is asked for."""
    tools: Sequence[str]
    """Names of the tools."""
    client_ids: dict[str, str]
    """Client's id by agent."""
    client_secrets: dict[str, pulumi.Input[str]]
    """Client's secret by agent, as Pulumi secrets."""
    scope: NotRequired[str]
    """Scopes that a token is asked for. Defaults to none."""


class ToolGatewayArgs(TypedDict):
    tools: dict[str, GatewayToolArgs]
    """Tools by name: 1 to 64 letters, digits, `_` and `-`."""
    callers: dict[str, GatewayCallerArgs]
    """Who may call, by name: an agent's own."""
    jwt: JwtArgs
    """Whose tokens open the gateway. An audience of its own keeps agents' tokens from opening other doors."""
    platform: PlatformReference
    """Outputs of the environment's AgentPlatform."""
    source: NotRequired[str]
    """Folder of the tools that are functions; `requirements.txt` in it is installed beside them. Needed where
    a tool has an `entrypoint`."""
    destinations: NotRequired[Sequence[str]]
    """Hosts, with a port unless it is 443, that tools by `url` and arguments that are URLs may name. Defaults
    to none."""
    secrets: NotRequired[dict[str, pulumi.Input[str]]]
    """Value by name of the secrets that tools use. Give values as Pulumi secrets. Defaults to none."""
    token_url: NotRequired[str]
    """Token endpoint of the issuer, which answers the client credentials grant. Defaults to `/oauth2/token`
    below the issuer."""
    token_scope: NotRequired[str]
    """Scopes that agents ask tokens for. Defaults to none."""
    requests_per_second: NotRequired[float]
    """Steady rate of all callers together. Defaults to 50."""
    concurrency: NotRequired[int]
    """Calls at one time. Defaults to 20."""
    architecture: NotRequired[Architecture]
    """Processor. Defaults to arm64: a fifth cheaper than x86_64."""
    log_retention_days: NotRequired[int]
    """Days that logs are kept. Defaults to 90."""
    audit_retention_days: NotRequired[int]
    """Days that the gateway's audit trail and its locked copies are kept. Defaults to 365."""
    audit_lock: NotRequired[AuditLock]
    """Who may delete locked copies before that. Defaults to governance: those with the right to bypass it."""
    alarm_topic_arn: NotRequired[pulumi.Input[str]]
    """Topic that the gateway's alarms tell. Omit and one is made, with a key of its own."""
    alarm_emails: NotRequired[Sequence[str]]
    """Addresses that are told of alarms, 10 at most; each has to confirm. Defaults to none."""
    deployer_arns: NotRequired[Sequence[str]]
    """Roles that deploy. Defaults to whoever deploys now: name them when several do."""
    retain_data: NotRequired[bool]
    """Whether the table of answers outlives the stack. Defaults to true: a key whose answer is lost could act
    twice."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of every resource. Defaults to none."""


def token_url_of(args: ToolGatewayArgs) -> str:
    return args.get("token_url") or f"{args['jwt']['issuer'].rstrip('/')}/oauth2/token"
