"""What the control table says of an agent, in one read: its brake and its traffic record."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from agent_runtime import brake
from agent_runtime.errors import TrafficUnknown
from agent_runtime.traffic import ITEM, Traffic, read_traffic

if TYPE_CHECKING:
    from types_boto3_dynamodb.client import DynamoDBClient

CACHE_SECONDS: Final = 5.0
"""How late a change of traffic or brake may be noticed, and no more than one read in that time."""


class ControlReader:
    """Reads both items of an agent. `clock` is monotonic, in seconds."""

    def __init__(
        self, client: "DynamoDBClient", table: str, agent: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._table = table
        self._agent = agent
        self._clock = clock
        self._cached: tuple[float, str | None, Traffic] | None = None

    def read(self) -> tuple[str | None, Traffic]:
        """(why the agent is braked or None, the traffic record). Raises `TrafficUnknown`, also where the
        table cannot be read: then nothing is known of the brake either."""
        if self._cached is not None and self._clock() - self._cached[0] < CACHE_SECONDS:
            return self._cached[1:]
        keys = [{"agent": {"S": self._agent}, "item": {"S": item}} for item in (brake.ITEM, ITEM)]
        try:
            reply = self._client.batch_get_item(
                RequestItems={self._table: {"Keys": keys, "ConsistentRead": True}}
            )
        except (ClientError, BotoCoreError) as error:
            raise TrafficUnknown(f"the control table cannot be read ({type(error).__name__})") from error
        if reply.get("UnprocessedKeys"):
            raise TrafficUnknown("the control table is throttled")
        items: list[Any] = reply["Responses"].get(self._table, [])
        found = {item["item"]["S"]: item for item in items}
        traffic = read_traffic(found.get(ITEM))
        self._cached = (self._clock(), brake.reason_of(found.get(brake.ITEM)), traffic)
        return self._cached[1:]
