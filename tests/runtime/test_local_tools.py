"""Functions of the agent's module that are tools."""

import sys
import types
from collections.abc import Callable
from typing import Any

import pytest

from agent_runtime import tool
from agent_runtime.errors import ArgumentsInvalid, SettingsError
from agent_runtime.tools.local import LocalTool, local_tools


@tool
def look(word: str, most: int = 3) -> list[str]:
    return [word] * most


@tool(name="book-a-seat")
def book(seat: str, *, idempotency_key: str) -> str:
    return f"{seat} {idempotency_key}"


def plain(word: str) -> str:
    return word


def agent(run: Any) -> None: ...


def test_the_tools_of_an_agent_are_those_of_its_module() -> None:
    found = local_tools(agent)
    assert {name: known.function for name, known in found.items()} == {"look": look, "book-a-seat": book}
    assert {name: known.takes_key for name, known in found.items()} == {"look": False, "book-a-seat": True}


def test_a_tool_is_still_the_function_that_it_was() -> None:
    assert look("a", most=1) == ["a"]


def test_a_tool_with_two_names_in_its_module_is_one_and_two_with_the_same_name_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = types.ModuleType("an_agent")
    monkeypatch.setitem(sys.modules, "an_agent", module)
    entry: Callable[..., Any] = types.FunctionType(agent.__code__, {"__name__": "an_agent"})
    entry.__module__ = "an_agent"
    vars(module).update(look=look, also=look)
    assert list(local_tools(entry)) == ["look"]
    vars(module)["other"] = tool(name="look")(lambda: None)
    with pytest.raises(SettingsError, match="are the tool 'look'"):
        local_tools(entry)


def test_an_agent_that_lies_in_no_module_has_no_tools() -> None:
    class Entry:
        __module__ = "nowhere"

        def __call__(self, run: Any) -> None: ...

    assert local_tools(Entry()) == {}


@pytest.mark.parametrize("name", ["a b", "x" * 65, "ö"])
def test_a_name_that_no_model_could_say_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no tool's name"):
        tool(name=name)(lambda: None)


@pytest.mark.parametrize(
    ("function", "arguments", "said"),
    [
        (look, {}, "missing a required argument: 'word'"),
        (look, {"word": "a", "more": 1}, "unexpected keyword argument 'more'"),
        (book, {"seat": "1", "idempotency_key": "mine"}, "the runtime's to give"),
        (look, {"word": "a", "idempotency_key": "mine"}, "the runtime's to give"),
    ],
)
def test_arguments_that_the_function_does_not_take_are_refused(
    function: Callable[..., Any], arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(ArgumentsInvalid, match=said):
        LocalTool(function).check(arguments)
