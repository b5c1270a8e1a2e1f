"""The rollouts and caps that the guides show are what they are meant to be."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent_hosting._observe import check_observe
from agent_hosting._rollout_plan import plan_of
from agent_hosting._spend import check_spend
from agent_hosting._validation import Inputs
from agent_hosting.hosting import Host

ROOT = Path(__file__).parents[2]


def shown(field: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Page, agent and its fields, of each agent with `field` that a page shows."""
    found: list[tuple[str, str, dict[str, Any]]] = []
    for page in sorted((ROOT / "docs").glob("*.md")):
        for snippet in re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            agents = (yaml.safe_load(snippet) or {}).get("agent-hosting:agents") or {}
            found += [(page.name, name, given) for name, given in agents.items() if field in given]
    return found


@pytest.mark.parametrize(("page", "agent", "given"), shown("rollout"))
def test_a_rollout_that_a_guide_shows_can_be_deployed(page: str, agent: str, given: dict[str, Any]) -> None:
    assert page.endswith(".md")
    rollout = dict(given["rollout"])
    if scores := rollout.get("scores"):
        rollout.setdefault("thresholds", {score: {"at_least": 0.9} for score in scores})
    args = {"rollout": rollout}
    plan = plan_of(agent, Host.LAMBDA, ["a" * 12], args, Inputs("Agent", agent, args))
    assert plan.agent == agent


@pytest.mark.parametrize(("page", "agent", "given"), shown("spend"))
def test_caps_that_a_guide_shows_fit_its_budget(page: str, agent: str, given: dict[str, Any]) -> None:
    assert page.endswith(".md")
    caps = check_spend(given, Inputs("Agent", agent, given))
    assert caps.agent.month_usd == given["monthly_budget_usd"]


def test_some_are_shown() -> None:
    assert len(shown("rollout")) >= 4
    assert shown("spend")


@pytest.mark.parametrize(("page", "agent", "given"), shown("observe"))
def test_telemetry_that_a_guide_shows_is_taken(page: str, agent: str, given: dict[str, Any]) -> None:
    spec = check_observe(given, Inputs("Agent", agent, given), "lambda")
    assert spec.told()
