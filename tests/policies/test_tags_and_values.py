"""AG09, AG09b and AG22: where secrets show, and whose resources are."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.policies.judging import ABSENT, UNKNOWN, changed, fails, found, passes, resource, unchecked

VALUE = "correct-Horse-7-battery"
TOKEN = "ghp_" + "a1B2" * 10


def version(value: Any = VALUE) -> Any:
    return resource(
        "secretsmanager/secretVersion:SecretVersion", "key", {"secretId": "s", "secretString": value}
    )


def shows(held: Any, kind: str = "lambda/function:Function", name: str = "runs") -> Any:
    return resource(kind, name, held)


@pytest.mark.parametrize(
    "held",
    [
        {},
        {"environment": {"variables": {"KEY_ARN": "arn:aws:secretsmanager:x:1:secret:key"}}},
        {"environment": UNKNOWN},
        {"description": "correct-Horse-7"},
    ],
)
def test_a_value_that_is_in_the_secret_alone_passes(held: dict[str, Any]) -> None:
    assert passes("AG09", version(), shows(held))


@pytest.mark.parametrize(
    "held",
    [
        {"environment": {"variables": {"KEY": VALUE}}},
        {"environment": {"variables": {"URL": f"postgres://agent:{VALUE}@db"}}},
        {"containerDefinitions": json.dumps([{"environment": [{"name": "KEY", "value": VALUE}]}])},
        {"tags": {"key": VALUE}},
        {"notes": [{"deep": [VALUE]}]},
    ],
)
def test_a_value_that_another_resource_holds_fails_there(held: dict[str, Any]) -> None:
    (told,) = found("AG09", version(), shows(held))
    assert told.urn.endswith("::runs")
    assert VALUE not in told.line, "a finding is no place for it either"
    assert told.path


def test_outputs_of_the_stack_are_searched_and_makers_of_secrets_are_not() -> None:
    assert fails("AG09", version(), shows({"outputs": {"key": VALUE}}, "pulumi:pulumi:Stack", "stack"))
    made = shows({"result": VALUE}, "random:index/randomPassword:RandomPassword", "made")
    reader = shows({"token": VALUE}, "pulumi:providers:github", "given")
    copy = replace(version(), urn="urn:pulumi:test::test::type::copy", name="copy")
    assert passes("AG09", version(), made, reader, copy)


def test_the_component_that_makes_the_secret_may_have_been_given_it() -> None:
    scope = shows({"secrets": {"key": VALUE}}, "acme:index:Secrets", "scope")
    assert passes("AG09", replace(version(), parent=scope.urn), scope)
    assert fails("AG09", version(), scope)


def test_parts_of_an_object_count_that_are_secret_by_their_names() -> None:
    held = version(json.dumps({"host": "db.example.com", "username": "agent-user", "password": VALUE}))
    assert passes("AG09", held, shows({"host": "db.example.com", "user": "agent-user"}))
    assert fails("AG09", held, shows({"password": VALUE}))
    pem = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADAN\n-----END PRIVATE KEY-----"
    assert fails("AG09", version(pem), shows({"document": json.dumps({"key": pem})}))


@pytest.mark.parametrize(
    "value", [ABSENT, None, "", "short", "{}", '{"password": 7}', "{", '{"password": "short"}']
)
def test_a_secret_without_a_value_to_look_for_passes(value: Any) -> None:
    held = changed({"secretId": "s"}, secretString=value)
    secret = resource("secretsmanager/secretVersion:SecretVersion", "key", held)
    assert passes("AG09", secret, shows({"a": "short", "b": "{}"}))


def test_what_is_no_text_fails_and_what_is_unknown_is_not_checked() -> None:
    assert unchecked("AG09", version(UNKNOWN), shows({})) == ["secretString"]
    assert fails("AG09", version([VALUE]), shows({}))


def test_parameters_count_when_they_are_secure() -> None:
    held = {"type": "SecureString", "value": VALUE}
    assert fails("AG09", shows(held, "ssm/parameter:Parameter", "key"), shows({"a": VALUE}))
    open_ = {"type": "String", "value": VALUE}
    assert passes("AG09", shows(open_, "ssm/parameter:Parameter", "key"), shows({"a": VALUE}))


AGENT = {"agent": "a", "environment": "prod"}


@pytest.mark.parametrize(
    "held",
    [
        {"description": TOKEN},
        {"tags": {**AGENT, "note": TOKEN}},
        {"userData": f"#!/bin/sh\nexport KEY={TOKEN}"},
        {"document": json.dumps({"deep": [TOKEN]})},
        {"masterPassword": "hunter2-hunter2"},
        {"config": {"dbPassword": "Xk39vv81Lq"}},
        {"tags": UNKNOWN, "description": TOKEN},
    ],
)
def test_a_secret_in_clear_on_an_agents_resource_fails_once(held: dict[str, Any]) -> None:
    assert len(fails("AG09b", shows({"tags": AGENT, **held}, "ec2/instance:Instance"))) == 1


@pytest.mark.parametrize(
    "held",
    [
        {},
        {"description": "turns of agent a"},
        {"masterPassword": UNKNOWN},
        {"masterPassword": "arn:aws:secretsmanager:x:1:secret:a"},
        {"passwordLength": 24},
        {"creationToken": "Runs-2026-quickstart"},
        {"tags": {"agent": ""}, "description": TOKEN},
        {"tags": None, "description": TOKEN},
        {"tags": [{"key": "agent", "value": "a"}], "description": TOKEN},
    ],
)
def test_what_looks_like_no_secret_or_is_no_agents_passes(held: dict[str, Any]) -> None:
    assert passes("AG09b", shows({"tags": AGENT, **held}, "ec2/instance:Instance"))


def test_variables_are_left_to_the_rules_on_them_and_other_clouds_are_not_judged() -> None:
    variables = {"tags": AGENT, "environment": {"variables": {"KEY": TOKEN}}}
    assert passes("AG09b", shows(variables))
    assert fails("AG09b", shows(variables, "batch/jobDefinition:JobDefinition"))
    assert passes("AG09b", shows({"tags": AGENT, "note": TOKEN}, "acme:index:Thing"))


def tagged(name: str = "runs", kind: str = "sqs/queue:Queue", /, **given: Any) -> Any:
    return resource(kind, name, changed({"tags": AGENT}, **given))


def component(*held: Any) -> tuple[Any, ...]:
    owner = resource("acme:index:Agent", "owner", {})
    return (owner, *(replace(one, parent=owner.urn) for one in held))


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"tags": {"agent": "a"}, "tagsAll": AGENT},
        {"tags": ABSENT},
        {"tags": {"environment": "prod"}},
        {"tags": None},
    ],
)
def test_resources_of_an_agent_that_say_so_and_those_of_nobody_pass(given: dict[str, Any]) -> None:
    assert passes("AG22", tagged(**given))


@pytest.mark.parametrize("environment", [ABSENT, None, ""])
def test_an_agents_resource_without_environment_fails(environment: Any) -> None:
    assert len(fails("AG22", tagged(tags=changed(AGENT, environment=environment)))) == 1


@pytest.mark.parametrize("tags", [ABSENT, None, {}, {"environment": "prod"}])
def test_what_is_in_an_agents_component_is_the_agents(tags: Any) -> None:
    told = fails("AG22", *component(tagged(), tagged("other", tags=tags)))
    assert "it belongs to a and does not say so." in told
    two = tagged("second", tags={**AGENT, "agent": "b"})
    assert passes("AG22", *component(tagged(), two, tagged("other", tags=tags))), "shared by two"
    assert passes("AG22", tagged(), tagged("other", tags=tags)), "nothing tells whose it is"


def test_a_role_is_the_agents_that_runs_as_it() -> None:
    role = resource("iam/role:Role", "role", {"arn": "arn:role"})
    runs = tagged("f", "lambda/function:Function", role="arn:role")
    assert fails("AG22", runs, role)
    other = tagged("g", "lambda/function:Function", role="arn:role", tags={**AGENT, "agent": "b"})
    assert passes("AG22", runs, other, role)


@pytest.mark.parametrize("as_text", [True, False])
def test_default_tags_count_when_every_provider_sets_them(as_text: bool) -> None:
    def provider(name: str, tags: Any) -> Any:
        held = json.dumps({"tags": tags}) if as_text else {"tags": tags}
        return resource("pulumi:providers:aws", name, {"defaultTags": held})

    bare = tagged(tags={"agent": "a"})
    assert passes("AG22", bare, provider("one", {"environment": "prod"}))
    assert fails("AG22", bare, provider("one", {"environment": "prod"}), provider("two", {}))
    assert fails("AG22", bare, resource("pulumi:providers:aws", "one", {"defaultTags": "{"}))
    assert fails("AG22", bare, resource("pulumi:providers:aws", "one", {"defaultTags": UNKNOWN}))


def test_what_belongs_to_a_release_says_which() -> None:
    released = {**AGENT, "bundle": "b18b688e99f3"}
    assert passes("AG22", tagged("a-b18b688e99f3", tags=released))
    told = fails("AG22", tagged("a-b18b688e99f3", tags=released), tagged("a-b18b688e99f3-dead"))
    assert told == ["it is named after bundle b18b688e99f3 and does not say so."]
    assert len(fails("AG22", tagged("t", "ecs/taskDefinition:TaskDefinition"))) == 1
    assert passes("AG22", tagged("t", "ecs/taskDefinition:TaskDefinition", tags=released))
    variables = {"variables": {"AGENT_BUNDLE_ID": "b18b688e99f3"}}
    assert len(fails("AG22", tagged("f", "lambda/function:Function", environment=variables))) == 1
    assert passes("AG22", tagged("f", "lambda/function:Function", environment=UNKNOWN))
    assert passes("AG22", tagged("f", "lambda/function:Function", environment=variables, tags=released))


def test_a_tenant_is_named_by_all_resources_of_an_agent_or_by_none() -> None:
    one = tagged("one", tags={**AGENT, "tenant": "acme"})
    assert passes("AG22", one)
    assert fails("AG22", one, tagged()) == ["other resources of a name their tenant, this one does not."]
    assert passes("AG22", one, tagged(tags={**AGENT, "agent": "b"}))


def test_unknown_tags_are_not_checked_and_other_types_are_not_judged() -> None:
    assert unchecked("AG22", tagged(tags=UNKNOWN)) == ["tags"]
    assert passes("AG22", tagged("a", "sqs/queuePolicy:QueuePolicy", tags={"agent": "a"}))
    assert fails("AG22", tagged(tags="agent"))
