"""Who may call what, decided from the declaration and the verified token alone: pure."""

from agent_runtime.gateway.calls import Identity, ToolCall
from agent_runtime.gateway.declared import Caller, GatewayRules, GatewayTool, why_not
from agent_runtime.hosts.problems import Problem


def caller_of(rules: GatewayRules, who: Identity) -> Caller:
    """Raises `Problem` 403 for a client that is not declared, however valid its token is."""
    found = rules.callers.get(who.client)
    if found is None:
        raise Problem(403, "caller-unknown", "The caller is not declared", "this gateway serves others")
    return found


def may_see(tool: GatewayTool, caller: Caller, roles: tuple[str, ...]) -> bool:
    """Whether the tool exists as far as the caller is concerned."""
    if not caller.is_agent and tool.effect == "destructive":
        return False
    return not tool.roles or bool({*caller.roles, *roles} & {*tool.roles})


def tool_of(rules: GatewayRules, name: str, caller: Caller, who: Identity) -> GatewayTool:
    """Raises `Problem` 404 for what is not declared and 403 for what the caller may not call."""
    tool = rules.tools.get(name)
    if tool is None:
        raise Problem(404, "unknown-tool", "There is no such tool", "GET /health lists those that there are")
    if not may_see(tool, caller, who.roles):
        raise Problem(403, "tool-forbidden", "The tool is not for this caller", "it needs another role")
    return tool


def tenant_of(tool: GatewayTool, caller: Caller, who: Identity, call: ToolCall) -> str:
    """The tenant that a call is for. An agent names it beside the run, which is looked up under that tenant's
    key; a token that names one is never overruled. Raises `Problem` 403."""
    if who.tenant is not None and call.tenant and call.tenant != who.tenant:
        raise Problem(403, "tenant-refused", "The tenant is another", "the token is for another tenant")
    tenant = who.tenant or (call.tenant if caller.is_agent else "")
    if not tenant:
        raise Problem(403, "tenant-refused", "The call names no tenant", "say whose run it is")
    for allowed in (tool.tenants, caller.tenants):
        if allowed and tenant not in allowed:
            raise Problem(403, "tenant-refused", "The tenant is refused", "the tool is not for this tenant")
    return tenant


def check_form(tool: GatewayTool, caller: Caller, call: ToolCall) -> None:
    """What a call of this tool must bring beside its arguments. Raises `Problem` 400 and 403."""
    if caller.is_agent and not call.run_id:
        raise Problem(400, "bad-request", "The run is missing", "an agent calls within a run: send `run_id`")
    if tool.acts and not call.idempotency_key:
        raise Problem(
            400, "bad-request", "The idempotency key is missing", "a tool that acts needs `idempotency_key`"
        )
    if tool.effect == "destructive" and not call.approval:
        raise Problem(403, "approval-needed", "A person has to approve", "send the `approval` of this call")
    if tool.user_delegated and call.user_token is None:
        raise Problem(
            403, "user-token-needed", "The user's token is missing", "send it as `agent-user-token`"
        )


def check_destinations(tool: GatewayTool, arguments: dict[str, object], rules: GatewayRules) -> None:
    """Raises `Problem` 403 for an argument that names a destination off the list."""
    for name in tool.url_arguments:
        value = arguments.get(name)
        if value is None:
            continue
        reason = why_not(value, rules.destinations) if isinstance(value, str) else "it is no text"
        if reason is not None:
            raise Problem(403, "destination-refused", "The destination is refused", f"`{name}`: {reason}")
