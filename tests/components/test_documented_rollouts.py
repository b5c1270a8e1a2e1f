"""The rollouts that the guides show are rollouts."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent_hosting._rollout_plan import plan_of
from agent_hosting._validation import Inputs
from agent_hosting.hosting import Host

ROOT = Path(__file__).parents[2]


def shown() -> list[tuple[str, str, dict[str, Any]]]:
    """Page, agent and its fields, of each agent with a rollout that a page shows."""
    found: list[tuple[str, str, dict[str, Any]]] = []
    for page in sorted((ROOT / "docs").glob("*.md")):
        for snippet in re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            agents = (yaml.safe_load(snippet) or {}).get("agent-hosting:agents") or {}
            found += [(page.name, name, given) for name, given in agents.items() if "rollout" in given]
    return found


@pytest.mark.parametrize(("page", "agent", "given"), shown())
def test_a_rollout_that_a_guide_shows_can_be_deployed(page: str, agent: str, given: dict[str, Any]) -> None:
    assert page.endswith(".md")
    rollout = dict(given["rollout"])
    if scores := rollout.get("scores"):
        rollout.setdefault("thresholds", {score: {"at_least": 0.9} for score in scores})
    args = {"rollout": rollout}
    plan = plan_of(agent, Host.LAMBDA, ["a" * 12], args, Inputs("Agent", agent, args))
    assert plan.agent == agent


def test_some_rollouts_are_shown() -> None:
    assert len(shown()) >= 4
