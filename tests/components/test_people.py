"""Who an agent's runs wait for and who is told, as its host declares it."""

import json
from typing import Any

import pytest

from agent_hosting import LambdaAgent
from agent_hosting._people import People
from agent_hosting._validation import InputError, Inputs
from tests.components.ecs_agents import ecs_agent, environment
from tests.components.recorder import run
from tests.components.samples import PLATFORM, making


def checked(**given: Any) -> People:
    return People.of(given, Inputs("Agent", "handbook", given))


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"escalate": {"max_steps": 0}}, "escalate.max_steps"),
        ({"escalate": {"max_seconds": 5}}, "escalate.max_seconds"),
        ({"escalate": {"failed_tool_share": 2}}, "escalate.failed_tool_share"),
        ({"notify": {"slack": "x"}}, "notify.slack"),
        ({"notify": {"emails": ["nobody"]}}, "notify.emails"),
        ({"notify": {"emails": "a@example.com"}}, "notify.emails"),
        ({"notify": {"topic_key_arn": "arn:aws:kms:x"}}, "notify.topic_key_arn"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_name(given: dict[str, Any], where: str) -> None:
    with pytest.raises(InputError, match=where.replace(".", r"\.")):
        checked(**given)


def test_whole_numbers_that_arrive_with_a_point_are_counts() -> None:
    found = checked(escalate={"max_steps": 30.0}).thresholds
    assert found is not None
    assert found.max_steps == 30


def made(source: str, **changes: Any) -> Any:
    return run(making(LambdaAgent, "handbook", source, platform=PLATFORM, **changes))


def variables(program: Any) -> dict[str, Any]:
    return program.one("aws:lambda/function:Function", "handbook").inputs["environment"]["variables"]


def test_an_agent_that_says_nothing_of_people_gets_nothing(source: str) -> None:
    program = made(source)
    assert not {"AGENT_ESCALATE", "AGENT_NOTICE_TOPIC"} & variables(program).keys()
    assert [topic.name for topic in program.all("aws:sns/topic:Topic")] == ["handbook-budget-alerts"]


def test_thresholds_reach_the_program_and_notices_a_topic_of_their_own(source: str) -> None:
    program = made(source, escalate={"max_steps": 40}, notify={"emails": ["ops@example.com"]})
    told = variables(program)
    assert json.loads(told["AGENT_ESCALATE"]) == {"max_steps": 40, "min_tool_calls": 5}
    assert told["AGENT_NOTICE_TOPIC"].endswith("handbook-notices-0a1b2c3")
    topic = program.one("aws:sns/topic:Topic", "handbook-notices").inputs
    assert topic["kmsMasterKeyId"].endswith("handbook-budget-key-0a1b2c3")
    policy = program.one("aws:iam/rolePolicy:RolePolicy", "handbook-notices").statements()
    assert {sid: (found["Action"], found["Resource"]) for sid, found in policy.items()} == {
        "TellPeople": ("sns:Publish", told["AGENT_NOTICE_TOPIC"]),
        "UseKeyThroughSns": (["kms:Decrypt", "kms:GenerateDataKey"], topic["kmsMasterKeyId"]),
    }
    assert set(program.one("aws:sns/topicPolicy:TopicPolicy", "handbook-notices-policy").statements()) == {
        "TlsOnly"
    }
    emails = {
        (found.inputs["topic"].rpartition(":")[2], found.inputs["endpoint"])
        for found in program.all("aws:sns/topicSubscription:TopicSubscription")
        if found.inputs["protocol"] == "email"
    }
    assert {address for _, address in emails} == {"ops@example.com"}
    assert len(emails) == 2, "those who are told of questions are told of the brake's alerts too"


def test_a_topic_of_your_own_is_published_to_and_not_touched(source: str) -> None:
    arn, key = "arn:aws:sns:eu-west-1:123456789012:pager", "arn:aws:kms:eu-west-1:123456789012:key/k"
    program = made(source, notify={"topic_arn": arn, "topic_key_arn": key})
    assert variables(program)["AGENT_NOTICE_TOPIC"] == arn
    policy = program.one("aws:iam/rolePolicy:RolePolicy", "handbook-notices").statements()
    assert (policy["TellPeople"]["Resource"], policy["UseKeyThroughSns"]["Resource"]) == (arn, key)
    assert [topic.name for topic in program.all("aws:sns/topic:Topic")] == ["handbook-budget-alerts"]


def test_the_webhook_reads_its_address_alone_and_hears_both_topics(source: str) -> None:
    program = made(source, notify={"webhook_url": "https://hooks.example.com/services/secret-part"})
    function = program.one("aws:lambda/function:Function", "handbook-webhook").inputs
    assert function["handler"] == "agent_runtime.hosts.webhook.handler"
    assert "secret-part" not in json.dumps(function["environment"])
    policy = program.one("aws:iam/rolePolicy:RolePolicy", "handbook-webhook-policy").statements()
    assert {sid: found["Action"] for sid, found in policy.items()} == {
        "WriteOwnLogs": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "SendTraces": ["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
        "ReadOwnSecrets": "secretsmanager:GetSecretValue",
        "UseKeyThroughSecretsmanager": ["kms:Decrypt"],
        **({"UseKeyThroughLambda": ["kms:Decrypt"]} if "UseKeyThroughLambda" in policy else {}),
    }
    assert policy["ReadOwnSecrets"]["Resource"] == [
        function["environment"]["variables"]["AGENT_WEBHOOK_SECRET"]
    ]
    heard = [
        found.inputs["topic"]
        for found in program.all("aws:sns/topicSubscription:TopicSubscription")
        if found.name.startswith("handbook-webhook-")
    ]
    permitted = [
        found.inputs["sourceArn"]
        for found in program.all("aws:lambda/permission:Permission")
        if found.name.startswith("handbook-webhook-")
    ]
    assert sorted(heard) == sorted(permitted)
    assert len(set(heard)) == 2


def test_workers_are_told_the_same(source: str) -> None:
    told = environment(ecs_agent(source, escalate={"max_run_seconds": 60}, notify={}))
    assert json.loads(told["AGENT_ESCALATE"])["max_run_seconds"] == 60
    assert told["AGENT_NOTICE_TOPIC"].endswith("handbook-notices-0a1b2c3")
