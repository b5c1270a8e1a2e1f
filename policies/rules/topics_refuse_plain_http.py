"""C17c: a topic's policy denies everyone to publish without TLS."""

from collections.abc import Iterable

from ..framework.index import StackIndex
from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import StackRule, types
from ._related import policy_of
from ._resource_policies import refuses_plain_http
from ._topics import TOPIC, TOPIC_POLICY


def check(topic: Resource, stack: StackIndex) -> Iterable[Fail]:
    """AWS's default policy of a topic does not ask for TLS."""
    held = [one for one, _ in policy_of(topic, stack, TOPIC_POLICY, "arn")]
    arn = topic.props.get("arn")
    if not refuses_plain_http(held, ("sns:Publish",), arn if isinstance(arn, str) else ""):
        yield Fail("its policy does not deny messages without TLS.", "policy")


RULE = StackRule(
    id="C17c",
    name="topics-refuse-plain-http",
    title="Topics are published to over TLS alone",
    why="SNS takes HTTP unless a policy forbids it, and HTTP shows messages to the network.",
    remediation="Deny sns:Publish to everyone in the topic's policy where aws:SecureTransport is false.",
    severity=Severity.MEDIUM,
    types=types(TOPIC),
    external={"cdk-nag": ("AwsSolutions-SNS3",)},
    sources=("https://docs.aws.amazon.com/sns/latest/dg/sns-security-best-practices.html",),
    check=check,
)
