"""Every action that our components grant is used in some test, or stands in a list with its reason.

Tests with a deployment look at their end whether the embedded AWS allowed what the list says of them.
"""

import fnmatch
from typing import Any

import pytest
import yaml

from agent_hosting import Agent, AgentBudget, EcsAgent, EksAgent, LambdaAgent, RolloutGroup, ToolGateway
from agent_hosting.tool_gateway import reference_to_tools
from tests.components.recorder import Program, run
from tests.components.samples import (
    BEDROCK,
    CLUSTER,
    COMPONENTS,
    PLATFORM,
    agent_folder,
    gateway_args,
    making,
)
from tests.end_to_end.rights import LIST, Right, listed

END_TO_END = LIST.parent
HELD: dict[str, Any] = yaml.safe_load(LIST.read_text())
HOSTS = {LambdaAgent: "lambda", EcsAgent: "ecs", EksAgent: "eks"}
MADE_OF_OTHERS = {Agent, AgentBudget, RolloutGroup}
"""Their roles are made with the agents of the three hosts, too."""
VARIANTS: list[dict[str, Any]] = [
    {},
    {"schedules": {"nightly": {"expression": "rate(1 day)", "input": {}}}},
    {"rollout": {"shadow": {"minimum_runs": 3, "minimum_agreement": 0.3}}},
    {"model": BEDROCK, "model_endpoint": None},
    {"notify": {"webhook_url": "https://hooks.example.com/services/x"}},
    {"spend": {"roots": ["planner"]}},
    {"observe": {"traces": {"endpoint": "xray"}}},
]
Granted = tuple[str, str, str]
"""A role, the statement, and an action that it allows."""


def granted_by(program: Program, component: type, name: str) -> set[Granted]:
    """What the roles of one component may do, and those of a tool gateway named `tools` beside it."""
    label, found = HOSTS.get(component, component.__name__), set[Granted]()
    policies = [(policy.inputs["role"], policy) for policy in program.all("RolePolicy")]
    of_people = [p for p in program.all("Policy") if p.type == "aws:iam/policy:Policy"]
    policies += [(p.name, p) for p in of_people if "boundary" not in p.name]  # that one grants nothing
    for named, policy in policies:
        owner = "ToolGateway" if named.startswith("tools-") else label
        role = named.removeprefix("tools-").removeprefix(f"{name}-").removesuffix("-0a1b2c3")
        for statement in policy.document("policy")["Statement"]:
            actions = statement["Action"]
            if statement["Effect"] == "Allow":
                sid, named_actions = statement["Sid"], [actions] if isinstance(actions, str) else actions
                found |= {(f"{owner} {role}", sid, action) for action in named_actions}
    return found


def behind_a_gateway(component: type, source: str, **given: Any) -> Program:
    """An agent that calls tools by a gateway named `tools`, which looks up its runs."""

    def program() -> None:
        args: Any = gateway_args(source)
        reference = reference_to_tools(ToolGateway("tools", args), args)
        making(component, "handbook", source, **given, tool_gateway=reference)()

    return run(program)


def rights(base: set[Granted], variants: list[set[Granted]]) -> set[Right]:
    """By role and action; an action that an input adds to what the role has already by another statement is
    named with its own, such as `SpendOfTrees dynamodb:UpdateItem`."""
    had = {(role, action) for role, _, action in base}
    added = set[Granted]().union(*variants) - base
    named = {(role, f"{sid} {action}") for role, sid, action in added if (role, action) in had}
    return had | {(role, action) for role, _, action in added} | named


@pytest.fixture(scope="module")
def granted(tmp_path_factory: pytest.TempPathFactory) -> set[Right]:
    source, found = str(agent_folder(tmp_path_factory.mktemp("agent"))), set[Right]()
    for component in set(COMPONENTS) - MADE_OF_OTHERS:
        cluster = {"cluster": CLUSTER} if component is EksAgent else {}
        given = {"platform": PLATFORM, **cluster} if component in HOSTS else {}
        base, *variants = (
            granted_by(run(making(component, "one", source, **given, **variant)), component, "one")
            for variant in (VARIANTS if component in HOSTS else [{}])
        )
        if component in HOSTS:
            linked = granted_by(behind_a_gateway(component, source, **given), component, "handbook")
            base |= granted_by(run(making(ToolGateway, "tools", source)), ToolGateway, "tools")
            variants.append(linked)
        found |= rights(base, variants)
    return found


def excused(rights: set[Right]) -> dict[str, set[Right]]:
    """Those that each pattern of the list speaks of."""
    patterns = [pattern for entry in HELD["not used"] for pattern in entry["rights"]]
    assert len(patterns) == len(set(patterns))
    return {p: {right for right in rights if fnmatch.fnmatchcase(" ".join(right), p)} for p in patterns}


def test_every_action_that_is_granted_is_used_or_has_its_reason(granted: set[Right]) -> None:
    seen = {right for test in HELD["used"] for right in listed(test)}
    assert seen <= granted, f"take off {LIST.name} what is no longer granted: {sorted(seen - granted)}"
    reasons = excused(granted - seen)
    left = granted - seen - {right for rights in reasons.values() for right in rights}
    assert not left, (
        f"no test uses {sorted(left)}: use them in one, grant them no longer, or give {LIST.name} why"
    )
    needless = sorted(pattern for pattern, rights in reasons.items() if not rights)
    assert needless == [], f"take off {LIST.name} reasons for what is used, or no longer granted"


@pytest.mark.parametrize("test", HELD["used"])
def test_a_test_that_the_list_names_looks_whether_it_is_true(test: str) -> None:
    assert "assert_used(deployment, __file__)" in (END_TO_END / f"{test}.py").read_text()


@pytest.mark.parametrize("entry", HELD["not used"], ids=lambda entry: entry["rights"][0])
def test_a_reason_says_something_and_the_tests_that_it_names_are_there(entry: dict[str, Any]) -> None:
    assert len(entry["reason"].split()) >= 4
    for named in entry.get("tests", ()):
        assert (END_TO_END.parents[1] / "tests" / named).is_file()
