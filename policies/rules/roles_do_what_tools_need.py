"""AG15b: an agent's role may do what its tools need, and no more, where the stack says what they need."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.patterns import matches
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._functions import FUNCTION
from ._roles import ROLE, rights_of
from ._runtimes import TASK, runtime
from ._tools import tool_actions, tool_lists

RUNTIME = "runtime"
"""Stands in the declaration for what the program itself needs, beside its tools."""
_ALWAYS = (
    "cloudwatch:PutMetricData",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
)


def check(resource: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for the programs that run agents and declare the actions of their tools, as in
    `TOOL_ACTIONS={"search": ["s3:GetObject"], "runtime": ["bedrock:InvokeModel"]}`."""
    program = runtime(resource, stack)
    declared = None if program is None else tool_actions(program)
    if program is None or declared is None:
        return
    path, by_tool = declared
    listed = {tool for _, tools in tool_lists(program) for tool in tools}
    for tool in sorted(listed - by_tool.keys()):
        yield Fail(f"it does not say what the tool {tool} needs.", path)
    used = {tool: held for tool, held in by_tool.items() if not listed or tool in listed or tool == RUNTIME}
    union = [*_ALWAYS, *(action for actions in used.values() for action in actions)]
    for role in stack.referred(resource, "role" if resource.type == FUNCTION else "taskRoleArn", ROLE):
        for statement, holder in rights_of(role, stack).held:
            if not statement.allows:
                continue
            over = [a for a in statement.actions if not any(matches(one, a, fold=True) for one in union)]
            if statement.not_actions or over:
                told = f"no tool needs {', '.join(over[:3]) or 'all but a few actions'}."
                yield Fail(told, statement.path, holder.urn)


RULE = StackRule(
    id="AG15b",
    name="roles-do-what-tools-need",
    title="Roles of agents may do what their tools need, and no more",
    why="What no tool needs only whoever talks the agent into it will use.",
    remediation="Take the action out, or declare the tool that needs it.",
    severity=Severity.HIGH,
    types=types(FUNCTION, TASK),
    external={"AWS Well-Architected": ("AGENTSEC02-BP01",), "OWASP Agentic": ("ASI02",)},
    sources=("https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html",),
    check=check,
)
