"""C37: log groups say how long they keep what they hold."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ._logs import GROUP, only_hands_on, retention_days


def check(group: Resource) -> Iterable[Fail]:
    if not only_hands_on(group) and not retention_days(group):
        yield Fail("it keeps everything for ever.", "retentionInDays")


RULE = ResourceRule(
    id="C37",
    name="logs-are-kept-for-a-while",
    title="Log groups have a retention",
    why="Logs without an end cost more each month and keep what people asked to be forgotten.",
    remediation="Set retention_in_days.",
    severity=Severity.LOW,
    types=types(GROUP),
    external={
        "Checkov": ("CKV_AWS_66",),
        "cdk-nag": ("CloudWatchLogGroupRetentionPeriod",),
    },
    sources=(
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Working-with-log-groups-and-streams.html",
    ),
    check=check,
)
