"""What a stack's YAML may say of the tool gateway that its agents share."""

from typing import Any

from pydantic import Field

from agent_hosting._audit_trail import AuditLock
from agent_hosting._stack_entries import Address, AgentName, Entry, SecretName


class CallerEntry(Entry):
    """Who may call: an agent of the stack by its name, or a client that is none."""

    client_id: str = Field(min_length=1)
    """The client's id at the issuer. An agent's client secret is a Pulumi secret: `pulumi config set --secret
    agent-hosting:AGENT.tool-gateway VALUE`."""
    roles: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()
    is_agent: bool = True


class ToolGatewayEntry(Entry):
    """The gateway."""

    tools: dict[str, dict[str, Any]] = Field(min_length=1)
    """Fields of `GatewayToolArgs` by tool, checked where they are used."""
    callers: dict[AgentName, CallerEntry] = Field(min_length=1)
    audiences: tuple[str, ...] = Field(default=("tools",), min_length=1)
    """Audiences of the tokens that open it; their issuer is that of the stack's `jwt`."""
    token_url: Address | None = None
    token_scope: str | None = None
    source: str | None = None
    """Folder of the tools that are functions."""
    destinations: tuple[str, ...] = ()
    secrets: tuple[SecretName, ...] = ()
    """Names; the values are Pulumi secrets: `pulumi config set --secret agent-hosting:tool-gateway.SECRET
    VALUE`."""
    requests_per_second: float | None = None
    concurrency: int | None = None
    log_retention_days: int | None = None
    audit_retention_days: int | None = None
    audit_lock: AuditLock | None = None
    alarm_topic_arn: str | None = None
    alarm_emails: tuple[str, ...] = ()
