"""When a run is taken to go in circles, as agent.yaml says it."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _a_row(least: int) -> AfterValidator:
    def check(value: int) -> int:
        if 0 < value < least:
            raise ValueError(f"0 for never, or {least} to 50")
        return value

    return AfterValidator(check)


class GuardSpec(BaseModel):
    """How often is too often, in calls of `run.tool` that follow one another; 0 for never."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    same_call: Annotated[int, Field(ge=0, le=50), _a_row(2)] = 3
    """The same tool with the same arguments and, where it reads, the same answer. Defaults to 3."""
    alternating: Annotated[int, Field(ge=0, le=50), _a_row(3)] = 4
    """Two such calls that take turns. Defaults to 4: twice each."""
    no_news: Annotated[int, Field(ge=0, le=50), _a_row(2)] = 6
    """Calls that bring nothing which was not there before. Defaults to 6."""
