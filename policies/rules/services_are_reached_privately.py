"""C43: agents in a network reach the services of AWS without leaving it."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._joins import adding
from ._networks import ENDPOINT, VPC, endpoints_of, placed_in, services_called

SERVICES = (
    *("dynamodb", "s3"),
    *("ecr.api", "ecr.dkr", "kms", "logs", "secretsmanager", "sqs", "sts"),
)
"""Those with gateways, which are free, and those with interfaces."""


def check(vpc: Resource, stack: StackIndex) -> Iterable[Fail]:
    """Answers for networks in which agents run, and for services that their roles and tasks name."""
    needed = {service for placement in placed_in(vpc, stack) for service in services_called(placement, stack)}
    missing = [service for service in SERVICES if service in needed - {*endpoints_of(vpc, stack)}]
    if missing:
        adding(vpc, stack, ENDPOINT, by="vpcId")
        yield Fail(f"its agents reach {', '.join(missing)} by public addresses.")


RULE = StackRule(
    id="C43",
    name="services-are-reached-privately",
    title="Networks of agents have endpoints for the services that agents use",
    why="Without them every call needs a way to the internet, by which everything else can leave as well.",
    remediation="Make gateway endpoints for S3 and DynamoDB and interface endpoints for the rest.",
    severity=Severity.MEDIUM,
    level=Level.PROD,
    types=types(VPC),
    external={"Security Hub": ("EC2.10", "EC2.55", "EC2.56")},
    sources=(
        "https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html",
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/vpc-endpoints.html",
    ),
    check=check,
)
