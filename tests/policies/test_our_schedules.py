"""What schedules add to an agent keeps every rule in prod."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from policies.framework.judge import Judge
from policies.framework.settings import Settings
from policies.rules import all_rules
from policies.testing import program_resources
from tests.components.conftest import _kept, _no_packages_are_installed
from tests.components.recorder import run
from tests.components.samples import BEDROCK, PLATFORM, agent_folder, making

from agent_hosting import EcsAgent, LambdaAgent  # isort: skip

__all__ = ["_kept", "_no_packages_are_installed"]


def blocked(program: Callable[[], Any]) -> set[str]:
    found = Judge(all_rules(), Settings("prod")).everything(program_resources(run(program)))
    return {told.line for told in found if told.blocks}


@pytest.mark.parametrize("kind", [LambdaAgent, EcsAgent])
def test_no_rule_speaks_of_schedules(kind: type, tmp_path: Path) -> None:
    source = str(agent_folder(tmp_path, model=BEDROCK, secrets=[]))
    schedules = {"nightly": {"expression": "rate(1 day)", "input": {}}}
    shared: dict[str, Any] = {"platform": PLATFORM, "secrets": None, "secret_variables": None}
    shared |= {"model_endpoint": None}
    without, with_schedules = (
        blocked(making(kind, "handbook", source, **shared, **more)) for more in ({}, {"schedules": schedules})
    )
    assert with_schedules - without == set()
