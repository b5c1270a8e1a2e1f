"""A look at a gateway's tools ends in time, however many of them hang."""

import io
from collections.abc import Callable
from threading import Barrier, Event
from typing import Any

import pytest

from agent_runtime.gateway import watching
from agent_runtime.gateway.declared import GatewayTool
from agent_runtime.gateway.watching import look
from tests.runtime.tool_gateway_world import GatewayWorld, rules

ARNS = [f"arn:{number}" for number in range(8)]
TOOLS = {arn: GatewayTool(version="1.0.0", effect="read", function_arn=arn) for arn in ARNS}


@pytest.mark.parametrize("door", ["/health", "schedule"])
def test_tools_are_asked_at_the_same_time(
    aws: Any, serve: Callable[[Any], str], http_event: Any, door: str
) -> None:
    world, together = GatewayWorld(aws, serve, http_event), Barrier(len(ARNS))

    def invoke(**_: Any) -> dict[str, Any]:
        together.wait(60)  # for all others: one after the other would break it
        return {"Payload": io.BytesIO(b'{"result": "ok"}')}

    world.functions.invoke = invoke  # type: ignore[method-assign]
    tools = {f"t{n}": tool.model_dump() for n, tool in enumerate(TOOLS.values())}
    world.host = world.made(rules(world.url, tools=tools))
    if door == "/health":
        status, body = world.get("/health")
        assert (status, {tool["health"] for tool in body["tools"].values()}) == (200, {"ok"})
    else:
        found = world.host.handle({}, None)  # type: ignore[arg-type]
        assert set(found["tools"].values()) == {"ok"}


def test_a_tool_that_hangs_is_down_and_the_others_are_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    over, limits = Event(), list[float]()
    wait, hangs = watching.wait, ARNS[:2]

    def until_time_is_over(asked: Any, timeout: float) -> None:
        limits.append(timeout)
        wait(list(asked)[len(hangs) :])  # the others have answered by then, however slow this machine is

    monkeypatch.setattr(watching, "wait", until_time_is_over)
    try:
        found = look(TOOLS, lambda tool: tool.function_arn not in hangs or over.wait(60))
    finally:
        over.set()
    assert [name for name, is_well in found.items() if not is_well] == hangs
    assert limits == [watching.SECONDS]


def test_a_look_that_fails_is_a_tool_that_is_down() -> None:
    def is_well(tool: GatewayTool) -> bool:
        if tool.function_arn == ARNS[3]:
            raise OSError("no certificates")
        return True

    assert [name for name, well in look(TOOLS, is_well).items() if not well] == [ARNS[3]]


def test_no_tools_are_no_trouble() -> None:
    assert look({}, lambda _: True) == {}
