"""A tool that a bundle needs: its interface, what it may do, and the versions of it that will do."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    field_validator,
    model_serializer,
    model_validator,
)

Effect = Literal["read", "write", "destructive"]
"""What a call does outside: nothing; something; something that a person has to approve of first."""
Destination = Literal["gateway", "local"]
RoleOrTenant = Annotated[str, StringConstraints(pattern=r"^[^#*/,\s]{1,128}$")]
TOOL_NAME: Final = r"^[A-Za-z0-9_-]{1,64}$"
DEFAULT_TIMEOUT_SECONDS: Final = 20
_LATER: Final = ("destination", "roles", "tenants", "rate_per_minute", "user_delegated", "timeout_seconds")
"""Fields that came after the first release, with a default each; `effect` is the seventh."""
_OF_THE_GATEWAY: Final = ("roles", "rate_per_minute", "user_delegated", "timeout_seconds")
"""What the gateway alone can hold a call to."""

_NUMBER: Final = r"(?:0|[1-9]\d*)"
_LABEL: Final = r"(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)"
_COMPARISON: Final = re.compile(
    rf"(?:>=|<=|==|!=|>|<){_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-{_LABEL}(?:\.{_LABEL})*)?", re.ASCII
)
"""With versions as https://semver.org writes them; a build's data is left out, since nothing compares it."""


class ToolSpec(BaseModel):
    """A tool the agent may call. In agent.yaml a bare name will do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=TOOL_NAME)
    """1 to 64 letters, digits, `_` and `-`: the names that Bedrock's and OpenAI's tool interfaces accept."""
    description: str = ""
    input_schema: dict[str, Any] = Field(default_factory=dict)
    """JSON schema of the tool's input, which `run.tool` and the gateway hold every call to. Defaults to none:
    any arguments."""
    version: str | None = None
    """Versions that will do, such as `>=1.2.0 <2.0.0`: every comparison must hold. Defaults to any. A release
    takes no run where the environment offers none of them."""
    read_only: bool = False
    """Whether calling it changes nothing outside. Defaults to false: what is not known may change things. The
    same as `effect: read`."""
    effect: Effect = "write"
    """`read`, `write` or `destructive`. Defaults to `write`, or to `read` with `read_only: true`."""
    destination: Destination = "local"
    """`local`, a function of the agent's own module, or `gateway`. Defaults to `local`."""
    roles: tuple[RoleOrTenant, ...] = ()
    """Roles that the gateway lets call it. Defaults to none named: every role that has the tool."""
    tenants: tuple[RoleOrTenant, ...] = ()
    """Tenants whose runs may call it. Defaults to none named: every tenant."""
    rate_per_minute: int | None = Field(default=None, ge=1, le=100_000)
    """Calls of each tenant in a minute that the gateway lets through. Defaults to no bound of its own."""
    user_delegated: bool = False
    """Whether it acts with the caller's own token, which the gateway passes on and nobody keeps."""
    timeout_seconds: int = Field(default=DEFAULT_TIMEOUT_SECONDS, ge=1, le=29)
    """How long the gateway waits for it. Defaults to 20; at most 29, since an HTTP API gives up after 30.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"""

    @field_validator("version")
    @classmethod
    def _is_a_range(cls, version: str | None) -> str | None:
        comparisons = (version or "").split()
        if version is not None and not (comparisons and all(map(_COMPARISON.fullmatch, comparisons))):
            raise ValueError(
                "a range of semantic versions is needed: comparisons (>=, >, <=, <, ==, !=) with "
                "MAJOR.MINOR.PATCH, divided by spaces, such as '>=1.2.0 <2.0.0'"
            )
        return version

    @model_validator(mode="before")
    @classmethod
    def _from_bare_name(cls, value: object) -> object:
        given = {"name": value} if isinstance(value, str) else value
        if not isinstance(given, Mapping):
            return given
        held: dict[str, Any] = {**given}
        if "effect" not in held:
            return held | ({"effect": "read"} if held.get("read_only") is True else {})
        return {"read_only": held["effect"] == "read"} | held

    @model_validator(mode="after")
    def _is_consistent(self) -> "ToolSpec":
        if self.read_only != (self.effect == "read"):
            raise ValueError(
                f"tool {self.name!r} has read_only: {str(self.read_only).lower()} and effect: {self.effect}; "
                f"leave read_only out, or let the two agree"
            )
        if self.destination == "local":
            changed = [name for name in _OF_THE_GATEWAY if not self._is_default(name)]
            if changed:
                raise ValueError(
                    f"tool {self.name!r} declares {', '.join(changed)}, which only the gateway holds a call "
                    f"to; give it destination: gateway"
                )
        return self

    @model_serializer(mode="wrap")
    def _as_before(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What came after the first release is left out where it says nothing: ids are never made anew."""
        held: dict[str, Any] = handler(self)
        silent = [name for name in _LATER if self._is_default(name)]
        if self.effect != "destructive":  # `read_only` says it
            silent.append("effect")
        return {name: value for name, value in held.items() if name not in silent}

    def _is_default(self, name: str) -> bool:
        return getattr(self, name) == type(self).model_fields[name].default
