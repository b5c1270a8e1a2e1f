"""Where in a run the code stands: each thread knows the step that it is inside of, if any."""

from contextvars import ContextVar
from dataclasses import dataclass, field

from agent_runtime.records import Path, Usage


@dataclass
class Scope:
    """The run itself, or a step while it is being done. Steps of one scope follow one another."""

    path: Path
    name: str = ""
    number: int = 0
    """Number of the last step of this scope."""
    is_open: bool = True
    """Whether the checkpoint says that this step has steps inside. The run itself needs no saying."""
    takes_steps: bool = True
    """Not an effect: steps inside one would be done between a claim and its result."""
    used: Usage = field(default_factory=Usage)
    """By model calls made directly in this scope."""
    failure: tuple[str, Exception] | None = None
    """Name and error of the last step, which the code may have caught."""

    @property
    def next_path(self) -> Path:
        return (*self.path, self.number + 1)


current_scope: ContextVar[Scope | None] = ContextVar("current_scope", default=None)
