"""AG18c: agents in a network reach Bedrock without leaving it."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._joins import adding
from ._networks import ENDPOINT, VPC, allowed, endpoints_of, placed_in

_CALLS = ("bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream", "bedrock:Converse")


def check(vpc: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for networks in which an agent runs whose role may call a model of Bedrock."""
    calls = any(
        statement.speaks_of_action(call)
        for placement in placed_in(vpc, stack)
        for statement in allowed(placement, stack)
        for call in _CALLS
    )
    if calls and "bedrock-runtime" not in endpoints_of(vpc, stack):
        adding(vpc, stack, ENDPOINT, by="vpcId")
        yield Fail("its agents reach Bedrock by way of the internet.")


RULE = StackRule(
    id="AG18c",
    name="models-are-reached-privately",
    title="Agents in a network reach Bedrock by an endpoint",
    why="With an endpoint, the way out to everywhere that a model needs can be closed.",
    remediation="Make an interface endpoint for bedrock-runtime; AgentNetwork does with private_endpoints.",
    severity=Severity.MEDIUM,
    level=Level.PROD,
    types=types(VPC),
    sources=("https://docs.aws.amazon.com/bedrock/latest/userguide/vpc-interface-endpoints.html",),
    check=check,
)
