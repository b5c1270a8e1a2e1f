"""`run.tool`: what a model asks for is decided outside of it, and done once."""

import logging
from collections.abc import Callable
from typing import Any

import pytest

from agent_runtime.approvals import Decision
from agent_runtime.copies import copy_id
from agent_runtime.errors import (
    ArgumentsInvalid,
    AuditUnavailable,
    GuardTripped,
    GuardUpheld,
    RunHeld,
    StepInDoubt,
    StepMismatch,
    Suspended,
    ToolRefused,
)
from agent_runtime.guard_spec import GuardSpec
from agent_runtime.guards.questions import lift
from agent_runtime.people import decide, wake_if_decided
from agent_runtime.records import RunRequest, RunStatus
from agent_runtime.run import Run
from agent_runtime.stopping import resume, stop
from agent_runtime.tool_spec import ToolSpec
from agent_runtime.tools.arguments import approval_name
from agent_runtime.tools.local import LocalTool
from tests.histories import assert_all_ended, assert_contiguous
from tests.runtime.audit_world import Told
from tests.runtime.durable import RUN, Durable, Killed
from tests.runtime.pretended import SECRET_TEXT

WORD = {
    "type": "object",
    "properties": {"word": {"type": "string", "maxLength": 20}},
    "required": ["word"],
    "additionalProperties": False,
}
TOOLS = (
    ToolSpec(name="look", effect="read", input_schema=WORD),
    ToolSpec(name="send", input_schema=WORD),
    ToolSpec(name="post", input_schema=WORD),
    ToolSpec(name="erase", effect="destructive", input_schema=WORD),
    ToolSpec(name="theirs", effect="read", tenants=("zeta",)),
    ToolSpec(name="missing", effect="read"),
    ToolSpec(name="outside", effect="read", destination="gateway"),
    ToolSpec(name="not-here", effect="read"),
)


class World:
    """One run with tools that note what they are called with, and may die at it."""

    def __init__(self, durable: Durable) -> None:
        self.durable = durable
        self.calls: list[tuple[str, str, str]] = []
        """Tool, word and idempotency key."""
        self.answers: Callable[[str, str], Any] = lambda tool, word: f"{tool} {word}"
        self.dies = 0
        self.trail = Told()
        durable.bundle = durable.make_bundle(tools=TOOLS)
        here = tuple(spec.name for spec in TOOLS if spec.name != "not-here")
        local = {
            "look": self.look,
            "send": self.send,
            "post": self.post,
            "erase": self.send,
            "theirs": self.look,
        }
        durable.extras = {
            "tools": here,
            "local_tools": {name: LocalTool(function) for name, function in local.items()},
            "audit": self.trail,
        }

    def look(self, word: str) -> Any:
        return self._called("look", word, "")

    def send(self, word: str, *, idempotency_key: str) -> Any:
        return self._called("send", word, idempotency_key)

    def post(self, word: str) -> Any:
        return self._called("post", word, "")

    def _called(self, tool: str, word: str, key: str) -> Any:
        self.calls.append((tool, word, key))
        if self.dies:
            self.dies -= 1
            raise Killed
        return self.answers(tool, word)

    def refusal(self, agent: Callable[[Run], Any]) -> ToolRefused:
        error = self.durable.work(agent).error
        assert isinstance(error, ToolRefused)
        return error

    def outcomes(self) -> list[str]:
        return [entry["outcome"] for entry in self.trail.entries if "outcome" in entry]


@pytest.fixture
def world(durable: Durable) -> World:
    return World(durable)


def test_a_tool_that_reads_is_a_step_with_its_name(world: World) -> None:
    def agent(run: Run) -> Any:
        return {"x": run.tool("look", word="a"), "y": run.tool("look", word="b")}

    assert world.durable.result(agent) == {"x": "look a", "y": "look b"}
    assert world.durable.work(agent).replayed == ["look", "look"]
    assert [word for _, word, _ in world.calls] == ["a", "b"]


def test_a_tool_that_reads_is_called_again_when_its_worker_died(world: World) -> None:
    world.dies = 1
    for _ in range(2):
        world.durable.work(lambda run: {"x": run.tool("look", word="a")})
    assert len(world.calls) == 2


