"""What the tests of rollouts share: a control table with one agent's plan and record."""

from collections.abc import Iterator
from typing import Any

import pytest

from agent_runtime.rollout.store import RolloutStore
from tests.rollout.tables import Table
from tests.runtime.faulty import FaultyClient
from tests.runtime.pretended import CONTROL, Aws, pretended_aws
from tests.runtime.stores import dynamodb_fixture, dynamodb_local_fixture  # noqa: F401


@pytest.fixture
def aws(dynamodb: Any) -> Iterator[Aws]:
    with pretended_aws(dynamodb) as pretended:
        yield pretended


@pytest.fixture
def faulty(aws: Aws) -> FaultyClient:
    return FaultyClient(aws.dynamodb)


@pytest.fixture
def store(faulty: FaultyClient) -> RolloutStore:
    return RolloutStore(faulty, CONTROL)


@pytest.fixture
def table(aws: Aws) -> Table:
    """With a plan and a record of agent `answers`."""
    made = Table(aws.dynamodb)
    made.fill()
    return made
