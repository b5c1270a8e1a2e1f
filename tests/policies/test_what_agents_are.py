"""AG03, AG07 and AG15: caps, models, bundles and tools, by variables and by manifests."""

import json
from typing import Any

import pytest

from policies.framework.judge import Judge
from policies.framework.settings import Settings
from tests.policies.judging import ABSENT, UNKNOWN, changed, fails, passes, resource, rule, text, unchecked

SAID = {
    "MAX_STEPS": "50",
    "MAX_TOOL_CALLS": "20",
    "MAX_OUTPUT_TOKENS": "1024",
    "MODEL_ID": "anthropic.claude-3-5-sonnet-20241022-v2:0",
    "ALLOWED_TOOLS": "search,read_file",
    "BUNDLE_ID": "b1",
}
RULES = ("AG03", "AG07", "AG07b", "AG15", "AG15b")
BUNDLE = {
    "max_steps": 50,
    "max_model_calls": 20,
    "model": {"name": "gpt-4o-2024-08-06", "max_output_tokens": 1024},
    "tools": [{"name": "search"}],
}


def function(name: str = "agent", **given: Any) -> Any:
    held = {"tags": {"agent": "a"}, "environment": {"variables": SAID}, "role": "arn:run"}
    return resource("lambda/function:Function", name, changed(held, **given))


def task(variables: dict[str, Any], form: str, **given: Any) -> Any:
    container = {"name": "agent", "environment": [{"name": k, "value": v} for k, v in variables.items()]}
    held: Any = [{"name": "proxy"}, container]
    held = json.dumps(held) if form == "text" else held
    tags = {"agent": "a", "bundle": "b1"}
    props = {"arn": "arn:task", "tags": tags, "containerDefinitions": held, **given}
    return resource("ecs/taskDefinition:TaskDefinition", "work", props)


def pods(variables: dict[str, Any], kind: str, **labels: str) -> Any:
    entries: list[Any] = [{"name": key, "value": value} for key, value in variables.items()]
    entries.append({"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}})
    template = {
        "metadata": {"labels": {"agent": "a", **labels}},
        "spec": {"containers": [{"name": "agent", "env": entries}]},
    }
    if kind == "core/v1:Pod":
        return resource("kubernetes:core/v1:Pod", "pod", template)
    key = "podTemplate" if kind.endswith("Sandbox") else "template"
    return resource(f"kubernetes:{kind}", "pods", {"spec": {key: template}})


def hosts(variables: dict[str, Any]) -> list[Any]:
    """The same variables on each host."""
    return [
        function(environment={"variables": variables}),
        task(variables, "text"),
        task(variables, "object"),
        pods(variables, "apps/v1:StatefulSet"),
        pods(variables, "argoproj.io/v1alpha1:Rollout"),
        pods(variables, "agents.x-k8s.io/v1alpha1:Sandbox"),
        pods(variables, "core/v1:Pod"),
    ]


def manifest(bundle: str = "b1", **given: Any) -> Any:
    item = {
        "agent": {"S": "a#manifests"},
        "item": {"S": f"manifest#{bundle}"},
        "document": {"S": json.dumps(changed(BUNDLE, **given))},
    }
    return resource("dynamodb/tableItem:TableItem", f"a-manifest-{bundle}", {"item": json.dumps(item)})


@pytest.mark.parametrize("host", range(7))
def test_what_is_said_by_variables_passes_on_every_host(host: int) -> None:
    for name in RULES:
        assert passes(name, hosts(SAID)[host]), name


@pytest.mark.parametrize("host", range(7))
@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("AG03", {"MAX_STEPS": ABSENT}),
        ("AG03", {"MAX_STEPS": "0"}),
        ("AG03", {"MAX_STEPS": "many"}),
        ("AG03", {"MAX_STEPS": "-1"}),
        ("AG03", {"MAX_STEPS": "201"}),
        ("AG03", {"MAX_TOOL_CALLS": ABSENT}),
        ("AG03", {"MAX_OUTPUT_TOKENS": "8193"}),
        ("AG03", {"MAX_OUTPUT_TOKENS": ""}),
        ("AG07", {"MODEL_ID": "gpt-4o"}),
        ("AG07", {"MODEL_ID": "claude-sonnet-4-5-latest"}),
        ("AG07", {"MODEL_ID": "us.anthropic.claude-sonnet-4"}),
        ("AG15", {"ALLOWED_TOOLS": "*"}),
        ("AG15", {"ALLOWED_TOOLS": "search,mcp__*"}),
        ("AG15", {"ALLOWED_TOOLS": "[]"}),
        ("AG15", {"ALLOWED_TOOLS": "all"}),
        ("AG15", {"ALLOWED_TOOLS": ABSENT}),
    ],
)
def test_one_broken_variable_fails_on_every_host(host: int, name: str, given: dict[str, Any]) -> None:
    unbundled = changed(SAID, **{"BUNDLE_ID": ABSENT, **given})
    assert len(fails(name, hosts(unbundled)[host])) == 1


