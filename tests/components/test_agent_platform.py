"""What the agents of one environment share."""

import pytest

from agent_hosting import AgentPlatform
from agent_hosting.statements import boundary
from tests.components.recorder import run
from tests.components.samples import making


def test_a_platform_is_one_table_and_one_boundary() -> None:
    assert run(making(AgentPlatform, "shared")).tree() == {
        ("agent-hosting:index:AgentPlatform", "shared", "agent-hosting-test"),
        ("aws:dynamodb/table:Table", "shared", "shared"),
        ("aws:iam/policy:Policy", "shared-boundary", "shared"),
    }


def test_the_control_table_is_keyed_by_agent_and_item_and_can_be_restored_to_any_second() -> None:
    table = run(making(AgentPlatform, "shared")).one("Table").inputs
    assert (table["hashKey"], table["rangeKey"]) == ("agent", "item")
    assert table["billingMode"] == "PAY_PER_REQUEST"
    assert table["pointInTimeRecovery"] == {"enabled": True}


@pytest.mark.parametrize(("given", "kept"), [(None, True), (True, True), (False, False)])
def test_the_control_table_outlives_the_stack_unless_told_otherwise(given: bool | None, kept: bool) -> None:
    table = run(making(AgentPlatform, "shared", retain_data=given)).one("Table")
    assert table.inputs["deletionProtectionEnabled"] is kept
    assert table.retain_on_delete is kept


def test_the_boundary_is_the_documented_one() -> None:
    assert run(making(AgentPlatform, "shared")).one("Policy").document() == {
        "Version": "2012-10-17",
        "Statement": boundary(),
    }


def test_the_outputs_are_what_agents_need_of_it() -> None:
    program = run(making(AgentPlatform, "shared"))
    assert program.outputs_of("AgentPlatform") == {
        "control_table_name": "shared-0a1b2c3",
        "control_table_arn": "arn:aws:dynamodb:eu-west-1:123456789012:Table/shared-0a1b2c3",
        "boundary_arn": "arn:aws:iam:eu-west-1:123456789012:Policy/shared-boundary-0a1b2c3",
    }
