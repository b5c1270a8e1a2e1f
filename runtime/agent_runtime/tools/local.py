"""Tools that are functions of the agent's own module."""

import inspect
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeVar, overload

from agent_runtime.errors import ArgumentsInvalid, SettingsError
from agent_runtime.tool_spec import TOOL_NAME

F = TypeVar("F", bound=Callable[..., Any])
KEY: Final = "idempotency_key"
_MARK: Final = "__agent_tool__"


@overload
def tool(function: F, /) -> F: ...
@overload
def tool(*, name: str) -> Callable[[F], F]: ...
def tool(function: Callable[..., Any] | None = None, /, *, name: str = "") -> Any:
    """Make a function of the agent's module a tool, under its own name or `name`; it stays as it is.

    ```python
    @tool
    def book(seat: str, *, idempotency_key: str) -> dict[str, str]: ...
    ```

    One that acts takes `idempotency_key`, the same text however often the call is done. Without it a call
    whose worker died in the middle is not made again: a person is asked what happened. Raises ValueError for
    what is no name of a tool.
    """

    def mark(marked: Callable[..., Any]) -> Callable[..., Any]:
        given = name or getattr(marked, "__name__", "")
        if not re.fullmatch(TOOL_NAME, given):
            raise ValueError(f"{given!r} is no tool's name: 1 to 64 letters, digits, `_` and `-` are needed")
        setattr(marked, _MARK, given)
        return marked

    return mark if function is None else mark(function)


@dataclass(frozen=True)
class LocalTool:
    """A registered function."""

    function: Callable[..., Any]

    @cached_property
    def _signature(self) -> inspect.Signature:
        return inspect.signature(self.function)

    @property
    def takes_key(self) -> bool:
        """Whether it can tell that a call is done a second time."""
        return KEY in self._signature.parameters

    def check(self, arguments: Mapping[str, Any]) -> None:
        """Raises `ArgumentsInvalid` for arguments that the function cannot be called with."""
        if KEY in arguments:
            raise ArgumentsInvalid(f"{KEY} is the runtime's to give")
        try:
            self._signature.bind(**arguments, **({KEY: ""} if self.takes_key else {}))
        except TypeError as error:
            raise ArgumentsInvalid(f"the function takes other arguments: {error}") from error

    def call(self, arguments: Mapping[str, Any], key: str) -> Any:
        """What the function returns or raises."""
        return self.function(**arguments, **({KEY: key} if self.takes_key else {}))


def local_tools(agent: Callable[..., Any]) -> dict[str, LocalTool]:
    """The tools that the module of the agent's function has, also those that it imports, by name.

    Raises `SettingsError` for two with the same name.
    """
    module = sys.modules.get(getattr(agent, "__module__", None) or "")
    found: dict[str, LocalTool] = {}
    for value in list(vars(module).values()) if module is not None else []:
        name = getattr(value, _MARK, None) if inspect.isroutine(value) else None
        if name is None:
            continue
        if name in found and found[name].function is not value:
            raise SettingsError(f"two functions of {agent.__module__} are the tool {name!r}: rename one")
        found[name] = LocalTool(value)
    return found
