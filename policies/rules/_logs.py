"""Log groups.

Defaults: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html
"""

from ..framework.resource import Resource

GROUP = "aws:cloudwatch/logGroup:LogGroup"


def only_hands_on(group: Resource) -> bool:
    """Whether it is of the class that hands logs on to S3 or Firehose, and keeps them for 2 days, whatever is
    said."""
    return group.view.text("logGroupClass", "STANDARD") == "DELIVERY"


def retention_days(group: Resource) -> float:
    """Days that it keeps what it holds; AWS's default, 0, is for ever."""
    return group.view.number("retentionInDays", 0) or 0
