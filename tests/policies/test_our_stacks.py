"""Our own stacks keep what the pack demands of others, in every environment."""

import time
from dataclasses import replace
from typing import Any

import pytest

from policies.framework.judge import Judge
from policies.framework.outcomes import Outcome
from policies.framework.resource import Resource
from policies.framework.settings import Settings
from policies.rules import all_rules
from tests.components.conftest import _kept, _no_packages_are_installed
from tests.components.recorder import SUFFIX, Program, Recorded, World
from tests.components.test_stacks import STACKS, Project, deployed, project

__all__ = ["_kept", "_no_packages_are_installed", "project"]


def resources(program: Program) -> list[Resource]:
    """What the program asked for and what AWS made of it, as the engine hands it over after a deployment."""
    return [
        Resource(r.type, {**_made_by_aws(r), **r.inputs}, r.urn, r.name, r.parent)
        for r in program.resources
        if not r.read
    ]


def _made_by_aws(recorded: Recorded) -> dict[str, Any]:
    if not recorded.custom or not recorded.type.startswith("aws:"):
        return {}
    return {"id": recorded.name + SUFFIX, **World().computed(recorded, recorded.inputs)}


@pytest.mark.parametrize("stack", STACKS)
def test_nothing_blocks_our_own_stack(stack: str, project: Project) -> None:
    judge = Judge(all_rules(), Settings(environment=stack))
    found = judge.everything(resources(deployed(project, stack)))
    assert [told.line for told in found if told.blocks] == []
    assert {told.outcome for told in found} <= {Outcome.FAIL}, "everything is known after a deployment"


TAKEN_AWAY = [
    ("AG01", "aws:budgets/budget:Budget"),
    ("AG02", "aws:sns/topicSubscription:TopicSubscription"),
    ("AG02", "aws:sns/topicPolicy:TopicPolicy"),
]


def test_what_is_taken_away_from_our_own_stack_is_missed(project: Project) -> None:
    """So that the test above does not pass for want of anything to judge."""
    whole = resources(deployed(project, "local"))
    for id_, kind in TAKEN_AWAY:
        found = Judge(all_rules()).everything([one for one in whole if one.type != kind])
        assert id_ in {told.rule_id for told in found}, kind


def test_evaluation_takes_less_than_a_millisecond_a_resource(project: Project) -> None:
    """With all rules; five stacks in one, with URNs of their own, so that joins have something to do."""
    one = resources(deployed(project, "local"))
    many = [replace(held, urn=f"{held.urn}-{n}") for n in range(5) for held in one]
    judge = Judge(all_rules())
    began = time.process_time()
    judge.everything(many)
    assert (time.process_time() - began) / len(many) < 0.001
