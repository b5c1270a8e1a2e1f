"""What a gateway's tools and callers are declared as, and every mistake in it: pure."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
from pydantic import ValidationError
from semver import Version

from agent_hosting._tool_access import ROLE_CHARACTERS, most_characters
from agent_hosting._validation import Inputs
from agent_runtime.gateway.declared import GatewayRules
from agent_runtime.tools.arguments import schema_error

PRETENDED = "arn:aws:lambda:eu-west-1:123456789012:function:tool"
"""Stands, while rules are checked, for the ARN of a function that is not deployed yet."""
_OWN = {"entrypoint", "statements", "secrets", "authorization_secret", "memory_mb", "concurrency"}
_MOST_TOOLS = 100
"""An HTTP API has 300 routes: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"""


class GatewayToolArgs(TypedDict):
    """A tool: a function of `source` by `entrypoint`, or a server's `url`."""

    effect: str
    """`read`: a call changes nothing outside; `write`; `destructive`: a person approves of each call."""
    version: str
    """Semantic version that is offered, such as `1.4.2`: releases that need others take no run."""
    description: NotRequired[str]
    """What models are told of it. Defaults to nothing."""
    input_schema: NotRequired[dict[str, Any]]
    """JSON schema of its arguments, which every call is held to. Defaults to any object."""
    entrypoint: NotRequired[str]
    """`module:function` of `source`, called with a `ToolUse`; it has a Lambda function and a role of its own.
    Needed unless `url` is given."""
    statements: NotRequired[pulumi.Input[Sequence[Any]]]
    """IAM statements of that role, beside its log, traces and secrets. Defaults to none."""
    url: NotRequired[str]
    """Address that the arguments are posted to, on a host of `destinations`."""
    health_url: NotRequired[str]
    """Address that answers GET with 200 while the server is well. Defaults to `/health` on the host of
    `url`."""
    authorization_secret: NotRequired[str]
    """Name of the gateway's secret that `url` wants in the header `Authorization`. Defaults to none."""
    url_arguments: NotRequired[Sequence[str]]
    """Arguments that are URLs: they may name hosts of `destinations` alone. Defaults to none."""
    secrets: NotRequired[Sequence[str]]
    """Names of the gateway's secrets that the tool's function reads. Defaults to none."""
    roles: NotRequired[Sequence[str]]
    """Roles of callers that may call it. Defaults to every caller; a destructive tool has to name them."""
    tenants: NotRequired[Sequence[str]]
    """Tenants for whom it may be called. Defaults to every tenant."""
    rate_per_minute: NotRequired[int]
    """Calls for one tenant in a minute. Defaults to 60."""
    user_delegated: NotRequired[bool]
    """Whether it acts by the user's own token, which is passed on and kept nowhere. Defaults to false."""
    idempotent: NotRequired[bool]
    """Whether one idempotency key makes it act once, however often it is called. Defaults to false: then a
    call of unknown outcome is never repeated."""
    timeout_seconds: NotRequired[int]
    """How long a call may take, 1 to 25. Defaults to 20."""
    memory_mb: NotRequired[int]
    """Memory of its function. Defaults to 256."""
    concurrency: NotRequired[int]
    """Calls of its function at one time. Defaults to 5: a flood cannot take the account's concurrency."""


class GatewayCallerArgs(TypedDict):
    """Who may call. Its tokens come from the issuer by the client credentials grant."""

    client_id: str
    """The client's id at the issuer: `client_id`, else `sub`, of its tokens."""
    client_secret: NotRequired[pulumi.Input[str]]
    """Its secret there, which the agent of this name reads from Secrets Manager. Give it as a Pulumi secret.
    Defaults to empty: put it there by hand."""
    roles: NotRequired[Sequence[str]]
    """Its roles, beside those in its tokens' claim `roles`. Defaults to none."""
    tenants: NotRequired[Sequence[str]]
    """Tenants that it may speak for. Defaults to every tenant whose run it has."""
    is_agent: NotRequired[bool]
    """Whether it is an agent, and calls within its runs. Defaults to true. Another client's token names the
    tenant, and destructive tools are out of its reach: an approval belongs to a run."""


def rules_of(name: str, args: Any, arns: Mapping[str, str], secret_arns: Mapping[str, str]) -> dict[str, Any]:
    """The document that the gateway's function reads. `arns` has the function of each tool with an
    `entrypoint`, `secret_arns` the secret of each with an `authorization_secret`."""
    tools: dict[str, Any] = {}
    for tool, declared in args["tools"].items():
        held = {field: value for field, value in declared.items() if field not in _OWN and value is not None}
        held |= {"function_arn": arns[tool]} if tool in arns else {}
        held |= {"secret_arn": secret_arns[tool]} if tool in secret_arns else {}
        for number in ("rate_per_minute", "timeout_seconds"):  # whole numbers come as 3.0 through the host
            held |= {number: int(held[number])} if number in held else {}
        tools[tool] = held
    callers = {
        declared["client_id"]: {
            "name": caller,
            **{field: declared[field] for field in ("roles", "tenants", "is_agent") if field in declared},
        }
        for caller, declared in args["callers"].items()
    }
    return {
        "gateway": name,
        "tools": tools,
        "callers": callers,
        "destinations": list(args.get("destinations") or []),
    }


