"""A client whose answers get lost."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ReadTimeoutError


class FaultyClient:
    """A boto3 client that executes a call and then loses its answer, or lets something happen before a
    call."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.lost: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.before: dict[str, Callable[[dict[str, Any]], None]] = {}

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self.client, name)
        if name == "exceptions":
            return operation

        def call(*given: Any, **request: Any) -> Any:
            self.calls[name] += 1
            if name in self.before:
                self.before[name](request)
            reply = operation(*given, **request)
            if self.lost[name] > 0:
                self.lost[name] -= 1
                raise ReadTimeoutError(endpoint_url="http://127.0.0.1")
            return reply

        return call
