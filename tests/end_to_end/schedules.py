"""Calls schedules as EventBridge would, and waits for what their runs spend."""

import time
from datetime import UTC, datetime
from typing import Any

from tests.end_to_end.deployments import Deployment

_SECONDS = 60.0


def call_schedule(deployment: Deployment, name: str) -> Any:
    """`{"called": n}`. Twice in one second is one run."""
    time.sleep(1 - time.time() % 1)
    return deployment.embedded(f"schedules/run?rule={name}")


def spent_today(deployment: Deployment, agent: dict[str, Any], tenant: str, *, than: int) -> dict[str, int]:
    """The numbers of the tenant's sums of the day, once there are more calls `than` so many, or one was
    refused."""
    name = agent["checkpoint_table_name"].rpartition("-checkpoints-")[0]
    key = {"pk": {"S": f"{name}#{tenant}#spend"}, "sk": {"S": datetime.now(UTC).strftime("%Y-%m-%d")}}
    dynamodb, ends = deployment.client("dynamodb"), time.monotonic() + _SECONDS
    while True:
        found = dynamodb.get_item(TableName=agent["checkpoint_table_name"], Key=key, ConsistentRead=True)
        numbers = {k: int(v["N"]) for k, v in found.get("Item", {}).items() if "N" in v}
        if numbers.get("calls", 0) > than or "refused_day" in numbers:
            return numbers
        assert time.monotonic() < ends, numbers
        time.sleep(0.2)
