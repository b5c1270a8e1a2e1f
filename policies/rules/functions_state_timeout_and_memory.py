"""C10: a function says how long and how large it may get."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types

_LIMITS = {"timeout": (1, 900), "memorySize": (128, 10_240)}
_DEFAULTS = {"timeout": "3 s", "memorySize": "128 MB"}


def check(function: Resource) -> Iterable[Fail]:
    """A stated value may equal the default: then somebody chose it."""
    for key, (least, most) in _LIMITS.items():
        value = function.view.number(key)
        if value is None:
            yield Fail(f"AWS's default of {_DEFAULTS[key]} holds, which nobody chose.", key)
        elif not least <= value <= most:
            yield Fail(f"{value:g} is not between {least} and {most}.", key)


RULE = ResourceRule(
    id="C10",
    name="functions-state-timeout-and-memory",
    title="Functions state their timeout and memory",
    why="A model's answer takes longer than 3 seconds, and the call that times out is paid for.",
    remediation="Set timeout and memory_size.",
    severity=Severity.LOW,
    types=types("lambda/function:Function"),
    external={"cdk-nag": ("LambdaDefaultMemorySize", "LambdaDefaultTimeout")},
    sources=("https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html",),
    check=check,
)
