"""AG23c: a release that cannot start is taken back by ECS."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._agents import SERVICE
from ._roles import is_agents


def check(service: Resource, _: StackIndex) -> Iterable[Fail]:
    """Answers for services of agents that ECS itself rolls out. Off by default: it starts tasks for ever."""
    if not is_agents(service):
        return
    if service.view.view("deploymentController").text("type", "ECS") != "ECS":
        return
    breaker = service.view.view("deploymentCircuitBreaker")
    at = breaker.path or "deploymentCircuitBreaker"
    if not breaker.flag("enable", False):
        yield Fail("a release that cannot start is tried for ever.", f"{at}.enable")
    elif not breaker.flag("rollback", False):
        yield Fail("a release that cannot start stays where it failed.", f"{at}.rollback")


RULE = StackRule(
    id="AG23c",
    name="failed-releases-are-taken-back",
    title="Services of agents take back a release that cannot start",
    why="Tasks that start and fail for ever cost money all night, and nobody serves the queue.",
    remediation="Set enable and rollback in deployment_circuit_breaker; EcsAgent does.",
    severity=Severity.MEDIUM,
    level=Level.PROD,
    types=types(SERVICE),
    sources=("https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html",),
    check=check,
)
