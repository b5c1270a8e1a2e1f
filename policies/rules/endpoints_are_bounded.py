"""C43b: an endpoint carries what its network is for, and not whatever a stranger's keys ask for."""

from collections.abc import Iterable

from ..framework.documents import statements
from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._networks import ENDPOINT, VPC, placed_in
from ._open_statements import bounded
from .services_are_reached_privately import SERVICES

_POLICY = "aws:ec2/vpcEndpointPolicy:VpcEndpointPolicy"
_JUDGED = (*SERVICES, "bedrock-runtime")
"""Other services may take no policy."""


def check(endpoint: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for endpoints in networks of agents. Without a policy an endpoint carries everything."""
    service = endpoint.view.text("serviceName").split(".", 3)[-1].removesuffix("-fips")
    if service not in _JUDGED or not any(
        placed_in(vpc, stack) for vpc in stack.referred(endpoint, "vpcId", VPC)
    ):
        return
    holders = [endpoint] if endpoint.view.says("policy") else []
    holders = stack.referring(endpoint, _POLICY, by=("vpcEndpointId",)) or holders
    if not holders:
        yield Fail("it carries whatever anyone asks for.", "policy")
    for holder in holders:
        for statement in statements(holder.view.value("policy"), "policy"):
            wide = "*" in statement.resources or statement.not_resources
            if statement.allows and statement.anyone and not bounded(statement) and wide:
                yield Fail("it carries whatever anyone asks for.", statement.path, holder.urn)


RULE = StackRule(
    id="C43b",
    name="endpoints-are-bounded",
    title="Endpoints in networks of agents have a policy that names principals or resources",
    why="Through an open endpoint, keys of another account carry out what an agent has read.",
    remediation="Set a policy with the condition aws:PrincipalAccount, as AgentNetwork does.",
    severity=Severity.MEDIUM,
    level=Level.PROD,
    types=types(ENDPOINT),
    sources=("https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html",),
    check=check,
)