@pytest.mark.parametrize(
    "names",
    [
        {"AGENT_MAX_STEPS": "5", "AGENT_MAX_MODEL_CALLS": "5", "TOKEN_BUDGET": "100000"},
        {"RECURSION_LIMIT": "25", "MAX_TOOL_USES": "5", "MAX_TOKENS": "4096"},
        {"MAX_AGENT_ITERATIONS": "10", "LLM_CALL_LIMIT": "5.0", "max_completion_tokens": "4000"},
        {"MAX_TURNS": "10", "TOOL_CALL_LIMIT": "5", "MAX_TOKENS_PER_RUN": "4000"},
    ],
)
def test_caps_are_known_by_many_names(names: dict[str, str]) -> None:
    assert passes("AG03", function(environment={"variables": names}))
    for name in names:
        assert fails("AG03", function(environment={"variables": {**names, name: "0"}}))


@pytest.mark.parametrize(
    "model",
    [
        "gpt-4o-2024-08-06",
        "claude-sonnet-4-5-20250929",
        "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "mistral-large-2411",
        "my-model@4f2a9c1",
        "my-model-v1",
        "arn:aws:bedrock:eu-west-1::foundation-model/anthropic.claude-3-5-sonnet-20241022-v2:0",
        "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc",
    ],
)
def test_names_that_stay_pass(model: str) -> None:
    assert passes("AG07", function(environment={"variables": {**SAID, "MODEL_ID": model}}))


BY_BUNDLE = {"AGENT_BUNDLE_ID": "b1"}


def bundled(**given: Any) -> list[Any]:
    return [function(environment={"variables": {**BY_BUNDLE, **given}}), manifest()]


def test_a_manifest_tells_what_variables_leave_out() -> None:
    for name in RULES:
        assert passes(name, *bundled()), name
    agent = bundled()[0]
    for name in ("AG03", "AG07", "AG15"):
        assert unchecked(name, agent) == ["environment.variables"]
        assert unchecked(name, agent, manifest("b2")) == ["environment.variables"]


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("AG03", {"max_steps": 0}),
        ("AG03", {"max_steps": 201}),
        ("AG03", {"max_steps": None}),
        ("AG03", {"max_steps": "many"}),
        ("AG03", {"max_model_calls": 101}),
        ("AG03", {"model": {"name": "x", "max_output_tokens": 8193}}),
        ("AG03", {"model": {}}),
        ("AG07", {"model": {"name": "gpt-4o"}}),
        ("AG07", {"model": ABSENT}),
    ],
)
def test_a_manifest_with_one_broken_thing_fails(name: str, given: dict[str, Any]) -> None:
    assert len(fails(name, bundled()[0], manifest(**given))) == 1


TIER = {"name": "gpt-4o-2024-08-06", "max_output_tokens": 1024}


def test_each_tier_of_a_bundle_is_judged() -> None:
    for policy in ("AG03", "AG07"):
        assert passes(policy, bundled()[0], manifest(models={"small": TIER, "large": TIER}))
    moving = {"small": TIER, "large": {**TIER, "name": "gpt-4o"}}
    assert fails("AG07", bundled()[0], manifest(models=moving))
    endless = {"small": TIER, "large": {**TIER, "max_output_tokens": 8193}}
    assert fails("AG03", bundled()[0], manifest(models=endless))


def test_a_manifest_may_allow_no_model_call_and_no_tool() -> None:
    assert passes("AG03", bundled()[0], manifest(max_model_calls=0))
    assert passes("AG15", bundled()[0], manifest(tools=[]))
    assert fails("AG15", *bundled(AGENT_TOOLS="*"))


def test_limits_of_the_environment_are_taken_from_the_config() -> None:
    def told(**limits: int) -> int:
        settings = Settings.of({"limits": limits}, {})
        return len(Judge([rule("AG03")], settings).everything([function()]))

    assert told() == 0
    assert told(steps=49) == 1
    assert told(steps=49, tool_calls=19, reply_tokens=1023) == 3
    with pytest.raises(ValueError, match="steps"):
        told(steps=0)
    with pytest.raises(ValueError, match="pages"):
        told(pages=1)


def test_unknown_variables_are_not_checked() -> None:
    for name, key in (("AG03", "MAX_STEPS"), ("AG07", "MODEL_ID"), ("AG15", "ALLOWED_TOOLS")):
        held = function(environment={"variables": {**SAID, key: UNKNOWN}})
        assert unchecked(name, held) == [f"environment.variables.{key}"]
    for name in RULES:
        assert unchecked(name, function(environment=UNKNOWN)) == ["environment"]
        assert unchecked(name, task({}, "object", containerDefinitions=UNKNOWN)) == ["containerDefinitions"]
        assert unchecked(name, function(tags=UNKNOWN)) == ["tags"]
    assert fails("AG03", task({}, "object", containerDefinitions="{"))


