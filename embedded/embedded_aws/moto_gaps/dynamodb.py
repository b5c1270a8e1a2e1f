"""Amazon DynamoDB: a conditional write is atomic, and a read sees whole writes. moto judges a condition and
writes in two moments, between which another request's thread may write, and copies items while they change.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html
"""

import threading
from typing import Any

from moto.dynamodb.responses import DynamoHandler

from embedded_aws.patches import Replacement


def replacements() -> list[Replacement]:
    answer, one_at_a_time = DynamoHandler.call_action, threading.Lock()

    def call_action(handler: DynamoHandler) -> Any:
        with one_at_a_time:
            return answer(handler)

    return [(DynamoHandler, "call_action", call_action)]
