"""The alias of a function follows the traffic record, and is written only where it differs."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from agent_runtime.errors import RecordChanged, TrafficUnknown
from agent_runtime.rollout.alias import ALIAS, AliasTraffic
from agent_runtime.rollout.record import Record
from embedded_aws.moto_gaps import fill
from tests.embedded.functions_world import package
from tests.rollout.samples import A, B, C
from tests.runtime.faulty import FaultyClient

NAME = "answers"
VERSIONS = {A: "1", B: "2"}


class World:
    """A function with two versions, whose alias is at the first."""

    def __init__(self, lambda_: Any) -> None:
        self.lambda_ = lambda_
        self.faulty = FaultyClient(lambda_)
        self.traffic = AliasTraffic(self.faulty, NAME, VERSIONS)

    def apply(self, record: Record) -> bool:
        return self.traffic.apply(lambda: record)

    def put(self, version: str, **beside: float) -> None:
        """Somebody else writes the alias."""
        weights = {name.removeprefix("v"): weight for name, weight in beside.items()}
        config = {"AdditionalVersionWeights": weights}
        self.lambda_.update_alias(
            FunctionName=NAME, Name=ALIAS, FunctionVersion=version, RoutingConfig=config
        )

    def alias(self) -> tuple[str, dict[str, float]]:
        held = self.lambda_.get_alias(FunctionName=NAME, Name=ALIAS)
        return held["FunctionVersion"], (held.get("RoutingConfig") or {}).get("AdditionalVersionWeights", {})


@pytest.fixture
def world() -> Iterator[World]:
    undo = fill()
    try:
        with mock_aws():
            session = boto3.session.Session("testing", "testing", region_name="us-east-1")
            role = session.client("iam").create_role(RoleName=NAME, AssumeRolePolicyDocument="{}")["Role"]
            yield World(_function(session.client("lambda"), role["Arn"]))
    finally:
        undo()


def _function(lambda_: Any, role: str) -> Any:
    code = {"ZipFile": package({"app.py": ""})}
    lambda_.create_function(
        FunctionName=NAME, Runtime="python3.11", Role=role, Handler="app.handler", Code=code
    )
    for text in ("first", "second"):
        lambda_.update_function_configuration(FunctionName=NAME, Description=text)
        lambda_.publish_version(FunctionName=NAME)
    lambda_.create_alias(FunctionName=NAME, Name=ALIAS, FunctionVersion="1")
    return lambda_


SHARES = [
    (Record(A), ("1", {})),
    (Record(B), ("2", {})),
    (Record(A, B, 0), ("1", {})),
    (Record(A, B, 1), ("1", {"2": 0.0001})),
    (Record(A, B, 500), ("1", {"2": 0.05})),
    (Record(A, B, 5_000), ("1", {"2": 0.5})),
    (Record(A, B, 10_000), ("2", {})),
    (Record(B, A, 3_333), ("2", {"1": 0.3333})),
    (Record(A, None, 500), ("1", {})),
]


@pytest.mark.parametrize(("record", "alias"), SHARES)
@pytest.mark.parametrize("before", [("1", {}), ("2", {"v1": 0.9})])
def test_the_alias_is_brought_to_the_record_from_wherever_it_is(
    world: World, before: tuple[str, dict[str, float]], record: Record, alias: tuple[str, dict[str, float]]
) -> None:
    world.put(before[0], **before[1])
    world.apply(record)
    assert world.alias() == alias
    written = world.faulty.calls["update_alias"]
    assert not world.apply(record)
    assert world.faulty.calls["update_alias"] == written


def test_it_says_whether_it_wrote(world: World) -> None:
    assert not world.apply(Record(A))
    assert world.apply(Record(A, B, 500))


@pytest.mark.parametrize("record", [Record(C), Record(A, C, 500), Record(A, C, 10_000)])
def test_a_release_without_a_published_version_is_unknown(world: World, record: Record) -> None:
    with pytest.raises(TrafficUnknown, match=f"{C} was never published as a version of {NAME}"):
        world.apply(record)
    assert world.alias() == ("1", {})


def test_a_candidate_without_a_run_needs_no_version(world: World) -> None:
    assert not world.apply(Record(A, C, 0))


def interfering(world: World, times: int) -> Callable[[dict[str, Any]], None]:
    """Somebody else writes the alias between this one's read and its write."""
    left = iter(range(times))

    def interfere(_: dict[str, Any]) -> None:
        if next(left, None) is not None:
            world.put("1", v2=0.7)

    return interfere


def test_a_stale_revision_is_read_anew_with_the_newest_record(world: World) -> None:
    records = iter([Record(A, B, 500), Record(A, B, 5_000)])
    world.faulty.before["update_alias"] = interfering(world, 1)
    assert world.traffic.apply(lambda: next(records))
    assert world.alias() == ("1", {"2": 0.5})
    assert world.faulty.calls["update_alias"] == 2


def test_an_alias_that_always_changes_is_given_up(world: World) -> None:
    world.faulty.before["update_alias"] = interfering(world, 100)
    with pytest.raises(RecordChanged, match="changes too fast"):
        world.apply(Record(A, B, 500))
    assert world.alias() == ("1", {"2": 0.7})


@pytest.mark.parametrize("operation", ["get_alias", "update_alias"])
def test_a_lost_answer_is_told_and_the_next_call_sees_to_it(world: World, operation: str) -> None:
    world.faulty.lost[operation] = 1
    with pytest.raises(TrafficUnknown, match="the alias live cannot be moved"):
        world.apply(Record(A, B, 500))
    world.apply(Record(A, B, 500))
    assert world.alias() == ("1", {"2": 0.05})
    assert not world.apply(Record(A, B, 500))


def test_a_function_without_the_alias_is_unknown(world: World) -> None:
    world.lambda_.delete_alias(FunctionName=NAME, Name=ALIAS)
    with pytest.raises(TrafficUnknown):
        world.apply(Record(A))
