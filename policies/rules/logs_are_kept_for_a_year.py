"""C37b: log groups keep what they hold for a year."""

from collections.abc import Iterable

from ..framework.outcomes import Fail, Level, Severity
from ..framework.resource import Resource
from ..framework.rule import ResourceRule, types
from ._logs import GROUP, only_hands_on, retention_days

_YEAR = 365


def check(group: Resource) -> Iterable[Fail]:
    """For ever is long enough here; C37 tells of that."""
    days = retention_days(group)
    if not only_hands_on(group) and 0 < days < _YEAR:
        yield Fail(f"it keeps what it holds for {days:g} days, not for {_YEAR}.", "retentionInDays")


RULE = ResourceRule(
    id="C37b",
    name="logs-are-kept-for-a-year",
    title="Log groups keep what they hold for a year",
    why="What an agent did is asked for months later, by auditors or after an incident.",
    remediation="Set retention_in_days to 365 or more.",
    severity=Severity.LOW,
    level=Level.PROD,
    types=types(GROUP),
    external={"Checkov": ("CKV_AWS_338",), "Security Hub": ("CloudWatch.16",)},
    sources=("https://docs.aws.amazon.com/securityhub/latest/userguide/cloudwatch-controls.html",),
    check=check,
)
