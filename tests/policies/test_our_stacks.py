"""Our own stacks keep what the pack demands of others, in every environment."""

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
