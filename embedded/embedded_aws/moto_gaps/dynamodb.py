"""Amazon DynamoDB: a conditional write is atomic. moto judges a condition and writes in two moments, between
which another request's thread may write.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html
"""

import functools
import threading
from collections.abc import Callable
from typing import Any

from moto.dynamodb.models import DynamoDBBackend

from embedded_aws.patches import Replacement

_WRITES = ("put_item", "update_item", "delete_item", "transact_write_items")
_READS_OF_MANY = ("query", "scan")
"""They walk over what a write changes."""


def replacements() -> list[Replacement]:
    one_at_a_time = threading.RLock()  # a transaction calls the single writes

    def alone(call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        def waiting(*args: Any, **given: Any) -> Any:
            with one_at_a_time:
                return call(*args, **given)

        return waiting

    names = (*_WRITES, *_READS_OF_MANY)
    return [(DynamoDBBackend, name, alone(getattr(DynamoDBBackend, name))) for name in names]
