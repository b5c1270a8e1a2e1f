"""Event source mappings, by what they read.

Defaults: https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
"""

from collections.abc import Iterable

from ..framework.outcomes import Fail
from ..framework.resource import Resource

STREAM_TYPES = ("aws:kinesis/stream:Stream", "aws:dynamodb/table:Table")


def whole_batches(mapping: Resource) -> Iterable[Fail]:
    """One failure where the function cannot tell which messages of a batch failed."""
    if "ReportBatchItemFailures" not in mapping.view.texts("functionResponseTypes"):
        yield Fail("one failed message returns the whole batch.", "functionResponseTypes")
