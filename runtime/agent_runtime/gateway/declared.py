"""What a tool gateway is told: its tools, who may call, and where tools may reach. One JSON document, packed
beside its code, so that code and rules change as one.

Imports pydantic alone: the Pulumi components write what this reads.
"""

from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

TOOLS_DOWN = "ToolsDown"
"""Metric, by gateway: how many of its tools did not answer when it last looked."""
FILE = "tools.json"
"""Name of the document at the top of the gateway's archive."""
MOST_TOOL_SECONDS = 25
"""An HTTP API gives up after 30 s, and the gateway has to keep the answer in what is left:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"""
DEFAULT_TOOL_SECONDS = 20
ToolName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Word = Annotated[str, StringConstraints(pattern=r"^[^#*/,\s]{1,128}$")]
HostAndPort = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:[0-9]{1,5})?$")
]
Effect = Literal["read", "write", "destructive"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GatewayTool(_Frozen):
    """One tool. It has either a function of its own or a URL."""

    version: str
    """Semantic version that is offered."""
    description: str = ""
    input_schema: dict[str, Any] = Field(default_factory=dict)
    """JSON schema of its arguments. Defaults to any object."""
    effect: Effect
    """What a call does outside: nothing, something, or something that a person has to approve of."""
    function_arn: str = ""
    """Lambda function that is called."""
    url: str = ""
    """Address that the arguments are posted to."""
    health_url: str = ""
    """Address that answers GET with 200 while the tool's server is well. Defaults to `url`'s origin and
    `/health`."""
    secret_arn: str = ""
    """Secret with the value of the header `Authorization` that `url` wants."""
    url_arguments: tuple[str, ...] = ()
    """Arguments that are URLs: they may name destinations on the list alone."""
    roles: tuple[Word, ...] = ()
    """Roles that may call it, one of them at least. Defaults to every caller."""
    tenants: tuple[Word, ...] = ()
    """Tenants for whom it may be called. Defaults to every tenant."""
    rate_per_minute: int = Field(default=60, ge=1, le=100_000)
    """Calls for one tenant in a minute. Defaults to 60."""
    user_delegated: bool = False
    """Whether it acts by the caller's own token."""
    idempotent: bool = False
    """Whether the same idempotency key makes it act once, however often it is called. Defaults to false: then
    a call of unknown outcome is not repeated."""
    timeout_seconds: int = Field(default=DEFAULT_TOOL_SECONDS, ge=1, le=MOST_TOOL_SECONDS)
    """How long it may take. Defaults to 20."""

    @property
    def acts(self) -> bool:
        return self.effect != "read"

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if bool(self.function_arn) == bool(self.url):
            raise ValueError("a tool has either a function or a url")
        if self.effect == "destructive" and not self.roles:
            raise ValueError("a destructive tool names the `roles` that may call it")
        return self


class Caller(_Frozen):
    """Who may call, by the `client_id` of its tokens, else their `sub`."""

    name: Word
    """The agent's name; else what the log says."""
    roles: tuple[Word, ...] = ()
    tenants: tuple[Word, ...] = ()
    """Tenants that it may speak for. Defaults to every tenant whose run it has."""
    is_agent: bool = True
    """Whether it calls within runs of its own. Else its token names the tenant, and destructive tools are out
    of its reach: an approval belongs to a run."""


class GatewayRules(_Frozen):
    """The document."""

    gateway: str
    tools: dict[ToolName, GatewayTool]
    callers: dict[str, Caller]
    """By the client's id."""
    destinations: tuple[HostAndPort, ...] = ()
    """Hosts, with a port unless it is 443, that tools by `url` and `url_arguments` may name."""
    answer_days: int = Field(default=30, ge=1, le=365)
    """Days for which the answer to an idempotency key is kept. Defaults to 30."""

    @model_validator(mode="after")
    def _reaches_what_is_listed(self) -> Self:
        for name, tool in self.tools.items():
            for url in (tool.url, tool.health_url):
                if url and (reason := why_not(url, self.destinations)) is not None:
                    raise ValueError(f"tool {name!r}: {reason}")
        return self


_LOOPBACK = ("127.0.0.1", "localhost")


def why_not(url: str, destinations: tuple[str, ...]) -> str | None:
    """Why `url` may not be reached, or None. Names are compared whole: `api.example.com.evil.example` is
    another host, and so is every address that a listed name could be written as."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return "the URL cannot be read"
    if any(character <= " " or character == "\\" or character > "~" for character in url):
        return "the URL holds characters that URLs have not"
    if parts.username is not None or parts.password is not None:
        return "the URL names a user"
    if not (parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)):
        return "the URL is not https"
    wanted = host if port in (None, 443) and parts.scheme == "https" else f"{host}:{port or 80}"
    if wanted not in destinations:
        return f"{wanted[:100]} is not on the list of destinations"
    return None
