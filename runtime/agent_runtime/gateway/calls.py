"""A call of a tool, as plain HTTP and MCP both say it.

`POST /tools/{name}` with `Authorization: Bearer TOKEN` and a JSON object:

| field | says |
|---|---|
| `arguments` | the tool's arguments |
| `run_id`, `tenant` | the run that calls, and whose it is: needed from agents |
| `step` | the run's step, for the audit trail |
| `idempotency_key` | needed for tools that act: the same key acts once, and gets the same answer |
| `approval` | id of the approval of this very call, or the path within it, for destructive tools |

A tool that acts by the user's own token gets that in the header `agent-user-token`. The answer is
`{"result": …}`, or a problem document whose type says why nothing was reached.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from agent_runtime.hosts.problems import Problem
from agent_runtime.hosts.requests import is_tenant
from agent_runtime.ids import is_run_id
from agent_runtime.secrets import SecretValue
from agent_runtime.tools.user_tokens import HEADER as USER_TOKEN

__all__ = ["MOST_BYTES", "USER_TOKEN", "Identity", "ToolCall", "call_from", "call_of", "identity_of"]
MOST_BYTES: Final = 256 * 1024
"""Of a request. Arguments have a bound of their own below it."""
_FIELDS: Final = {"arguments", "run_id", "tenant", "step", "idempotency_key", "approval"}
_MOST_TEXT: Final = 256


@dataclass(frozen=True)
class ToolCall:
    """What is asked, not believed yet."""

    tool: str
    arguments: object
    run_id: str = ""
    tenant: str = ""
    step: str = ""
    idempotency_key: str = ""
    approval: str = ""
    user_token: SecretValue | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Identity:
    """Who calls, as the authorizer has verified it."""

    client: str
    tenant: str | None
    """Of the token; a workload's own token names none."""
    roles: tuple[str, ...] = ()


def identity_of(claims: Mapping[str, Any]) -> Identity:
    """`claims` are texts, lists among them written as `[a b]`, as an HTTP API hands them on. Raises `Problem`
    403."""
    client = claims.get("client_id") or claims.get("sub")
    if not isinstance(client, str) or not client:
        raise Problem(403, "caller-unknown", "The token names nobody", "it needs `client_id` or `sub`")
    tenant = claims.get("tenant")
    if tenant is not None and not (isinstance(tenant, str) and is_tenant(tenant)):
        raise Problem(403, "tenant-refused", "The token's tenant is none", "give it a claim that is a name")
    return Identity(client, tenant, tuple(str(claims.get("roles") or "").strip("[]").split()))


def call_from(tool: str, body: bytes, user_token: str | None) -> ToolCall:
    """The call of a request's body. Raises `Problem` 400 and 413."""
    if len(body) > MOST_BYTES:
        raise Problem(413, "too-large", "The request is too large", f"at most {MOST_BYTES} bytes are read")
    try:
        given: object = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Problem(
            400, "bad-request", "The body is not JSON", "send an object with `arguments`"
        ) from error
    if not isinstance(given, dict):
        raise Problem(400, "bad-request", "The body is not an object", "send an object with `arguments`")
    fields: dict[str, Any] = {str(name): value for name, value in given.items()}
    if unknown := sorted(fields.keys() - _FIELDS):
        detail = f"unknown: {', '.join(unknown)[:200]}; allowed: {', '.join(sorted(_FIELDS))}"
        raise Problem(400, "bad-request", "The body has unknown fields", detail)
    return call_of(tool, fields.pop("arguments", {}), fields, user_token)


def call_of(tool: str, arguments: object, fields: Mapping[str, object], user_token: str | None) -> ToolCall:
    """The call of its parts. Raises `Problem` 400."""
    texts: dict[str, str] = {}
    for name in ("run_id", "tenant", "step", "idempotency_key", "approval"):
        value = fields.get(name, "")
        if not isinstance(value, str) or len(value) > _MOST_TEXT or not (value == "" or value.isprintable()):
            raise Problem(
                400, "bad-request", f"`{name}` cannot be used", f"1 to {_MOST_TEXT} printable characters"
            )
        texts[name] = value
    if texts["run_id"] and not is_run_id(texts["run_id"]):
        raise Problem(400, "bad-request", "`run_id` cannot be used", "send the run's own id")
    if texts["tenant"] and not is_tenant(texts["tenant"]):
        raise Problem(400, "bad-request", "`tenant` cannot be used", "send the tenant of the run")
    return ToolCall(
        tool, arguments, **texts, user_token=None if not user_token else SecretValue(user_token.strip())
    )
