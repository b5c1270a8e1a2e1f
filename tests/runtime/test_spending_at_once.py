"""F14: many workers reach a cap in the middle of their runs. On AWS's own DynamoDB: moto's transactions are
none to threads."""

import json
import threading
from contextlib import suppress
from typing import Any

import pytest

from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.errors import CapReached
from agent_runtime.models.tier import ModelReply
from agent_runtime.records import Usage
from agent_runtime.spend.alerts import Alerts
from agent_runtime.spend.caps import SpendCaps, nanos, windows_at
from agent_runtime.spend.ledger import Ledger
from agent_runtime.spend.metering import Meter
from tests.histories import Spending, assert_spent_within
from tests.runtime.pretended import TABLE, Aws
from tests.runtime.test_ledger import lease

WORKERS, PRICE_USD = 8, 0.04
EXPECTED = Usage(100, 10, PRICE_USD, 1)


class Topic:
    def __init__(self) -> None:
        self.percents: list[int] = []

    def publish(self, **request: Any) -> None:
        self.percents.append(json.loads(request["Message"])["percent"])


def spend_until_refused(aws: Aws, caps: SpendCaps, topic: Topic, reply: ModelReply) -> list[int]:
    """Calls that each worker made before the cap refused it; each is a process of its own to the ledger."""
    made = [0] * WORKERS
    together = threading.Barrier(WORKERS)

    def work(number: int) -> None:
        table, clock = CheckpointTable(aws.dynamodb, TABLE), aws.clock
        ledger = Ledger(table, "answers", caps, clock=clock)
        alerts = Alerts(table, "answers", caps, topic, "arn", clock=clock)
        held, tenant = lease(f"r{number}"), f"tenant-{number % 3}"
        meter = Meter(ledger, held, tenant, "b1", ask=lambda *_: False, told=alerts.look)
        together.wait()
        with suppress(CapReached):
            for _ in range(1000):
                meter.call(Usage(), EXPECTED, 30, lambda: reply)
                made[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert max(made) < 1000, "each was refused in the end"
    return made


def day(aws: Aws) -> int:
    key = {"pk": {"S": "answers#spend"}, "sk": {"S": windows_at(aws.clock.now).day}}
    return int(aws.dynamodb.get_item(TableName=TABLE, Key=key)["Item"]["day"]["N"])


@pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)
@pytest.mark.parametrize("costs_usd", [PRICE_USD, PRICE_USD * 1.5], ids=["as expected", "more than expected"])
def test_workers_at_once_pass_a_cap_by_no_more_than_their_last_calls_and_go_on_when_it_is_raised(
    aws: Aws, costs_usd: float
) -> None:
    topic, cap = Topic(), 1.0
    reply = ModelReply("text", 100, 10, costs_usd, "m")
    caps = SpendCaps.model_validate({"agent": {"day_usd": cap}})
    made = spend_until_refused(aws, caps, topic, reply)
    counted = day(aws)
    assert counted == sum(made) * nanos(costs_usd)
    assert counted <= nanos(cap) + WORKERS * nanos(costs_usd - PRICE_USD), "by each call's own error alone"
    assert counted > nanos(cap) - nanos(costs_usd), "what was reserved for others came back"
    assert topic.percents.count(100) == 1, "the brake is told once"
    assert_within(aws, caps, costs_usd, sum(made))
    more = SpendCaps.model_validate({"agent": {"day_usd": 2 * cap}})
    again = spend_until_refused(aws, more, topic, reply)
    assert sum(again) > 0
    assert day(aws) <= nanos(2 * cap) + WORKERS * nanos(costs_usd - PRICE_USD)
    assert_within(aws, more, costs_usd, sum(made) + sum(again))


def assert_within(aws: Aws, caps: SpendCaps, costs_usd: float, calls: int) -> None:
    """I7, with each call's own error of estimate, and nothing left reserved."""
    items = aws.items()
    error_usd = costs_usd - PRICE_USD
    paid = calls * nanos(costs_usd)
    assert_spent_within(items, "answers", caps, call_usd=error_usd, paid=paid, calls_at_once=WORKERS)
    assert not Spending.read("answers", items).has_open
