"""AG20: an agent's runs are as short as their host and their callers wait."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import UNKNOWN, NotKnown
from ._functions import (
    DEFAULT_TIMEOUT,
    FUNCTION,
    INTEGRATION_V1,
    INTEGRATION_V2,
    callers,
    waits,
)
from ._roles import is_agents

_LONGEST = 900
_TAG = "longest-run-seconds"
_VARIABLE = "AGENT_TURN_TIMEOUT_SECONDS"
_PATIENCE_MS = {INTEGRATION_V1: 29_000, INTEGRATION_V2: 30_000}
"""How long each kind of API waits unless its integration says less, or, with a raised quota, more."""


def check(function: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for agents' functions. How long a run may take is told by the tag `longest-run-seconds` or by
    the variable `AGENT_TURN_TIMEOUT_SECONDS`; without them by the function's timeout."""
    if not is_agents(function):
        return
    timeout = function.view.number("timeout", DEFAULT_TIMEOUT) or 0
    if timeout > _LONGEST:
        yield Fail(f"a function runs for {_LONGEST} s at most, not for {timeout:g}.", "timeout")
    run, said_by = _declared(function)
    if run is not None and run > min(timeout, _LONGEST):
        yield Fail(f"runs of {run:g} s are cut off after {min(timeout, _LONGEST):g} s.", said_by)
    waiting, _ = stack.once(callers).get(function.urn, ([], []))
    for caller in waiting:
        if caller.type in _PATIENCE_MS and waits(caller):
            patience = (caller.view.number("timeoutMilliseconds", _PATIENCE_MS[caller.type]) or 0) / 1000
            if timeout > patience:
                yield Fail(
                    f"callers wait for {patience:g} s, and {function.name} runs for up to {timeout:g} s.",
                    "timeoutMilliseconds",
                    caller.urn,
                )


def _declared(function: Resource) -> tuple[float | None, str]:
    if tagged := function.tag(_TAG):
        return _seconds(tagged), f"tags.{_TAG}"
    environment = function.view.view("environment")
    variables = environment.held.get("variables")
    path = f"environment.variables.{_VARIABLE}"
    if variables is UNKNOWN:
        return None, path  # all that a run's length is known by is then the timeout
    held = environment.view("variables").held.get(_VARIABLE)
    if held is UNKNOWN:
        raise NotKnown(path)
    return _seconds(str(held or "")), path


def _seconds(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


RULE = StackRule(
    id="AG20",
    name="runs-fit-their-host",
    title="Runs of agents are as short as their host and their callers wait",
    why="A run that is cut off has spent its tokens for nothing, and its caller asks again.",
    remediation=(
        "Take long runs to a queue and containers, answer with a run's id at once, or lower the timeout; "
        "Agent chooses the host by run_profile."
    ),
    severity=Severity.HIGH,
    types=types(FUNCTION),
    sources=(
        "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html",
        "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html",
        "https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html",
    ),
    check=check,
)
