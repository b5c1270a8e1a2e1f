"""Whether a worker's own release was sent back, and how late it may notice."""

import pytest

from agent_runtime.control import ControlReader
from agent_runtime.rollout.record import Record
from agent_runtime.standing import CACHE_SECONDS, Standing
from agent_runtime.traffic import Traffic, read_traffic
from tests.rollout.samples import AGENT, NOW, A, B, canary
from tests.rollout.tables import Table
from tests.runtime.faulty import FaultyClient
from tests.runtime.pretended import CONTROL, Clock

BACK = canary().gone_back(NOW, stops=False)
STOPPED = canary().gone_back(NOW, stops=True)


class World:
    """A worker of release B."""

    def __init__(self, faulty: FaultyClient) -> None:
        self.clock, self.faulty = Clock(0.0), faulty
        control = ControlReader(faulty, CONTROL, AGENT, self.clock)
        self.standing = Standing(control, B, self.clock)

    def says(self) -> tuple[bool, bool]:
        """(takes nothing new, stops what it has in hand)"""
        return self.standing.is_rejected(), self.standing.stops_running()


@pytest.fixture
def world(faulty: FaultyClient) -> World:
    return World(faulty)


@pytest.mark.parametrize(
    ("record", "says"),
    [
        (Record(A), (False, False)),
        (Record(B), (False, False)),
        (canary(), (False, False)),
        (BACK, (True, False)),
        (STOPPED, (True, True)),
        (Record(B, rejected={A: NOW}, stops=True), (False, False)),
    ],
)
def test_only_a_worker_of_a_release_that_was_sent_back_stops(
    world: World, table: Table, record: Record, says: tuple[bool, bool]
) -> None:
    table.put_record(record)
    assert world.says() == says


def test_the_table_is_read_once_in_the_time_of_the_cache(world: World, table: Table) -> None:
    assert world.says() == (False, False)
    table.put_record(STOPPED)
    world.clock.now += CACHE_SECONDS - 0.01
    assert world.says() == (False, False)
    assert world.faulty.calls["batch_get_item"] == 1
    world.clock.now += 0.01
    assert world.says() == (True, True)
    assert world.faulty.calls["batch_get_item"] == 2


@pytest.mark.parametrize(("record", "says"), [(canary(), (False, False)), (STOPPED, (True, True))])
def test_where_the_record_cannot_be_read_the_standing_stays(
    world: World, table: Table, record: Record, says: tuple[bool, bool]
) -> None:
    table.put_record(record)
    world.says()
    world.faulty.lost["batch_get_item"] = 2
    for _ in range(2):
        world.clock.now += CACHE_SECONDS
        assert world.says() == says
    assert world.faulty.calls["batch_get_item"] == 3


def test_a_failed_read_is_not_done_again_at_once(world: World, table: Table) -> None:
    table.put_record(BACK)
    world.faulty.lost["batch_get_item"] = 1
    assert world.says() == (False, False)
    world.clock.now += CACHE_SECONDS - 0.01
    assert world.says() == (False, False)
    world.clock.now += 0.01
    assert world.says() == (True, False)


def test_without_any_record_the_worker_goes_on(world: World, table: Table) -> None:
    table.take_away("traffic")
    assert world.says() == (False, False)


def test_traffic_of_a_record_without_rejections_rejects_nobody() -> None:
    item = {"schema_version": {"N": "1"}, "stable": {"S": A}}
    assert read_traffic(item) == Traffic(A, rejected=frozenset(), stops=False)


def test_traffic_names_those_who_were_sent_back_and_whether_they_stop() -> None:
    item = {
        "schema_version": {"N": "1"},
        "stable": {"S": A},
        "rejected": {"M": {B: {"N": "1"}, "x": {"N": "2"}}},
        "stops": {"BOOL": True},
    }
    assert read_traffic(item) == Traffic(A, rejected=frozenset({B, "x"}), stops=True)
