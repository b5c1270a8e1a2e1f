"""C36c: a web ACL stands before each stage of a REST API."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import UNKNOWN, NotKnown

_ASSOCIATIONS = (
    "aws:wafv2/webAclAssociation:WebAclAssociation",
    "aws:wafregional/webAclAssociation:WebAclAssociation",
)


def check(stage: Resource, stack: StackIndex) -> Iterable[Fail]:
    """None by default. `webAclArn` is what AWS tells of a stage that exists."""
    if stack.referring(stage, *_ASSOCIATIONS, by=("resourceArn",)):
        return
    if (said := stage.props.get("webAclArn")) and said is not UNKNOWN:
        return
    for association in stack.of(*_ASSOCIATIONS):
        if association.props.get("resourceArn") is UNKNOWN and not stack.referred(association, "resourceArn"):
            raise NotKnown("webAclArn")
    yield Fail("no web ACL stands before it.")


RULE = StackRule(
    id="C36c",
    name="rest-apis-are-behind-a-firewall",
    title="Stages of REST APIs have a web ACL",
    why="Known attacks and floods from single addresses otherwise reach the agent.",
    remediation="Make a WebAclAssociation of the stage.",
    severity=Severity.MEDIUM,
    level=Level.PROD,
    types=types("apigateway/stage:Stage"),
    external={
        "Checkov": ("CKV2_AWS_29",),
        "Security Hub": ("APIGateway.4",),
        "cdk-nag": ("AwsSolutions-APIG3",),
    },
    sources=(
        "https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-control-access-aws-waf.html",
    ),
    check=check,
)
