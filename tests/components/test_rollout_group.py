"""Agents that advance and fall back together, in dependency order."""

import json
from typing import Any

import pytest

from agent_hosting import RolloutGroup
from tests.components.recorder import refused, run
from tests.components.samples import CLUSTER, ON_ECS, PLATFORM, agent_folder, bundle_id, lambda_args


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(agent_folder(tmp_path_factory.mktemp("agent")))


def member(name: str, source: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "agent": {**lambda_args(source), "host": "lambda", **more}}


def made(*wanted: tuple[str, dict[str, Any]], source: str) -> RolloutGroup:
    """Called within a program: outputs need its event loop."""
    members = [member(name, source, **more) for name, more in wanted]
    return RolloutGroup("assistants", {"members": members, "platform": PLATFORM})  # type: ignore[typeddict-item]


def test_each_member_is_an_agent_of_one_platform_whose_plan_names_the_group(source: str) -> None:
    on_ecs = {**ON_ECS, "host": "ecs", "rollout": {"watch_seconds": 60}}
    on_eks = {"architecture": "this-machine", "cluster": CLUSTER, "host": "eks"}
    agents = (("search", {}), ("handbook", on_ecs), ("resident", on_eks))
    names = [name for name, _ in agents]
    program = run(lambda: made(*agents, source=source))
    for name in names:
        item = json.loads(program.one("TableItem", f"{name}-rollout-plan").inputs["item"])
        plan = json.loads(item["document"]["S"])
        assert plan["group"] == names
        assert plan["watch_seconds"] == (60 if name == "handbook" else 604_800)
    assert not [found for found in program.resources if found.type.endswith("AgentPlatform")]
    outputs = program.outputs_of("RolloutGroup")
    assert outputs["bundle_ids"] == dict.fromkeys(names, bundle_id(source))


@pytest.mark.parametrize(
    ("names", "more", "said"),
    [
        (["one"], {}, "two different agents are needed at least"),
        (["one", "one"], {}, "two different agents are needed at least"),
        (["one", "two"], {"shares": {"newest": 1.0}}, "members[0].agent.shares"),
        (["one", "two"], {"platform": PLATFORM}, "members[0].agent.platform"),
    ],
)
def test_a_group_that_cannot_be_is_refused(
    source: str, names: list[str], more: dict[str, Any], said: str
) -> None:
    assert said in refused(lambda: made(*((name, more) for name in names), source=source))
