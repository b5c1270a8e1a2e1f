"""Two agents side by side: neither reaches what is the other's, and an alert stops one of them alone."""

import itertools
import json
import time
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.end_to_end.asks import ask, send
from tests.end_to_end.deployments import Deployment

pytestmark = pytest.mark.end_to_end

_BUDGET_ALERT = """AWS Budget Notification November 21, 2026
AWS Account 123456789012

Dear AWS Customer,

You requested that we alert you when the ACTUAL Cost associated with your {name} budget is greater than $5.00.

Budget Name: {name}
Budget Type: Cost
Budgeted Amount: $5.00
Alert Type: ACTUAL
Alert Threshold: > ${threshold:.2f}
ACTUAL Amount: ${threshold:.2f}
"""


@pytest.fixture(scope="module")
def agents(deployment: Deployment) -> dict[str, Any]:
    with deployment.edit() as config:
        held = config["agent-hosting:agents"]
        held["handbook"]["requests_per_second"] = 1000
        held["second"] = {**held["handbook"], "tenants": ["acme"]}
    deployment.run("up")
    return deployment.status()["agents"]


def _refused(call: Any) -> bool:
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"].startswith(
            ("AccessDenied", "AuthorizationError")
        )  # SNS says so
    return False


def test_a_role_reads_its_own_secret_and_is_refused_the_others(
    deployment: Deployment, agents: dict[str, Any]
) -> None:
    secrets = deployment.client("secretsmanager").list_secrets()["SecretList"]
    own = {name: next(s["ARN"] for s in secrets if s["Name"].startswith(f"{name}-")) for name in agents}
    for name, other in (("handbook", "second"), ("second", "handbook")):
        reader = deployment.client("secretsmanager", role_arn=agents[name]["role_arn"])
        assert reader.get_secret_value(SecretId=own[name])["SecretString"]
        assert _refused(lambda reader=reader, other=other: reader.get_secret_value(SecretId=own[other]))


def test_a_role_is_refused_the_other_agents_partition_and_its_table_as_a_whole(
    deployment: Deployment, agents: dict[str, Any]
) -> None:
    mine, theirs = agents["second"], agents["handbook"]
    dynamodb = deployment.client("dynamodb", role_arn=mine["role_arn"])

    def key(agent: str) -> dict[str, Any]:
        return {"pk": {"S": f"{agent}#demo#r1"}, "sk": {"S": "run"}}

    assert "Item" not in dynamodb.get_item(TableName=mine["checkpoint_table_name"], Key=key("second"))
    assert _refused(lambda: dynamodb.get_item(TableName=mine["checkpoint_table_name"], Key=key("handbook")))
    assert _refused(lambda: dynamodb.get_item(TableName=theirs["checkpoint_table_name"], Key=key("second")))
    assert _refused(lambda: dynamodb.scan(TableName=mine["checkpoint_table_name"]))
    assert _refused(lambda: dynamodb.delete_item(TableName=mine["checkpoint_table_name"], Key=key("second")))
    brake = {"agent": {"S": "handbook"}, "item": {"S": "brake"}}
    assert _refused(lambda: dynamodb.get_item(TableName=mine["control_table_name"], Key=brake))
    own = {"agent": {"S": "second"}, "item": {"S": "brake"}}
    assert _refused(lambda: dynamodb.put_item(TableName=mine["control_table_name"], Item=own))


def test_a_role_is_refused_every_topic_and_every_lever_on_itself(
    deployment: Deployment, agents: dict[str, Any]
) -> None:
    role = agents["second"]["role_arn"]
    topics = deployment.client("sns", role_arn=role)
    for agent in agents.values():
        assert _refused(lambda agent=agent: topics.publish(TopicArn=agent["topic_arn"], Message="{}"))
    functions = deployment.client("lambda", role_arn=role)
    name = agents["second"]["function_name"]
    assert _refused(lambda: functions.update_function_configuration(FunctionName=name, Timeout=900))
    assert _refused(lambda: functions.invoke(FunctionName=agents["handbook"]["function_name"], Payload=b"{}"))
    iam = deployment.client("iam", role_arn=role)
    role_name = role.rsplit("/", 1)[1]
    assert _refused(lambda: iam.delete_role_permissions_boundary(RoleName=role_name))
    assert _refused(
        lambda: deployment.client("sts", role_arn=role).assume_role(
            RoleArn=agents["handbook"]["role_arn"], RoleSessionName="borrowed"
        )
    )