def test_a_tool_that_acts_gets_one_key_however_often_it_is_called(world: World) -> None:
    world.dies = 2
    for _ in range(4):
        world.durable.work(lambda run: {"x": run.tool("send", word="a")})
    assert len(world.calls) == 3
    assert len({key for _, _, key in world.calls}) == 1
    assert len(world.calls[0][2]) == 32


def test_of_a_tool_that_acts_without_a_key_a_person_is_asked_when_its_worker_died(world: World) -> None:
    world.dies = 1

    def agent(run: Run) -> Any:
        return {"x": run.tool("post", word="a")}

    world.durable.work(agent)
    asked = world.durable.work(agent).error
    assert isinstance(asked, Suspended)
    assert asked.asked == (1,)
    assert len(world.calls) == 1
    decide(world.durable.store, "acme", RUN, (1,), Decision("happened", "ann", "posted"))
    assert world.durable.result(agent) == {"x": "posted"}


def test_nobody_who_knows_means_that_it_is_not_called_again(world: World) -> None:
    world.dies = 1
    world.durable.work(lambda run: {"x": run.tool("post", word="a")})
    world.durable.work(lambda run: {"x": run.tool("post", word="a")})
    decide(world.durable.store, "acme", RUN, (1,), Decision("deny", "ann"))
    assert isinstance(world.durable.work(lambda run: {"x": run.tool("post", word="a")}).error, StepInDoubt)


HOSTILE: list[tuple[str, dict[str, Any], str]] = [
    ("rm", {}, "there is no tool 'rm' here; the tools are look, send"),
    ("rm -rf /; \n" * 100, {}, "there is no tool of this name here"),
    ("not-here", {}, "there is no tool 'not-here' here"),
    ("theirs", {"word": "a"}, "not for this tenant"),
    ("missing", {}, "no function `@tool` named 'missing'"),
    ("outside", {}, "none is deployed here"),
    ("look", {}, "required"),
    ("look", {"word": 1}, "type"),
    ("look", {"word": "a", "more": 1}, "additionalProperties"),
    ("look", {"word": "x" * 100_000}, "more than 65536 bytes"),
    ("look", {"word": object()}, "JSON does not know"),
    ("send", {"word": "a", "idempotency_key": "mine"}, "additionalProperties"),
    ("erase", {"word": ["a"]}, "type"),
]
"""F27: a tool, what it is asked, and what the refusal says."""


@pytest.mark.parametrize(("name", "arguments", "said"), HOSTILE)
def test_what_may_not_be_called_is_refused_told_and_reaches_nothing(
    world: World, caplog: pytest.LogCaptureFixture, name: str, arguments: dict[str, Any], said: str
) -> None:
    with caplog.at_level(logging.WARNING, "agent_runtime.tools"):
        refusal = world.refusal(lambda run: {"x": run.tool(name, **arguments)})
    assert said in str(refusal)
    assert world.calls == []
    assert "call of a tool refused" in caplog.text
    assert world.outcomes() == ["refused"]
    assert len(world.trail.entries[0]["tool"]) <= 64


@pytest.mark.parametrize("dies", [0, 1], ids=["one worker", "a worker that is killed"])
def test_a_run_that_tries_all_of_it_ends_as_any_other_with_nothing_done_but_what_it_may(
    world: World, caplog: pytest.LogCaptureFixture, dies: int
) -> None:
    def injected(run: Run) -> Any:
        said: list[str] = []
        for name, arguments, _ in HOSTILE:
            if name == "erase":
                continue  # it would wait for a person
            try:
                run.tool(name, **arguments)
            except ToolRefused as refusal:
                said.append(str(refusal))
        return {"refused": len(said), "x": run.tool("send", word="a")}

    world.dies = dies
    world.durable.bundle = world.durable.make_bundle(tools=TOOLS, max_steps=50)
    with caplog.at_level(logging.DEBUG):
        for _ in range(dies):
            world.durable.work(injected)
        worked = world.durable.work(injected)
    assert worked.output == {"refused": len(HOSTILE) - 1, "x": "send a"}
    world.durable.store.leased.finish(worked.run.lease, RunStatus.DONE, output=worked.output)
    items = world.durable.aws.items()
    assert_all_ended(items, accepted=1)
    assert_contiguous(items)
    assert {(tool, word) for tool, word, _ in world.calls} == {("send", "a")}
    assert len({key for _, _, key in world.calls}) == 1, "one key, so one effect"
    hidden = repr(items) + caplog.text + repr(world.trail.entries)
    assert "x" * 1000 not in hidden, "what was injected is kept nowhere"
    assert SECRET_TEXT not in hidden


