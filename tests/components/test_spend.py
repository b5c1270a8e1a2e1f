"""The caps of an agent reach its program on every host, and wrong ones are refused by name."""

import json
from typing import Any

import pytest

from agent_hosting import LambdaAgent
from agent_hosting._spend import check_spend
from agent_hosting._validation import InputError, Inputs
from agent_runtime.spend.caps import SpendCaps
from tests.components.recorder import run
from tests.components.samples import PLATFORM, making


def checked(**given: Any) -> SpendCaps:
    args = {"monthly_budget_usd": 100, **given}
    return check_spend(args, Inputs("Agent", "handbook", args))


def test_the_budget_of_the_month_bounds_hours_and_days_by_itself() -> None:
    caps = checked().agent
    assert (caps.hour_usd, caps.day_usd, caps.month_usd) == (5, 25, 100)


def test_what_is_said_of_one_window_leaves_the_others() -> None:
    caps = checked(spend={"agent": {"day_usd": 50}, "tenant": {"day_usd": 2}, "run": {"usd": 0.5}})
    assert (caps.agent.hour_usd, caps.agent.day_usd, caps.agent.month_usd) == (5, 50, 100)
    assert (caps.tenant.day_usd, caps.tenant.month_usd, caps.run.usd) == (2, None, 0.5)


@pytest.mark.parametrize(
    ("spend", "where"),
    [
        ({"agent": {"day_usd": 0}}, "spend.agent.day_usd"),
        ({"agent": {"week_usd": 1}}, "spend.agent.week_usd"),
        ({"agent": {"month_usd": 101}}, "spend.agent.month_usd"),
        ({"run": {"steps": 0}}, "spend.run.steps"),
        ({"run": {"usd": "much"}}, "spend.run.usd"),
        ({"grace_seconds": 301}, "spend.grace_seconds"),
        ({"tenants": {}}, "spend.tenants"),
        ({"roots": ["Planner #1"]}, "spend.roots"),
    ],
)
def test_a_cap_that_is_none_is_refused_by_its_name(spend: dict[str, Any], where: str) -> None:
    with pytest.raises(InputError, match=where.replace(".", r"\.")):
        checked(spend=spend)


def test_the_program_is_told_its_caps_and_where_alerts_go(source: str) -> None:
    changes = {"monthly_budget_usd": 100, "platform": PLATFORM, "spend": {"tenant": {"day_usd": 2}}}
    program = run(making(LambdaAgent, "handbook", source, **changes))
    function = program.one("aws:lambda/function:Function", "handbook")
    variables = function.inputs["environment"]["variables"]
    caps = SpendCaps.model_validate_json(variables["AGENT_SPEND"])
    assert (caps.tenant.day_usd, caps.agent.month_usd) == (2, 100)
    assert json.loads(variables["AGENT_SPEND"])["tenant"] == {"day_usd": 2.0}
    assert variables["AGENT_ALERT_TOPIC"].startswith("arn:aws:sns:")


def test_an_agent_reaches_the_budgets_of_the_trees_that_it_names_and_of_no_other(source: str) -> None:
    changes = {"platform": PLATFORM, "spend": {"roots": ["planner", "handbook"]}}
    program = run(making(LambdaAgent, "handbook", source, **changes))
    policy = json.loads(program.one("aws:iam/rolePolicy:RolePolicy", "handbook-access").inputs["policy"])
    keys = {
        statement["Sid"]: statement["Condition"]["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"]
        for statement in policy["Statement"]
        if statement["Sid"] in ("ShareBudgets", "SpendOfTrees")
    }
    assert keys == {"ShareBudgets": ["handbook#tree"], "SpendOfTrees": ["planner#tree"]}
