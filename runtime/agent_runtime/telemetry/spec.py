"""What is declared of an agent's telemetry, as `observe` in its stack and as the variable AGENT_OBSERVE."""

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from agent_runtime.addresses import private_url
from agent_runtime.telemetry.redaction import MOST_PATTERNS, Redactor, pattern_fault

XRAY: Final = "xray"
"""In place of an address: X-Ray's own OTLP endpoint in the agent's region, with the agent's role."""


class TracesSpec(BaseModel):
    """Where spans go."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: str
    """URL that takes OTLP over HTTP, such as `https://otlp.example.com/v1/traces`, or `xray`."""
    headers_secret: str = ""
    """Name of the secret with the headers that the endpoint wants, as `name=value,name=value`; empty for
    none."""
    share: float = Field(default=1.0, ge=0, le=1)
    """Share of the runs that are traced, each wholly or not at all."""

    @field_validator("endpoint")
    @classmethod
    def _is_endpoint(cls, value: str) -> str:
        return value if value == XRAY else private_url(value)


class ObserveSpec(BaseModel):
    """Telemetry of one agent. What is absent costs nothing: no library of it is even imported."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: Literal["", "lambda", "ecs", "eks"] = ""
    """Host, as a dimension of metrics."""
    redact: tuple[str, ...] = ()
    """Regular expressions of what is taken out beside keys, tokens and e-mail addresses."""
    tenant_metrics: bool = False
    """Whether the agent's metrics are also told for each tenant."""
    traces: TracesSpec | None = None
    """Absent: no spans."""

    @field_validator("redact")
    @classmethod
    def _are_patterns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(value) > MOST_PATTERNS:
            raise ValueError(f"at most {MOST_PATTERNS} patterns: each is searched in each line")
        for pattern in value:
            if (fault := pattern_fault(pattern)) is not None:
                raise ValueError(f"{pattern!r}: {fault}")
        return value

    def redactor(self) -> Redactor:
        """What takes the declared patterns out, and those that are always taken out."""
        return Redactor(self.redact)

    def told(self) -> dict[str, Any]:
        """What of it is not as by default."""
        return self.model_dump(exclude_defaults=True, exclude_none=True)
