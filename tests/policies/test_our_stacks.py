"""Our own stacks keep what the pack demands of others, in every environment."""

import pytest

from policies.framework.judge import Judge
from policies.framework.resource import Resource
from policies.framework.settings import Settings
from policies.rules import all_rules
from tests.components.conftest import _kept, _no_packages_are_installed
from tests.components.recorder import Program
from tests.components.test_stacks import STACKS, Project, deployed, project

__all__ = ["_kept", "_no_packages_are_installed", "project"]


def resources(program: Program) -> list[Resource]:
    """What the program asked for, as the engine would hand it to the pack once it is deployed."""
    return [
        Resource(r.type, {**r.inputs, **program.outputs.get(r.urn, {})}, r.urn, r.name, r.parent)
        for r in program.resources
        if not r.read
    ]


@pytest.mark.parametrize("stack", STACKS)
def test_nothing_blocks_our_own_stack(stack: str, project: Project) -> None:
    judge = Judge(all_rules(), Settings(environment=stack))
    found = judge.everything(resources(deployed(project, stack)))
    assert [told.line for told in found if told.blocks] == []
