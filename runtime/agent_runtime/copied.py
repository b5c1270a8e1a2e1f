"""What the agent's function is given in a copy of a run: its model answers anew, and nothing acts outside."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final, ParamSpec, TypeVar

from agent_runtime.copies import Recording
from agent_runtime.errors import GuardUpheld
from agent_runtime.gather import gather
from agent_runtime.run import Run

P = ParamSpec("P")
T = TypeVar("T")


class CopiedRun(Run):
    """Effects, and steps with the name of a tool, are answered from the record of the run that is copied;
    tools that the manifest marks `read_only` are called, but for those that act by a caller's own token,
    which a copy has not. All of these raise `CopyDiverged` beside what those of `Run` raise.
    """

    is_copy: ClassVar[bool] = True

    def __init__(self, recording: Recording, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.recording: Final = recording
        tools = {tool.name: tool.read_only and not tool.user_delegated for tool in self.bundle.tools}
        self._acting = {name for name, read_only in tools.items() if not read_only}
        self._reading = tools.keys() - self._acting

    def step(self, name: str, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        if name in self._acting:
            return self._from_recording(name)
        return super().step(name, fn, *args, **kwargs)

    def act(self, name: str, fn: Callable[..., Any], **how: Any) -> Any:
        if name in self._reading:
            return super().act(name, fn, **how)
        return self._from_recording(name)

    def gather(
        self, name: str, fn: Callable[[Any], T], items: Sequence[Any], /, *, at_once: int = 8
    ) -> list[T]:
        if name in self._acting:
            return gather(self.progress, name, lambda _: self.recording.answer(), items, at_once)
        return super().gather(name, fn, items, at_once=at_once)

    def sleep(self, name: str, seconds: float) -> None:  # noqa: ARG002  nobody waits for a copy
        self.progress.once(name, lambda _: 0.0)

    def approve(
        self,
        name: str,
        *,
        summary: str,  # noqa: ARG002  nobody is asked twice
        expires_in_seconds: float = 86_400,  # noqa: ARG002
    ) -> bool:
        return self._from_recording(name)

    def _circling(self, reason: str, times: int) -> None:  # noqa: ARG002  nobody is asked
        error = GuardUpheld(reason)
        self.progress.stop(error)
        raise error

    def share(self) -> str:
        return self._from_recording("share")

    def emit(self, kind: str, data: Any = None) -> None:
        """Nobody follows a copy."""

    def _from_recording(self, name: str) -> Any:
        return self.progress.once(name, lambda _: self.recording.answer())
