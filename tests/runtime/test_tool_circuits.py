"""Tools behind a gateway that are left alone while they are down."""

from typing import Any

import pytest

from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.errors import AgentRuntimeError, CircuitOpen, ToolRefused, ToolThrottled, ToolUnavailable
from agent_runtime.guards.breakers import DEFAULT_RULE
from agent_runtime.guards.circuits import LOOK_SECONDS, Circuits
from agent_runtime.tool_spec import ToolSpec
from agent_runtime.tools.calling import ToolCall
from agent_runtime.tools.guarded import GuardedGateway
from tests.runtime.pretended import TABLE, Aws


class Gateway:
    """Answers, or raises `error`."""

    def __init__(self) -> None:
        self.error: AgentRuntimeError | None = None
        self.asked: list[str] = []

    def call(self, call: ToolCall) -> Any:
        self.asked.append(call.spec.name)
        if self.error is not None:
            raise self.error
        return "done"


class World:
    def __init__(self, aws: Aws) -> None:
        self.clock, self.behind = aws.clock, Gateway()
        table = CheckpointTable(aws.dynamodb, TABLE)
        self.gateway = GuardedGateway(
            self.behind, Circuits(table, "answers", clock=aws.clock, monotonic=aws.clock)
        )

    def call(self, name: str = "send") -> Any:
        spec = ToolSpec(name=name, destination="gateway")
        return self.gateway.call(ToolCall(spec, {}, "0" * 32, "acme", "000001", "k" * 32))

    def fail(self, error: AgentRuntimeError) -> None:
        self.behind.error = error
        for _ in range(DEFAULT_RULE.outages):
            with pytest.raises(type(error)):
                self.call()
        self.behind.error = None


@pytest.fixture
def world(aws: Aws) -> World:
    return World(aws)


def test_a_tool_that_is_down_is_left_alone_and_probed_once_its_time_is_over(world: World) -> None:
    world.fail(ToolUnavailable("down"))
    asked = len(world.behind.asked)
    with pytest.raises(CircuitOpen, match="tool:send"):
        world.call()
    assert len(world.behind.asked) == asked, "nothing was sent"
    world.clock.now += DEFAULT_RULE.open_seconds + LOOK_SECONDS
    assert [world.call(), world.call()] == ["done", "done"]


def test_the_other_tools_of_the_gateway_are_called_all_the_same(world: World) -> None:
    world.fail(ToolUnavailable("down"))
    assert world.call("look") == "done"


@pytest.mark.parametrize("error", [ToolThrottled("too fast"), ToolRefused("no")])
def test_who_is_too_fast_or_refused_says_nothing_of_the_tool(world: World, error: AgentRuntimeError) -> None:
    world.fail(error)
    assert world.call() == "done"