def test_refusals_are_counted_and_are_no_errors_of_the_tool(world: World) -> None:
    def agent(run: Run) -> Any:
        for n in range(2):
            with pytest.raises(ToolRefused):
                run.tool(f"unknown-{n}")
        return {"x": run.tool("look", word="a")}

    trace = world.durable.work(agent).run.progress.tally.trace(None, None)
    assert (trace.tool_refusals, trace.tool_errors) == (2, 0)


def test_an_agent_that_goes_on_after_a_refusal_hears_the_same_of_it_in_a_replay(world: World) -> None:
    heard: list[str] = []

    def agent(run: Run) -> Any:
        try:
            run.tool("look", word=1)
        except ArgumentsInvalid as refusal:
            heard.append(str(refusal))
        return {"x": run.tool("look", word="a")}

    first = world.durable.work(agent)
    again = world.durable.work(agent)
    assert heard[0] == heard[1]
    assert again.replayed == first.names == ["look", "look"]
    assert again.run.progress.tally.trace(None, None).tool_refusals == 0


def test_what_was_called_is_replayed_even_if_it_would_be_refused_today(world: World) -> None:
    def agent(run: Run) -> Any:
        return {"x": run.tool("send", word="a")}

    world.durable.result(agent)
    world.durable.extras["tools"] = ()
    assert world.durable.result(agent) == {"x": "send a"}
    assert len(world.calls) == 1


def test_a_destructive_tool_waits_for_a_person_who_sees_the_call(world: World) -> None:
    def agent(run: Run) -> Any:
        return {"x": run.tool("erase", word="all")}

    asked = world.durable.work(agent).error
    assert isinstance(asked, Suspended)
    assert asked.status == RunStatus.WAITING_APPROVAL
    assert "'erase'" in str(asked)
    assert '{"word": "all"}' in str(asked)
    assert world.calls == []
    items = [item for item in world.durable.aws.items() if item["sk"]["S"].startswith("approval#")]
    assert items[0]["name"]["S"] == approval_name("erase", {"word": "all"})
    decide(world.durable.store, "acme", RUN, (1,), Decision("approve", "ann"))
    for _ in range(2):
        assert world.durable.result(agent) == {"x": "send all"}
    assert len(world.calls) == 1


def test_a_destructive_tool_that_nobody_approves_of_is_refused(world: World) -> None:
    def agent(run: Run) -> Any:
        try:
            return {"x": run.tool("erase", word="all")}
        except ToolRefused as refusal:
            return {"refused": str(refusal)}

    world.durable.work(agent)
    decide(world.durable.store, "acme", RUN, (1,), Decision("deny", "ann"))
    for _ in range(2):
        assert world.durable.result(agent) == {"refused": "nobody approved of this call of 'erase'"}
    assert world.calls == []


def test_a_yes_to_one_call_is_a_yes_to_no_other(world: World) -> None:
    word = "one"

    def agent(run: Run) -> Any:
        return {"x": run.tool("erase", word=word)}

    world.durable.work(agent)
    decide(world.durable.store, "acme", RUN, (1,), Decision("approve", "ann"))
    word = "all"
    assert isinstance(world.durable.work(agent).error, StepMismatch)
    assert world.calls == []


def test_an_act_that_cannot_be_put_on_the_trail_is_not_done(world: World) -> None:
    world.trail.down = True
    error = world.durable.work(lambda run: {"x": run.tool("send", word="a")}).error
    assert isinstance(error, AuditUnavailable)
    assert world.calls == []


def test_of_an_act_that_the_trail_held_up_nobody_is_asked_whether_it_happened(world: World) -> None:
    def agent(run: Run) -> Any:
        return {"x": run.tool("post", word="a")}

    world.trail.down = True
    assert isinstance(world.durable.work(agent).error, AuditUnavailable)
    world.trail.down = False
    assert world.durable.result(agent) == {"x": "post a"}


