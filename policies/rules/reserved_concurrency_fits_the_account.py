"""AG14: what the stack's functions reserve leaves the account what AWS keeps back, 100."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import NotKnown
from ._functions import FUNCTION

ACCOUNT_LIMIT = 1000
"""AWS's default quota. A larger one is bought for an account: waive the rule for it, with the number."""
_KEPT_BACK = 100


def check(function: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers once, for the first function. A function that reserves nothing has -1 or says nothing; what
    some of them reserve may be too much whatever the others do."""
    functions = stack.of(FUNCTION)
    if function is not functions[0]:
        return
    whole: float = 0
    hidden: NotKnown | None = None
    for other in functions:
        try:
            whole += max(other.view.number("reservedConcurrentExecutions", 0) or 0, 0)
        except NotKnown as unknown:
            hidden = unknown
    if whole > ACCOUNT_LIMIT - _KEPT_BACK:
        yield Fail(
            f"{len(functions)} functions reserve {whole:g}; an account has {ACCOUNT_LIMIT}, and AWS keeps "
            f"{_KEPT_BACK} back.",
            "reservedConcurrentExecutions",
        )
    elif hidden is not None:
        raise hidden


RULE = StackRule(
    id="AG14",
    name="reserved-concurrency-fits-the-account",
    title="Functions reserve no more concurrency than the account has",
    why="The deployment fails half way, or other functions of the account are throttled.",
    remediation="Lower reserved_concurrent_executions, or raise the account's quota and waive the rule.",
    severity=Severity.MEDIUM,
    types=types(FUNCTION),
    sources=("https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html",),
    check=check,
)
