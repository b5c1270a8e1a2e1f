"""Amazon SQS: attributes that moto drops, and the redrive-allow policy that it does not know."""

import json
from typing import Any

from moto.sqs.exceptions import InvalidParameterValue
from moto.sqs.models import Queue, sqs_backends

from embedded_aws.patches import Replacement

_MOST_SOURCES = 10
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html"""


def replacements() -> list[Replacement]:
    set_attributes, set_up = Queue._set_attributes, Queue._setup_dlq

    def set_all(queue: Queue, attributes: dict[str, Any], now: float | None = None) -> None:
        """moto drops a queue's policy with every other attribute that is set."""
        kept = {"Policy": queue.policy} if getattr(queue, "policy", None) else {}
        given = {**kept, **attributes}
        if "RedriveAllowPolicy" in given:
            given["RedriveAllowPolicy"] = _checked(given["RedriveAllowPolicy"])
        set_attributes(queue, given, now)

    def set_up_allowed(queue: Queue, policy: Any) -> None:
        document = json.loads(policy) if isinstance(policy, str) and policy else policy
        target = document.get("deadLetterTargetArn") if isinstance(document, dict) else None
        backend = sqs_backends[queue.account_id][queue.region]
        dead_letters = next((q for q in list(backend.queues.values()) if q.queue_arn == target), None)
        if dead_letters is not None and not _allows(dead_letters, queue.queue_arn):
            raise InvalidParameterValue(
                f"Value {json.dumps(document)} for parameter RedrivePolicy is invalid. Reason: the redrive "
                f"allow policy of {target} does not allow {queue.queue_arn}."
            )
        set_up(queue, policy)

    return [
        (Queue, "_set_attributes", set_all),
        (Queue, "_setup_dlq", set_up_allowed),
        (Queue, "BASE_ATTRIBUTES", [*Queue.BASE_ATTRIBUTES, "RedriveAllowPolicy"]),
        (Queue, "redrive_allow_policy", None),
    ]


def _checked(policy: str | None) -> str | None:
    """The policy as it was written; an empty one takes it away."""
    if not policy:
        return None
    wrong = InvalidParameterValue(
        f"Value {policy} for parameter RedriveAllowPolicy is invalid. Reason: Amazon SQS redrive allow "
        "policy is malformed."
    )
    try:
        document = json.loads(policy)
        permission, sources = document["redrivePermission"], document.get("sourceQueueArns")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise wrong from error
    by_queue = permission == "byQueue"
    if permission not in ("allowAll", "denyAll", "byQueue") or by_queue != (sources is not None):
        raise wrong
    if by_queue and not 1 <= len(sources) <= _MOST_SOURCES:
        raise wrong
    return policy


def _allows(dead_letters: Any, source_arn: str) -> bool:
    document = json.loads(dead_letters.redrive_allow_policy or '{"redrivePermission": "allowAll"}')
    if document["redrivePermission"] == "byQueue":
        return source_arn in document["sourceQueueArns"]
    return document["redrivePermission"] == "allowAll"