def test_the_trail_tells_of_a_call_before_it_and_how_an_act_came_out(world: World) -> None:
    def agent(run: Run) -> Any:
        run.tool("look", word="a")
        return {"x": run.tool("send", word="hunter2")}

    for _ in range(2):
        world.durable.result(agent)
    told = [
        (entry["tool"], entry.get("effect"), entry.get("outcome"), entry["step"])
        for entry in world.trail.entries
    ]
    assert told == [
        ("look", "read", None, "000001"),
        ("send", "write", None, "000002"),
        ("send", None, "done", "000002"),
    ]
    assert all(entry["run_id"] == RUN and entry["tenant"] == "acme" for entry in world.trail.entries)
    assert "hunter2" not in str(world.trail.entries)


def test_an_error_of_the_tools_function_is_the_agents_to_catch(world: World) -> None:
    def fail(tool: str, word: str) -> Any:
        raise KeyError(word)

    world.answers = fail
    worked = world.durable.work(lambda run: {"x": run.tool("look", word="a")})
    assert isinstance(worked.error, KeyError)
    trace = worked.run.progress.tally.trace(None, None)
    assert (trace.tool_calls, trace.tool_errors, trace.tool_refusals) == (1, 1, 0)
    assert world.outcomes() == ["KeyError"]


def circle(run: Run) -> Any:
    return {"x": [run.tool("look", word="a") for _ in range(8)]}


def test_a_run_in_circles_is_parked_with_its_steps_and_stays_so_until_a_person_lets_it_go_on(
    world: World,
) -> None:
    for _ in range(3):  # whoever takes it up meanwhile
        worked = world.durable.work(circle)
        assert isinstance(worked.error, GuardTripped)
        assert worked.error.asked == (0, 20, 1)
        assert "the same call of 'look' was made 3 times in a row" in str(worked.error)
    assert len(world.calls) == 3
    assert [entry["kind"] for entry in world.trail.entries].count("guard-tripped") == 3
    assert lift(world.durable.store, "acme", RUN, Decision("approve", "ann")) == 1
    again = world.durable.work(circle).error
    assert isinstance(again, GuardTripped)
    assert again.asked == (0, 20, 2)
    assert len(world.calls) == 6
    assert lift(world.durable.store, "acme", RUN, Decision("approve", "ann")) == 1
    assert world.durable.result(circle) == {"x": ["look a"] * 8}
    assert lift(world.durable.store, "acme", RUN, Decision("approve", "ann")) == 0


def test_an_agent_cannot_swallow_that_it_goes_in_circles(world: World) -> None:
    def agent(run: Run) -> Any:
        for _ in range(10):
            try:
                run.tool("look", word="a")
            except GuardTripped:
                run.tool("look", word="b")
        return {}

    assert isinstance(world.durable.work(agent).error, GuardTripped)
    assert len(world.calls) == 3


def test_a_run_in_circles_that_may_not_go_on_ends(world: World) -> None:
    world.durable.work(circle)
    lift(world.durable.store, "acme", RUN, Decision("deny", "ann"))
    error = world.durable.work(circle).error
    assert isinstance(error, GuardUpheld)
    assert "ann said: deny" in str(error)


def test_refused_calls_are_a_circle_too(world: World) -> None:
    def agent(run: Run) -> Any:
        for n in range(20):
            try:
                run.tool(f"unknown-{n}")
            except ToolRefused:
                continue
        return {}

    worked = world.durable.work(agent)
    assert isinstance(worked.error, GuardTripped)
    assert len(worked.names) == 7


def test_who_waits_for_something_may_ask_for_it_again(world: World) -> None:
    def agent(run: Run) -> Any:
        for n in range(8):
            run.tool("look", word="is it done?")
            run.sleep(f"rest-{n}", 60)
        return {"x": "waited"}

    world.durable.bundle = world.durable.make_bundle(tools=TOOLS, max_steps=50)
    worked = world.durable.work(agent)
    while isinstance(worked.error, Suspended):
        world.durable.aws.clock.now += 60
        worked = world.durable.work(agent)
    assert worked.output == {"x": "waited"}


def test_the_manifest_says_how_often_is_too_often(world: World) -> None:
    world.durable.bundle = world.durable.make_bundle(tools=TOOLS, guards=GuardSpec(same_call=5, no_news=0))
    worked = world.durable.work(circle)
    assert isinstance(worked.error, GuardTripped)
    assert len(world.calls) == 5


def test_many_lookups_at_once_are_no_circle_and_each_counts_once(world: World) -> None:
    world.answers = lambda tool, word: "nothing"

    def agent(run: Run) -> Any:
        return {"x": run.gather("all", lambda n: run.tool("look", word=str(n)), range(12))}

    world.durable.bundle = world.durable.make_bundle(tools=TOOLS, max_steps=50)
    for _ in range(2):
        assert world.durable.result(agent) == {"x": ["nothing"] * 12}
    assert len(world.calls) == 12


