"""Where moto answers otherwise than AWS and a deployment would notice."""

from collections.abc import Callable
from typing import Any

from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket
from moto.sqs.models import Queue

from embedded_aws.patches import replace


def fill() -> Callable[[], None]:
    """Mends moto in this process; call the result to undo it."""
    set_attributes = Queue._set_attributes

    def keep_policy(queue: Queue, attributes: dict[str, Any], now: float | None = None) -> None:
        """moto drops a queue's policy with every other attribute that is set."""
        kept = {"Policy": queue.policy} if getattr(queue, "policy", None) else {}
        set_attributes(queue, {**kept, **attributes}, now)

    def permit(_bucket: FakeBucket, _action: str, _resource: str) -> PermissionResult:
        """moto takes a denial for unencrypted connections to deny all; the authorizer has judged before."""
        return PermissionResult.NEUTRAL

    replaced: list[tuple[Any, str, Any]] = [
        (Queue, "_set_attributes", keep_policy),
        (FakeBucket, "get_permission", permit),
    ]
    return replace(replaced)
