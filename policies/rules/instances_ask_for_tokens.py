"""C40b: an instance gives its credentials to itself alone."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ..framework.values import NotKnown
from ._agents import OUTSIDE

_NODES, _TEMPLATE = "aws:eks/nodeGroup:NodeGroup", "aws:ec2/launchTemplate:LaunchTemplate"


def check(held: Resource, stack: StackIndex) -> Iterable[Fail]:
    """By default an instance takes requests without a token, and one hop. Images of Amazon Linux 2023 take
    two hops where nobody says how many, so that templates of nodes must say it. Nodes without a template get
    EKS's own, which is safe but for Amazon Linux 2.
    """
    if held.type == _NODES:
        if held.view.text("amiType").startswith("AL2_") and not held.view.says("launchTemplate"):
            yield Fail("its nodes give their credentials to every pod.", "launchTemplate")
        return
    if held.view.says("launchTemplate") and not held.view.says("metadataOptions"):
        if not stack.referred(held, "launchTemplate", _TEMPLATE):
            raise NotKnown("launchTemplate", OUTSIDE)
        return  # it takes the template's, which is judged by itself
    options = held.view.view("metadataOptions")
    at = options.path or "metadataOptions"
    if options.text("httpEndpoint", "enabled") == "disabled":
        return
    if options.text("httpTokens", "optional") != "required":
        yield Fail("its credentials are given without a token.", f"{at}.httpTokens")
    of_nodes = held.type == _TEMPLATE and stack.referring(held, _NODES, by=("launchTemplate",))
    hops = options.number("httpPutResponseHopLimit", 2 if of_nodes else 1) or 0
    if hops > 1:
        yield Fail(
            f"its credentials reach {hops:g} hops far, into containers.", f"{at}.httpPutResponseHopLimit"
        )


RULE = StackRule(
    id="C40b",
    name="instances-ask-for-tokens",
    title="Instances give their credentials for a token, and one hop far",
    why="An agent that is talked into fetching an address can fetch the host's credentials.",
    remediation="Set http_tokens to required and http_put_response_hop_limit to 1 in metadata_options.",
    severity=Severity.HIGH,
    types=types(
        "ec2/instance:Instance",
        "ec2/launchConfiguration:LaunchConfiguration",
        "ec2/launchTemplate:LaunchTemplate",
        "eks/nodeGroup:NodeGroup",
    ),
    external={
        "Checkov": ("CKV_AWS_79", "CKV_AWS_341"),
        "Security Hub": ("EC2.8", "EC2.170"),
        "cdk-nag": ("EC2IMDSv2Enabled",),
    },
    sources=(
        "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-options.html",
        "https://docs.aws.amazon.com/eks/latest/userguide/al2023.html",
    ),
    check=check,
)