def test_a_copy_calls_tools_that_read_and_is_answered_from_the_record_by_those_that_act(
    aws: Any, model: Any, make_bundle: Callable[..., Any]
) -> None:
    world, caller = World(Durable(aws, aws.dynamodb, model, make_bundle)), "c" * 32
    bundle = make_bundle(tools=TOOLS)

    def agent(run: Run) -> Any:
        return {"x": run.tool("look", word="a"), "y": run.tool("send", word="a")}

    def run_as(run_id: str) -> Any:
        runner = aws.runner(agent, model, bundle)
        runner._local_tools = world.durable.extras["local_tools"]
        request = RunRequest(run_id, "acme", {})
        return runner.run(request, lease_seconds=60, remaining_seconds=lambda: 60.0)

    original = run_as(caller)
    copy = run_as(copy_id(bundle.bundle_id, caller))
    assert (copy.output, copy.agreement) == (original.output, 1.0)
    assert [tool for tool, _, _ in world.calls] == ["look", "send", "look"]


def test_a_copy_in_circles_asks_nobody(aws: Any, model: Any, make_bundle: Callable[..., Any]) -> None:
    world, caller = World(Durable(aws, aws.dynamodb, model, make_bundle)), "c" * 32
    bundle, circles = make_bundle(tools=TOOLS), False

    def agent(run: Run) -> Any:
        return circle(run) if circles else {}

    def run_as(run_id: str) -> Any:
        runner = aws.runner(agent, model, bundle)
        runner._local_tools = world.durable.extras["local_tools"]
        return runner.run(RunRequest(run_id, "acme", {}), lease_seconds=60, remaining_seconds=lambda: 60.0)

    run_as(caller)
    circles = True
    copy = run_as(copy_id(bundle.bundle_id, caller))
    assert copy.status is RunStatus.FAILED
    assert isinstance(copy.error, GuardUpheld)
    assert not [item for item in aws.items() if item["sk"]["S"].startswith("approval#")]


def parked(world: World) -> None:
    """As a worker leaves a run that goes in circles."""
    worked = world.durable.work(circle)
    assert isinstance(worked.error, GuardTripped)
    world.durable.store.leased.suspend(worked.run.lease, RunStatus.PARKED, due_at=0, held=worked.error.guard)


def test_who_resumes_a_run_in_circles_lets_it_go_on(world: World) -> None:
    parked(world)
    with pytest.raises(RunHeld):
        world.durable.take()
    resume(world.durable.store, "acme", RUN, by="ann", why="it polls")
    worked = world.durable.work(circle)
    assert isinstance(worked.error, GuardTripped)
    assert worked.error.asked == (0, 20, 2)
    assert len(world.calls) == 6


@pytest.mark.parametrize(("verdict", "kind"), [("approve", GuardTripped), ("deny", GuardUpheld)])
def test_an_answer_to_the_guard_wakes_the_run(world: World, verdict: str, kind: type[Exception]) -> None:
    parked(world)
    bundle_id = decide(world.durable.store, "acme", RUN, (0, 20, 1), Decision(verdict, "ann"))
    assert bundle_id == world.durable.bundle.bundle_id
    assert isinstance(world.durable.work(circle).error, kind)


def test_an_answer_to_the_guard_before_the_run_is_parked_wakes_it_then(world: World) -> None:
    worked = world.durable.work(circle)
    store = world.durable.store
    assert decide(store, "acme", RUN, (0, 20, 1), Decision("approve", "ann")) is None
    store.leased.suspend(worked.run.lease, RunStatus.PARKED, due_at=0, held="loop")
    assert wake_if_decided(store, "acme", RUN, (0, 20, 1))
    assert not wake_if_decided(store, "acme", RUN, (0, 20, 1))


def test_an_answer_to_the_guard_does_not_let_go_on_what_a_person_stopped(world: World) -> None:
    parked(world)
    stop(world.durable.store, "acme", RUN, by="bob", why="enough")
    assert decide(world.durable.store, "acme", RUN, (0, 20, 1), Decision("approve", "ann")) is None
    with pytest.raises(RunHeld):
        world.durable.take()