def agents_of(callers: Mapping[str, Any]) -> list[str]:
    """The callers that have runs, by name."""
    return sorted(caller for caller, declared in callers.items() if declared.get("is_agent", True))


def check_tools(name: str, args: Any, inputs: Inputs) -> None:
    """Refuses a declaration that the gateway could not hold calls to. Raises `InputError`."""
    tools: Mapping[str, Any] = inputs.required("tools", "Declare one at least.")
    inputs.required("callers", "Name the agents that may call, each with its client_id.")
    if not 0 < len(tools) <= _MOST_TOOLS:
        raise inputs.refuse("tools", len(tools), f"a gateway has 1 to {_MOST_TOOLS} tools", "Make another.")
    _distinct(tools, args["callers"], inputs)
    _check_size(tools, args["callers"], inputs)
    known = set(args.get("secrets") or {})
    for tool, declared in tools.items():
        _check_tool(f"tools.{tool}", declared, known, bool(args.get("source")), inputs)
    for caller, declared in args["callers"].items():
        for field in set(declared) - set(GatewayCallerArgs.__annotations__):
            raise inputs.refuse(f"callers.{caller}.{field}", "…", "there is no such field", "Leave it out.")
    arns = {tool: PRETENDED for tool, declared in tools.items() if declared.get("entrypoint")}
    secrets = {tool: PRETENDED for tool, declared in tools.items() if declared.get("authorization_secret")}
    try:
        GatewayRules.model_validate(rules_of(name, args, arns, secrets))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        at = ".".join(str(part) for part in first["loc"]) or "tools"
        said = first["msg"].removeprefix("Value error, ")
        way_out = "List the hosts that tools may reach under `destinations`." if "list of" in said else ""
        raise inputs.refuse(
            at, first.get("input") if first["loc"] else "…", said, way_out or "Mend it."
        ) from None


def _check_tool(at: str, declared: Any, known: set[str], has_source: bool, inputs: Inputs) -> None:
    for field in set(declared) - set(GatewayToolArgs.__annotations__):
        allowed = ", ".join(sorted(GatewayToolArgs.__annotations__))
        raise inputs.refuse(
            f"{at}.{field}", declared[field], "there is no such field", f"Known are {allowed}."
        )
    if bool(declared.get("entrypoint")) == bool(declared.get("url")):
        raise inputs.refuse(at, "…", "a tool has either an `entrypoint` or a `url`", "Give one of the two.")
    if declared.get("entrypoint") and not has_source:
        raise inputs.refuse("source", None, f"{at} is a function of it", "Give the folder of the tools.")
    for field in ("statements", "secrets", "memory_mb", "concurrency"):
        if declared.get("url") and declared.get(field) is not None:
            raise inputs.refuse(f"{at}.{field}", "…", "a tool by `url` has no function", "Leave it out.")
    for field in ("authorization_secret", "health_url"):
        if declared.get("entrypoint") and declared.get(field) is not None:
            raise inputs.refuse(f"{at}.{field}", "…", "only a tool by `url` uses it", "Leave it out.")
    used = [*(declared.get("secrets") or []), declared.get("authorization_secret")]
    for secret in used:
        if secret is not None and secret not in known:
            raise inputs.refuse(
                f"{at}.secrets", secret, "the gateway's `secrets` have no such name", "Give it a value there."
            )
    if not Version.is_valid(str(declared.get("version"))):
        raise inputs.refuse(
            f"{at}.version", declared.get("version"), "a semantic version is needed", "Write it as '1.0.0'."
        )
    if (wrong := schema_error(declared.get("input_schema") or {})) is not None:
        raise inputs.refuse(f"{at}.input_schema", "…", wrong, "Write JSON schema of draft 2020-12.")


def _check_size(tools: Mapping[str, Any], callers: Mapping[str, Any], inputs: Inputs) -> None:
    functions = sum(1 for declared in tools.values() if declared.get("entrypoint"))
    secrets = len(
        {
            declared["authorization_secret"]
            for declared in tools.values()
            if declared.get("authorization_secret")
        }
    )
    agents = len(agents_of(callers))
    if (characters := most_characters(functions, secrets, agents)) > ROLE_CHARACTERS:
        raise inputs.refuse(
            "tools",
            "…",
            f"{functions} functions, {secrets} secrets of servers and {agents} agents need up to "
            f"{characters} characters in policies of the gateway's role, and IAM allows {ROLE_CHARACTERS}",
            "Make another gateway for some of the agents with their tools.",
        )


def _distinct(tools: Mapping[str, Any], callers: Mapping[str, Any], inputs: Inputs) -> None:
    seen = {"name": "the route of tools that there are not"}
    for tool in tools:
        plain = tool.lower().replace("_", "-")
        if plain in seen:
            raise inputs.refuse(
                "tools", tool, f"{seen[plain]} differs in case or '_' alone, and so would its resources",
                "Rename one.",
            )  # fmt: skip
        seen[plain] = tool
    clients = [declared.get("client_id") for declared in callers.values()]
    for caller, declared in callers.items():
        if not declared.get("client_id") or clients.count(declared["client_id"]) > 1:
            raise inputs.refuse(
                f"callers.{caller}.client_id", declared.get("client_id"), "each caller has its own client",
                "Register one with the issuer.",
            )  # fmt: skip
