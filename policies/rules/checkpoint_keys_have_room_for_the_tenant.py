"""AG13d: tenants can be told apart by the key of an agent's table."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ._roles import is_agents
from ._tables import TABLE

_GENERIC = ("pk", "partition", "hash", "key")
"""Names that promise nothing: the program writes what it wants, as CheckpointTable's `agent#tenant#run`."""


def check(table: Resource) -> Iterable[Fail]:
    """Answers for tables with the tag `agent`. Values of keys come at run time; of the key, its name and type
    can be told. A number has no room for a tenant beside the run, and a name such as `run_id` none for it."""
    if not is_agents(table):
        return
    key = table.view.text("hashKey")
    kinds = {held.text("name"): held.text("type", "S") for held in table.view.views("attributes")}
    if kinds.get(key) == "N":
        yield Fail(f"its partition key {key} is a number, which names no tenant.", "hashKey")
    elif "tenant" not in key.lower() and not any(word in key.lower() for word in _GENERIC):
        yield Fail(f"its partition key {key} does not promise a tenant.", "hashKey")


RULE = ResourceRule(
    id="AG13d",
    name="checkpoint-keys-have-room-for-the-tenant",
    title="Partition keys of agents' tables have room for the tenant",
    why="Where the key names the tenant, a condition dynamodb:LeadingKeys keeps one from another's items.",
    remediation="Begin the partition key with the tenant, as in tenant#run.",
    severity=Severity.MEDIUM,
    types=types(TABLE),
    level=Level.ADVISORY,
    external={"AWS Well-Architected": ("AGENTREL03-BP03",)},
    sources=("https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html",),
    check=check,
)
