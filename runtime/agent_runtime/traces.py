"""What a run tells of how it went: counted while it goes on, and told once it ends or asks a person."""

from dataclasses import dataclass
from threading import Lock

from agent_runtime.errors import AgentRuntimeError, ToolFailed, ToolUnavailable
from agent_runtime.records import Usage


@dataclass(frozen=True)
class RunTrace:
    """What one call or worker saw of a run. None is what it cannot say."""

    tool_calls: int = 0
    """Steps, effects and parallel items that this worker did itself and that called no model."""
    tool_errors: int = 0
    """Those of them that raised, whether the agent caught it or not."""
    context_utilisation: float | None = None
    """Tokens of the largest input of a model call, as a share of the model's context window: 0 to 1."""
    quality: float | None = None
    """Share of the completed steps whose record is whole: 0 to 1."""
    tool_refusals: int = 0
    """Calls of `run.tool` that were refused: no tool of this name, other arguments, nobody's approval."""
    escalated_after_ms: int | None = None
    """From the creation of the run to its first question to a person, where this worker put it."""


class Tally:
    """Counts for one worker's time with a run, from any thread.

    A call of a tool is one step as the agent sees it: retries inside it that came to a result are no
    failures, and errors of the runtime itself (a brake, a lost lease, a suspension) are none of the tool's.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._calls = 0
        self._errors = 0
        self._refusals = 0
        self._largest_input = 0
        self._largest_share = 0.0
        self._steps = 0
        self._whole_steps = 0

    def succeeded(self, used: Usage) -> None:
        """A step that was done; `used` by the model calls in it."""
        if not used.model_calls:
            self._called(failed=False)

    def failed(self, used: Usage, error: Exception) -> None:
        """A step that raised."""
        is_the_tools = isinstance(error, ToolFailed | ToolUnavailable)
        if not used.model_calls and (is_the_tools or not isinstance(error, AgentRuntimeError)):
            self._called(failed=True)

    def refused(self) -> None:
        """A call of a tool that was not made."""
        with self._lock:
            self._refusals += 1

    def model_called(self, used: Usage, window: int | None = None) -> None:
        """Model calls in one step, of a model with this window. Where a replayed step made several, their
        mean stands for the largest."""
        with self._lock:
            each = used.input_tokens // max(1, used.model_calls)
            if window is None:
                self._largest_input = max(self._largest_input, each)
            else:
                self._largest_share = max(self._largest_share, each / window)

    def completed(self, name: str, used: Usage) -> None:
        """A step with its record. It is whole with its name and, where it called a model, its tokens."""
        is_whole = bool(name) and (not used.model_calls or (used.input_tokens > 0 and used.output_tokens > 0))
        with self._lock:
            self._steps += 1
            self._whole_steps += is_whole

    def trace(self, context_window_tokens: int | None, escalated_after_ms: int | None) -> RunTrace:
        """What was counted so far."""
        with self._lock:
            share = self._largest_input / context_window_tokens if context_window_tokens else 0.0
            share = max(share, self._largest_share)
            return RunTrace(
                tool_calls=self._calls,
                tool_errors=self._errors,
                tool_refusals=self._refusals,
                context_utilisation=min(1.0, share) if share > 0 else None,
                quality=self._whole_steps / self._steps if self._steps else None,
                escalated_after_ms=escalated_after_ms,
            )

    def _called(self, *, failed: bool) -> None:
        with self._lock:
            self._calls += 1
            self._errors += failed