def test_a_tenant_finds_its_own_runs_alone_and_strangers_are_kept_out(
    deployment: Deployment, agents: dict[str, Any]
) -> None:
    url = agents["second"]["local_url"]
    acme, demo = (deployment.run("token", "--tenant", tenant).strip() for tenant in ("acme", "demo"))
    status, body = ask(url, acme)
    assert status == 200
    mine = urllib.request.Request(f"{url}/runs/{body['run_id']}", headers={"authorization": f"Bearer {acme}"})
    assert send(mine)[0] == 200
    assert ask(url, demo)[0] == 403
    elsewhere = urllib.request.Request(
        f"{agents['handbook']['local_url']}/runs/{body['run_id']}",
        headers={"authorization": f"Bearer {demo}"},
    )
    assert send(elsewhere)[0] == 404


def test_no_secret_value_lies_in_state_logs_or_items(deployment: Deployment, agents: dict[str, Any]) -> None:
    value = b"local-key"
    kept = deployment.root / ".agent-hosting"
    written = [
        p for p in kept.rglob("*") if p.is_file() and p.suffix in (".json", ".log", ".jsonl", ".out", ".bak")
    ]
    assert any("stacks" in str(p) for p in written)
    assert [p for p in written if value in p.read_bytes()] == []
    logs = deployment.client("logs")
    for agent in agents.values():
        events = logs.filter_log_events(logGroupName=agent["log_group_name"])["events"]
        assert value.decode() not in json.dumps(events)
        items = deployment.client("dynamodb").scan(TableName=agent["checkpoint_table_name"])["Items"]
        assert value.decode() not in str(items)


def test_the_last_alert_stops_one_agent_until_a_person_lets_it_go(
    deployment: Deployment, agents: dict[str, Any]
) -> None:
    token = deployment.run("token", "--tenant", "acme").strip()
    handbook, second = (agents[name]["local_url"] for name in ("handbook", "second"))
    topics = deployment.client("sns")
    topic = agents["handbook"]["topic_arn"]
    topics.publish(
        TopicArn=topic, Subject="AWS Budgets", Message=_BUDGET_ALERT.format(name="b", threshold=4.0)
    )
    topics.publish(
        TopicArn=topic, Subject="AWS Budgets", Message=_BUDGET_ALERT.format(name="b", threshold=5.0)
    )

    status, body = _until(lambda: ask(handbook, token), 429)
    assert status == 429
    assert "budget" in json.dumps(body).lower()
    assert ask(second, token)[0] == 200

    deployment.run("brake", "release", "handbook")
    assert _until(lambda: ask(handbook, token), 200)[0] == 200


def _until(call: Any, wanted: int) -> tuple[int, dict[str, Any]]:
    """Asks until the answer is `wanted`: a running agent notices its brake within five seconds."""
    ends = time.monotonic() + 20
    for _ in itertools.count():
        status, body = call()
        if status == wanted or time.monotonic() > ends:
            return status, body
    raise AssertionError("unreachable")


def test_the_agents_did_all_they_need_under_their_own_roles(
    deployment: Deployment, agents: dict[str, Any]
) -> None:
    token = deployment.run("token", "--tenant", "acme").strip()
    assert ask(agents["handbook"]["local_url"], token)[0] == 200
    url = f"http://127.0.0.1:{deployment.cloud()['gateway_port']}/_embedded/allowed"
    with urllib.request.urlopen(url, timeout=10) as answer:
        calls = {(principal.split("/")[1], action) for principal, action, _ in json.loads(answer.read())}
    role = agents["handbook"]["role_arn"].rsplit("/", 1)[1]
    used = {action for principal, action in calls if principal == role}
    assert {"dynamodb:PutItem", "dynamodb:GetItem", "secretsmanager:GetSecretValue"} <= used
