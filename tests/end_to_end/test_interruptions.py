"""Deployments that are killed, doubled, or lose the cloud under them."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.end_to_end.deployments import Deployment, checkout

pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """As a user's: what was done before a kill is in the state."""
    made = Deployment(checkout(tmp_path_factory.mktemp("project")), saves_each_step=True)
    yield made
    made.stop()


_KILL_AFTER = (1, 70)
"""Created resources after which `up` is killed: while the stack is new, and among functions."""


def test_a_deployment_killed_at_any_point_converges_and_doubles_nothing(deployment: Deployment) -> None:
    for created in _KILL_AFTER:
        _kill_after(deployment, created)
        kept = deployment.root / ".agent-hosting" / "state"
        assert not list(kept.rglob("*.attrs")), "Pulumi writes these in place; a kill can tear them"
        said = deployment.run("up")
        assert "every 30 minutes" in said
        assert _in_cloud(deployment) == _in_state(deployment)
        told = deployment.pulumi("preview", "--stack", "local")
        assert not any(sign in told for sign in ("to create", "to update", "to replace", "to delete")), told
        deployment.pulumi("destroy", "--yes", "--skip-preview", "--stack", "local")
        assert sum(_in_cloud(deployment).values()) == 0


def test_of_two_deployers_the_second_is_refused_and_told_what_to_do(deployment: Deployment) -> None:
    deployment.run("up")
    prompt = deployment.root / "examples" / "01-first-turn" / "prompts" / "system.md"
    prompt.write_text(prompt.read_text() + "\nBe exact.\n")
    first = deployment.start("up")
    try:
        _wait_for_lock(deployment, first)
        os.killpg(first.pid, signal.SIGSTOP)  # it holds its lock for as long as the second one asks
        said = deployment.run("up", ok=False)
        assert "another deployment of this stack is under way" in said
        assert "pulumi cancel" in said
    finally:
        os.killpg(first.pid, signal.SIGCONT)
        out, _ = first.communicate(timeout=300)
    assert first.returncode == 0, out


def test_a_cloud_that_was_lost_is_filled_again(deployment: Deployment) -> None:
    deployment.run("up")
    before = deployment.cloud()
    process = psutil.Process(before["pid"])
    process.kill()
    process.wait(30)
    said = deployment.run("up")
    assert "every 30 minutes" in said
    assert deployment.cloud()["http_port"] == before["http_port"], "the address to ask stays"
    assert _in_cloud(deployment) == _in_state(deployment)


def test_down_ends_what_was_started_and_may_be_said_twice(deployment: Deployment) -> None:
    deployment.run("up")
    cloud = deployment.cloud()
    children = [p.pid for p in psutil.Process(cloud["pid"]).children(recursive=True)]
    assert "stopped process" in deployment.run("down")
    assert [pid for pid in (cloud["pid"], *children) if _lives(pid)] == []
    assert "nothing was running" in deployment.run("down")


def _lives(pid: int) -> bool:
    """A process that ended and that its new parent has not reaped yet does not live."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _kill_after(deployment: Deployment, created: int) -> None:
    """Ends `up`, Pulumi and the program by SIGKILL once so many resources are reported as created."""
    running = deployment.start("up")
    assert running.stdout is not None
    count = 0
    for line in running.stdout:
        count += " created (" in line
        if count >= created:
            break
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate(timeout=60)
    assert running.returncode == -signal.SIGKILL


def _wait_for_lock(deployment: Deployment, running: Any) -> None:
    """Reads what `up` prints until the engine has begun; from then on it holds the lock."""
    for line in running.stdout:
        if "pulumi:pulumi:Stack" in line or " aws:" in line:
            break
    locks = Path(deployment.root / ".agent-hosting" / "state" / ".pulumi" / "locks")
    assert list(locks.rglob("*.json"))


_COUNTED = {
    "aws:lambda/function:Function": "functions",
    "aws:dynamodb/table:Table": "tables",
    "aws:s3/bucket:Bucket": "buckets",
    "aws:iam/role:Role": "roles",
    "aws:iam/policy:Policy": "policies",
    "aws:iam/rolePolicy:RolePolicy": "role policies",
    "aws:secretsmanager/secret:Secret": "secrets",
    "aws:sns/topic:Topic": "topics",
    "aws:sqs/queue:Queue": "queues",
    "aws:apigatewayv2/api:Api": "apis",
    "aws:apigatewayv2/route:Route": "routes",
    "aws:apigatewayv2/integration:Integration": "integrations",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "alarms",
    "aws:cloudwatch/logGroup:LogGroup": "groups",
    "aws:kms/key:Key": "keys",
    "aws:budgets/budget:Budget": "budgets",
}


def _in_state(deployment: Deployment) -> dict[str, int]:
    state = json.loads(deployment.pulumi("stack", "export", "--stack", "local"))
    assert not state["deployment"].get("pending_operations")
    kinds = [r["type"] for r in state["deployment"]["resources"] if r.get("custom") and not r.get("external")]
    return {name: kinds.count(kind) for kind, name in _COUNTED.items()}


def _in_cloud(deployment: Deployment) -> dict[str, int]:
    client = deployment.client
    kms, iam, apis = client("kms"), client("iam"), client("apigatewayv2")
    keys = [k["KeyId"] for page in kms.get_paginator("list_keys").paginate() for k in page["Keys"]]
    roles = iam.list_roles()["Roles"]
    api_ids = [a["ApiId"] for a in apis.get_apis()["Items"]]
    return {
        "functions": len(client("lambda").list_functions()["Functions"]),
        "tables": len(client("dynamodb").list_tables()["TableNames"]),
        "buckets": len(client("s3").list_buckets()["Buckets"]),
        "roles": len(roles),
        "policies": len(iam.list_policies(Scope="Local")["Policies"]),
        "role policies": sum(
            len(iam.list_role_policies(RoleName=r["RoleName"])["PolicyNames"]) for r in roles
        ),
        "secrets": len(client("secretsmanager").list_secrets()["SecretList"]),
        "topics": len(client("sns").list_topics()["Topics"]),
        "queues": len(client("sqs").list_queues().get("QueueUrls", [])),
        "apis": len(api_ids),
        "routes": sum(len(apis.get_routes(ApiId=a)["Items"]) for a in api_ids),
        "integrations": sum(len(apis.get_integrations(ApiId=a)["Items"]) for a in api_ids),
        "alarms": sum(
            not alarm["AlarmName"].startswith("TargetTracking-")  # Application Auto Scaling's own
            for alarm in client("cloudwatch").describe_alarms()["MetricAlarms"]
        ),
        "groups": len(client("logs").describe_log_groups()["logGroups"]),
        "keys": sum(kms.describe_key(KeyId=k)["KeyMetadata"]["KeyState"] != "PendingDeletion" for k in keys),
        "budgets": len(client("budgets").describe_budgets(AccountId="123456789012").get("Budgets", [])),
    }
