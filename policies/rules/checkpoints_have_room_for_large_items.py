"""AG13c: what is too large for an item of the table has a bucket to go to."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import UNKNOWN, Malformed, NotKnown
from ._buckets import BUCKETS
from ._tables import TABLE
from ._texts import leaves

_RUNTIMES = {
    "aws:lambda/function:Function": "environment",
    "aws:ecs/taskDefinition:TaskDefinition": "containerDefinitions",
}


def check(table: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for tables with the tag `agent`. The bucket has the same tag, or a runtime of the agent names
    one of elsewhere in a variable."""
    agent = table.tag("agent")
    if not agent:
        return
    with_bucket, hidden = stack.once(_with_bucket)
    if agent in with_bucket:
        return
    if hidden is not None:
        raise hidden
    yield Fail("an item of more than 400 KB is refused, and no bucket of the agent takes it.")


def _with_bucket(stack: StackIndex) -> tuple[frozenset[str], NotKnown | None]:
    found: set[str] = set()
    hidden: NotKnown | None = None
    for held in stack.of(*BUCKETS, *_RUNTIMES):
        try:
            if held.type in BUCKETS or _names_a_bucket(held):
                found.add(held.tag("agent"))
        except NotKnown as unknown:
            hidden = NotKnown(f"{held.name}.{unknown.path}")
        except Malformed:
            continue  # told where that resource itself is judged
    return frozenset(found), hidden


def _names_a_bucket(runtime: Resource) -> bool:
    held = runtime.props.get(_RUNTIMES[runtime.type])
    if held is UNKNOWN:
        raise NotKnown(_RUNTIMES[runtime.type])
    if isinstance(held, str):
        return "bucket" in held.lower()
    return any("bucket" in f"{name} {text}".lower() for _, name, text in leaves(held))


RULE = StackRule(
    id="AG13c",
    name="checkpoints-have-room-for-large-items",
    title="Agents with a table have a bucket for what is larger than an item",
    why="A run fails at the step whose result is longer than usual, after all that it has cost.",
    remediation="Make a bucket with the agent's tag, and keep keys of objects; CheckpointTable does.",
    severity=Severity.MEDIUM,
    types=types(TABLE),
    level=Level.PROD,
    external={"AWS Well-Architected": ("AGENTREL03-BP03",)},
    sources=("https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-use-s3-too.html",),
    check=check,
)
