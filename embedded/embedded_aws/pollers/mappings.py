"""What AWS takes as an event source mapping of a queue, and how moto's object says it.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html
"""

from collections.abc import Mapping
from typing import Any

from moto.awslambda.exceptions import InvalidParameterValueException
from moto.awslambda.models import EventSourceMapping, LambdaBackend
from moto.sqs.models import Queue, sqs_backends

from embedded_aws.functions.names import parse

INITIAL_CONCURRENCY = 5
"""https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html: five batches at a time to begin
with. AWS goes on to 1,000; here a mapping that wants more says so by its MaximumConcurrency."""
_DEFAULT_BATCH = 10
_LARGEST_BATCH = {True: 10, False: 10_000}
_PARTIAL = "ReportBatchItemFailures"


def is_of_queue(event_source_arn: str) -> bool:
    return event_source_arn.split(":")[2] == "sqs"


def check(backend: LambdaBackend, source_arn: str, function: str, given: Mapping[str, Any]) -> None:
    """Raises InvalidParameterValueException for settings that AWS refuses and moto takes."""
    fifo = source_arn.endswith(".fifo")
    size = int(given.get("BatchSize") or _DEFAULT_BATCH)
    window = int(given.get("MaximumBatchingWindowInSeconds") or 0)
    most = (given.get("ScalingConfig") or {}).get("MaximumConcurrency")
    if not 1 <= size <= _LARGEST_BATCH[fifo]:
        raise InvalidParameterValueException(f"BatchSize must be between 1 and {_LARGEST_BATCH[fifo]}.")
    if fifo and window:
        raise InvalidParameterValueException("Batching window is not supported for FIFO queues.")
    if size > _DEFAULT_BATCH and window < 1:
        raise InvalidParameterValueException(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
        )
    if most is not None and not 2 <= int(most) <= 1000:
        raise InvalidParameterValueException("MaximumConcurrency must be between 2 and 1000.")
    queue = queue_of(source_arn)
    timeout = int(backend.get_function(function).timeout)
    if queue is not None and int(queue.visibility_timeout) < timeout:  # type: ignore[attr-defined]
        visibility = queue.visibility_timeout  # type: ignore[attr-defined]
        raise InvalidParameterValueException(
            f"Queue visibility timeout: {visibility} seconds is less than Function timeout: {timeout} seconds"
        )


def qualified_arn(function: str, region: str, account: str) -> str:
    """moto keeps the version that an alias meant when the mapping was made; AWS keeps the alias."""
    named = parse(function)
    assert named is not None
    arn = f"arn:aws:lambda:{region}:{account}:function:{named.name}"
    return arn if named.qualifier is None else f"{arn}:{named.qualifier}"


def concurrency(mapping: EventSourceMapping) -> int:
    return int((mapping.scaling_config or {}).get("MaximumConcurrency") or INITIAL_CONCURRENCY)


def reports_items(mapping: EventSourceMapping) -> bool:
    return _PARTIAL in (mapping.function_response_types or ())


def queue_of(queue_arn: str) -> Queue | None:
    *_, region, account, name = queue_arn.split(":")
    return sqs_backends[account][region].queues.get(name)
