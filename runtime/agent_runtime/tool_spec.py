"""A tool that a bundle needs: its interface, and the versions of it that will do."""

import re
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

_NUMBER: Final = r"(?:0|[1-9]\d*)"
_LABEL: Final = r"(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)"
_COMPARISON: Final = re.compile(
    rf"(?:>=|<=|==|!=|>|<){_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-{_LABEL}(?:\.{_LABEL})*)?", re.ASCII
)
"""With versions as https://semver.org writes them; a build's data is left out, since nothing compares it."""


class ToolSpec(BaseModel):
    """A tool the agent may call. In agent.yaml a bare name will do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    """1 to 64 letters, digits, `_` and `-`: the names that Bedrock's and OpenAI's tool interfaces accept."""
    description: str = ""
    input_schema: dict[str, Any] = Field(default_factory=dict)
    """JSON schema of the tool's input."""
    version: str | None = None
    """Versions that will do, such as `>=1.2.0 <2.0.0`: every comparison must hold. Defaults to any. A release
    takes no run where the environment offers none of them."""
    read_only: bool = False
    """Whether calling it changes nothing outside. Defaults to false: what is not known may change things."""

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
        return {"name": value} if isinstance(value, str) else value