def test_a_model_that_the_code_alone_names_is_not_checked() -> None:
    silent = {key: value for key, value in SAID.items() if key not in ("MODEL_ID", "BUNDLE_ID")}
    assert unchecked("AG07", function(environment={"variables": silent})) == ["environment.variables"]


def test_programs_that_call_no_model_are_passed_over() -> None:
    brake = function("brake", environment={"variables": {"TABLE": "control"}})
    assert passes("AG03", function(), brake)
    assert passes("AG03", function("x", tags={}, environment=ABSENT))
    assert len(fails("AG03", brake)) == 3, "where none shows that it calls one, the first counts"
    assert len(fails("AG03", brake, function("second", environment=ABSENT))) == 3
    calls = {"Effect": "Allow", "Action": "bedrock:InvokeModel", "Resource": "*"}
    role = resource("iam/role:Role", "run", {"name": "run", "arn": "arn:run"})
    rights = resource("iam/rolePolicy:RolePolicy", "p", {"role": "run", "policy": text(calls)})
    worker = function("worker", environment=ABSENT)
    assert len(fails("AG03", function("door", role="x", environment=ABSENT), worker, role, rights)) == 3


def test_a_release_has_one_bundle() -> None:
    assert passes("AG07b", function(tags={"agent": "a", "bundle": "b1"}))
    assert passes("AG07b", function(tags={"agent": "a", "bundle": "b1"}, environment=ABSENT))
    assert fails("AG07b", function(tags={"agent": "a", "bundle": "b2"}))
    assert fails("AG07b", function(environment={"variables": {**SAID, "BUNDLE_ID": ""}}))
    assert fails("AG07b", function(environment={"variables": {**SAID, "AGENT_BUNDLE_ID": "b2"}}))
    assert passes("AG07b", pods(SAID, "apps/v1:Deployment", bundle="b1"))
    assert fails("AG07b", pods(SAID, "apps/v1:Deployment", bundle="b2"))
    assert unchecked("AG07b", function(tags={"agent": "a", "bundle": UNKNOWN})) == ["tags.bundle"]


@pytest.mark.parametrize(("bundle", "failures"), [("b1", 0), ("b2", 1), ("", 0)])
def test_a_service_is_of_the_bundle_of_its_task(bundle: str, failures: int) -> None:
    tags = {"agent": "a", "bundle": bundle}
    service = resource("ecs/service:Service", "s", {"taskDefinition": "arn:task", "tags": tags})
    held = (task(SAID, "text"), service)
    assert len(fails("AG07b", *held)) == failures


def equipped(actions: Any, *statements: dict[str, Any], **said: Any) -> list[Any]:
    declared = actions if isinstance(actions, str) else json.dumps(actions)
    variables = changed({**SAID, "ALLOWED_TOOLS": "search", "TOOL_ACTIONS": declared}, **said)
    return [
        function(environment={"variables": variables}),
        resource("iam/role:Role", "run", {"name": "run", "arn": "arn:run"}),
        resource("iam/rolePolicy:RolePolicy", "p", {"role": "run", "policy": text(*statements)}),
    ]


def may(*actions: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": "arn:one"}


def test_a_role_is_held_to_what_its_tools_need() -> None:
    declared = {"search": ["s3:Get*"], "runtime": ["bedrock:InvokeModel"], "delete": ["s3:DeleteObject"]}
    assert passes(
        "AG15b", *equipped(declared, may("s3:GetObject", "bedrock:invokemodel", "logs:PutLogEvents"))
    )
    assert passes("AG15b", *equipped(declared, {**may("*"), "Effect": "Deny"}))
    assert fails("AG15b", *equipped(declared, may("s3:PutObject")))
    assert fails("AG15b", *equipped(declared, may("s3:DeleteObject"))), "of a tool that is not allowed here"
    assert fails("AG15b", *equipped(declared, may("s3:*")))
    assert fails("AG15b", *equipped(declared, {"Effect": "Allow", "NotAction": "s3:Get*", "Resource": "*"}))
    assert fails("AG15b", *equipped(declared, ALLOWED_TOOLS="search,mail"))
    assert fails("AG15b", *equipped("{"))
    assert fails("AG15b", *equipped(["search"]))
    assert passes("AG15b", *equipped(declared, may("s3:PutObject"), TOOL_ACTIONS=ABSENT))
    assert unchecked("AG15b", *equipped(declared, TOOL_ACTIONS=UNKNOWN)) == [
        "environment.variables.TOOL_ACTIONS"
    ]
