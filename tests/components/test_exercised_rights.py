"""Every action that our components grant is used in some test, or stands in a list with its reason.

Tests with a deployment look at their end whether the embedded AWS allowed what the list says of them.
"""

import fnmatch
from typing import Any

import pytest
import yaml

from agent_hosting import Agent, AgentBudget, EcsAgent, EksAgent, LambdaAgent, RolloutGroup
from tests.components.recorder import run
from tests.components.samples import BEDROCK, CLUSTER, COMPONENTS, PLATFORM, agent_folder, making
from tests.end_to_end.rights import LIST, Right, listed

END_TO_END = LIST.parent
HELD: dict[str, Any] = yaml.safe_load(LIST.read_text())
HOSTS = {LambdaAgent: "lambda", EcsAgent: "ecs", EksAgent: "eks"}
MADE_OF_OTHERS = {Agent, AgentBudget, RolloutGroup}
"""Their roles are made with the agents of the three hosts, too."""
VARIANTS: list[dict[str, Any]] = [
    {"schedules": {"nightly": {"expression": "rate(1 day)", "input": {}}}},
    {"rollout": {"shadow": {"minimum_runs": 3, "minimum_agreement": 0.3}}},
    {"model": BEDROCK, "model_endpoint": None},
    {"notify": {"webhook_url": "https://hooks.example.com/services/x"}},
]


def rights_of(component: type, source: str, **more: Any) -> set[Right]:
    program = run(making(component, "one", source, **more))
    label = HOSTS.get(component, component.__name__)
    found: set[Right] = set()
    policies = [(policy.inputs["role"], policy) for policy in program.all("RolePolicy")]
    of_people = [p for p in program.all("Policy") if p.type == "aws:iam/policy:Policy"]
    policies += [(p.name, p) for p in of_people if "boundary" not in p.name]  # that one grants nothing
    for named, policy in policies:
        role = named.removeprefix("one-").removesuffix("-0a1b2c3")
        for statement in policy.document("policy")["Statement"]:
            actions = statement["Action"]
            if statement["Effect"] == "Allow":
                found |= {
                    (f"{label} {role}", a) for a in ([actions] if isinstance(actions, str) else actions)
                }
    return found


@pytest.fixture(scope="module")
def granted(tmp_path_factory: pytest.TempPathFactory) -> set[Right]:
    source, found = str(agent_folder(tmp_path_factory.mktemp("agent"))), set[Right]()
    for component in set(COMPONENTS) - MADE_OF_OTHERS:
        cluster = {"cluster": CLUSTER} if component is EksAgent else {}
        for variant in VARIANTS if component in HOSTS else ({},):
            given = {"platform": PLATFORM, **cluster, **variant} if component in HOSTS else {}
            found |= rights_of(component, source, **given)
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
