"""A person whose role may write records, and whatever else it may."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from agent_hosting_cli.deployed import Deployed
from agent_hosting_cli.project import UserError
from agent_hosting_cli.rollouts import Rollouts
from agent_runtime.rollout.store import RolloutStore
from tests.rollout.samples import AGENT, A, B, canary
from tests.rollout.tables import Table
from tests.runtime.pretended import CONTROL


class Refusing:
    """A service that this role may not call."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.exceptions: Any = type("Exceptions", (), {"PreconditionFailedException": KeyError})

    def get_alias(self, **_: Any) -> None:
        raise ClientError({"Error": {"Code": self.code, "Message": "no"}}, "GetAlias")


class Nobody:
    """STS and CloudWatch, as far as they are asked."""

    def get_caller_identity(self) -> dict[str, str]:
        return {"Arn": "arn:aws:sts::123456789012:assumed-role/operators/ann"}

    def get_metric_data(self, **_: Any) -> dict[str, Any]:
        return {"MetricDataResults": []}


def rollouts(table: Table, code: str) -> Rollouts:
    clients = {"dynamodb": table.client, "lambda": Refusing(code)}
    outputs = {"control_table_name": CONTROL}
    return Rollouts(Deployed(AGENT, outputs, lambda service: clients.get(service, Nobody())))


def test_a_move_counts_although_the_role_may_not_move_the_calls_itself(table: Table) -> None:
    table.fill(canary())
    with pytest.raises(
        UserError, match=r"written and counts.* the rollout controller does it within a minute"
    ):
        rollouts(table, "AccessDeniedException").rollback("it is wrong")
    record = RolloutStore(table.client, CONTROL).read(AGENT).record
    assert (record.shares, list(record.rejected)) == ({A: 10_000}, [B])


def test_any_other_refusal_is_told_as_it_is(table: Table) -> None:
    table.fill(canary())
    with pytest.raises(UserError, match="the alias live cannot be moved"):
        rollouts(table, "ServiceException").rollback("it is wrong")
