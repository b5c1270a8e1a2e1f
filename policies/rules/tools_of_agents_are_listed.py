"""AG15: an agent has a list of the tools that it may use."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._runtimes import RUNTIMES, runtime
from ._tools import tool_lists, tools_of_bundle

_EVERY = ("all", "any")


def check(resource: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for the programs that run agents. The manifest of a bundle is a list too, and one without tools
    lets none be used; a variable beside it may only take some away."""
    program = runtime(resource, stack)
    if program is None:
        return
    stated = False
    for path, tools in tool_lists(program):
        stated = True
        if not tools:
            yield Fail("the list of tools is empty, which is mostly read as no list.", path)
        if wide := [tool for tool in tools if "*" in tool or tool.lower() in _EVERY]:
            yield Fail(f"{wide[0]!r} stands for every tool.", path)
    if not stated and tools_of_bundle(program, stack) is None:
        program.doubt()
        yield Fail("nothing lists the tools that it may use.", program.path)


RULE = StackRule(
    id="AG15",
    name="tools-of-agents-are-listed",
    title="Agents use tools that are listed by name",
    why="A server that offers one more tool offers it to the agent as well, and nobody looked at it.",
    remediation="List tools in agent.yaml, or in a variable such as ALLOWED_TOOLS that the program holds to.",
    severity=Severity.HIGH,
    types=types(*RUNTIMES),
    external={"AWS Well-Architected": ("AGENTSEC02-BP01",), "OWASP Agentic": ("ASI02",)},
    sources=("https://docs.aws.amazon.com/wellarchitected/latest/agentic-ai-lens/agentsec02.html",),
    check=check,
)
