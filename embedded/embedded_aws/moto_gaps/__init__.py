"""Where moto answers otherwise than AWS and a deployment or a program would notice."""

from collections.abc import Callable

from embedded_aws.moto_gaps import (
    cloudwatch,
    dynamodb,
    eks,
    iam,
    lambda_aliases,
    logs,
    s3,
    services,
    sqs_attributes,
    sqs_handles,
    sqs_moves,
    sqs_receive,
)
from embedded_aws.patches import replace

_QUEUES = (sqs_attributes, sqs_handles, sqs_moves, sqs_receive)
_GAPS = (cloudwatch, dynamodb, eks, iam, lambda_aliases, logs, s3, services, *_QUEUES)


def fill() -> Callable[[], None]:
    """Mends moto in this process; call the result to undo it."""
    return replace([replacement for gap in _GAPS for replacement in gap.replacements()])
