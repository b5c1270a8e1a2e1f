"""AG14b: where a stack has functions for several tenants, each reserves what its tenant may take."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import Malformed, NotKnown
from ._functions import FUNCTION, UNRESERVED


def check(function: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for agents' functions with the tag `tenant`, beside those of another tenant. Tenants that share
    one function are told apart by its program, which no stack shows."""
    tenant = function.tag("tenant") if function.tag("agent") else ""
    if not tenant or len(stack.once(_tenants)) <= 1:
        return
    reserved = function.view.number("reservedConcurrentExecutions", UNRESERVED)
    if reserved == UNRESERVED:
        yield Fail(f"nothing is reserved for tenant {tenant}.", "reservedConcurrentExecutions")


def _tenants(stack: StackIndex) -> frozenset[str]:
    found: set[str] = set()
    for function in stack.of(FUNCTION):
        try:
            if function.tag("agent"):
                found.add(function.tag("tenant"))
        except (NotKnown, Malformed):
            continue  # told where that function itself is judged
    return frozenset(found - {""})


RULE = StackRule(
    id="AG14b",
    name="tenants-have-concurrency-of-their-own",
    title="Functions of several tenants reserve concurrency for each",
    why="One tenant's flood takes the account's concurrency, and all other tenants are turned away.",
    remediation="Set reserved_concurrent_executions on each tenant's function.",
    severity=Severity.MEDIUM,
    types=types(FUNCTION),
    sources=("https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html",),
    check=check,
)
