"""Our own stacks keep what the pack demands of others, in every environment."""

import json
from pathlib import Path

import pytest

from policies.framework.judge import Judge
from policies.framework.outcomes import Outcome
from policies.framework.settings import Settings
from policies.rules import all_rules
from policies.testing import program_resources
from tests.components.conftest import _kept, _no_packages_are_installed
from tests.components.test_stacks import STACKS, Project, deployed, project

OUR_CONFIG = json.loads((Path(__file__).parents[2] / "stacks" / "policy-config.json").read_text())[
    "agent-hosting"
]
"""What our own stacks are excused from, and why."""
__all__ = ["_kept", "_no_packages_are_installed", "project"]


@pytest.mark.parametrize("stack", STACKS)
def test_nothing_blocks_our_own_stack(stack: str, project: Project) -> None:
    judge = Judge(all_rules(), Settings.of({**OUR_CONFIG, "environment": stack}, {}))
    found = judge.everything(program_resources(deployed(project, stack)))
    assert [told.line for told in found if told.blocks] == []
    outcomes = {told.outcome for told in found}
    assert Outcome.NOT_CHECKED not in outcomes, "everything is known after a deployment"


TAKEN_AWAY = [
    ("AG01", "aws:budgets/budget:Budget"),
    ("AG02", "aws:sns/topicSubscription:TopicSubscription"),
    ("AG02", "aws:sns/topicPolicy:TopicPolicy"),
    ("AG02b", "aws:iam/rolePolicy:RolePolicy"),
    ("AG03", "aws:dynamodb/tableItem:TableItem"),
    ("AG16b", "aws:iam/policy:Policy"),
]


def test_what_is_taken_away_from_our_own_stack_is_missed(project: Project) -> None:
    """So that the test above does not pass for want of anything to judge."""
    whole = program_resources(deployed(project, "local"))
    for id_, kind in TAKEN_AWAY:
        found = Judge(all_rules()).everything([one for one in whole if one.type != kind])
        assert id_ in {told.rule_id for told in found}, kind
