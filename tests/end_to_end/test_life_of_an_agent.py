"""From nothing to an answer, through a second release and back, and to nothing again."""

import json
import urllib.request
from typing import Any

import pytest

from agent_hosting_cli import local
from tests.end_to_end.asks import QUESTION, ask, send, share_of
from tests.end_to_end.deployments import Deployment

pytestmark = pytest.mark.end_to_end

_ASKS = 1000
_FEWEST, _MOST = 29, 74
"""Binomial bounds of 1,000 asks at 5 % that hold 99.9 % of the time (quantiles 0.0005 and 0.9995)."""


def test_an_agent_is_deployed_asked_released_moved_back_and_removed(deployment: Deployment) -> None:
    with deployment.edit() as config:
        agent = config["agent-hosting:agents"]["handbook"]
        agent["requests_per_second"] = 5000
    first = json.loads(_last_json(deployment.run("up", "--json")))
    assert "every 30 minutes" in first["output"]["answer"]
    assert [step["name"] for step in first["steps"]] == ["find", "answer"]
    assert first["usage"]["cost_usd"] > 0

    told = deployment.pulumi("up", "--yes", "--skip-preview", "--stack", "local")
    assert " unchanged" in told
    assert not any(word in told for word in (" created", " updated", " replaced", " deleted")), told

    found = deployment.status()["agents"]["handbook"]
    url, token = found["local_url"], deployment.run("token").strip()
    assert found["serving"] == {first["bundle_id"]: 1}

    _check_http_contract(url, token)
    newest = _second_release_at_five_percent(deployment, first["bundle_id"])
    counted = share_of(url, token, _ASKS)
    assert set(counted) == {first["bundle_id"], newest}, counted
    assert _FEWEST <= counted[newest] <= _MOST, counted

    functions = deployment.client("lambda")
    name = deployment.status()["agents"]["handbook"]["function_name"]
    alias = functions.get_alias(FunctionName=name, Name="live")
    functions.update_alias(
        FunctionName=name,
        Name="live",
        FunctionVersion=alias["FunctionVersion"],
        RoutingConfig={"AdditionalVersionWeights": {}},
    )
    assert set(share_of(url, token, 100)) == {first["bundle_id"]}

    drift = deployment.pulumi("refresh", "--preview-only", "--diff", "--stack", "local")
    assert "routingConfig" in drift
    refused = deployment.pulumi("up", "--yes", "--skip-preview", "--stack", "local", ok=False)
    assert "0.95" in refused or "95.0%" in refused
    assert "pulumi up --refresh" in refused
    assert "Traceback" not in refused
    deployment.pulumi("up", "--yes", "--skip-preview", "--refresh", "--stack", "local")
    assert deployment.status()["agents"]["handbook"]["serving"][newest] == pytest.approx(0.05)

    _nothing_was_refused(deployment)
    deployment.pulumi("destroy", "--yes", "--skip-preview", "--stack", "local")
    assert _held(deployment) == {}


def _check_http_contract(url: str, token: str) -> None:
    status, body = ask(url, token, key="k-1")
    again, same = ask(url, token, key="k-1")
    assert (status, again) == (200, 200)
    assert same["run_id"] == body["run_id"]
    other, problem = ask(url, token, {"input": {"question": "something else"}}, key="k-1")
    assert other == 409
    assert problem["status"] == 409
    bearer = {"authorization": f"Bearer {token}"}
    assert send(urllib.request.Request(f"{url}/runs/{body['run_id']}", headers=bearer))[0] == 200
    assert send(urllib.request.Request(f"{url}/runs/unknown", headers=bearer))[0] == 404
    assert ask(url, "not-a-token")[0] == 401


def _second_release_at_five_percent(deployment: Deployment, first: str) -> str:
    prompt = deployment.root / "examples" / "01-first-turn" / "prompts" / "system.md"
    prompt.write_text(prompt.read_text() + "\nBe brief.\n")
    with deployment.edit() as config:
        config["agent-hosting:agents"]["handbook"]["shares"] = {"newest": 0.05, "stable": 0.95}
    deployment.pulumi("up", "--yes", "--skip-preview", "--stack", "local")
    found = deployment.status()["agents"]["handbook"]
    newest = found["bundle_id"]
    assert newest != first
    assert found["serving"] == {first: pytest.approx(0.95), newest: pytest.approx(0.05)}
    return newest


def _nothing_was_refused(deployment: Deployment) -> None:
    log = deployment.root / ".agent-hosting" / "cloud" / "refusals.jsonl"
    assert not log.exists() or log.read_text() == ""


def _held(deployment: Deployment) -> dict[str, Any]:
    """What moto still holds, by kind; keys that wait for their deletion are gone in all but name."""
    kms = deployment.client("kms")
    keys = [k["KeyId"] for page in kms.get_paginator("list_keys").paginate() for k in page["Keys"]]
    held = {
        "functions": deployment.client("lambda").list_functions()["Functions"],
        "tables": deployment.client("dynamodb").list_tables()["TableNames"],
        "buckets": deployment.client("s3").list_buckets()["Buckets"],
        "roles": deployment.client("iam").list_roles()["Roles"],
        "policies": deployment.client("iam").list_policies(Scope="Local")["Policies"],
        "secrets": deployment.client("secretsmanager").list_secrets()["SecretList"],
        "topics": deployment.client("sns").list_topics()["Topics"],
        "queues": deployment.client("sqs").list_queues().get("QueueUrls", []),
        "apis": deployment.client("apigatewayv2").get_apis()["Items"],
        "alarms": deployment.client("cloudwatch").describe_alarms()["MetricAlarms"],
        "groups": deployment.client("logs").describe_log_groups()["logGroups"],
        "budgets": deployment.client("budgets").describe_budgets(AccountId="123456789012").get("Budgets", []),
        "keys": [
            k for k in keys if kms.describe_key(KeyId=k)["KeyMetadata"]["KeyState"] != "PendingDeletion"
        ],
    }
    return {kind: found for kind, found in held.items() if found}


def _last_json(said: str) -> str:
    return said[said.index("{") :]


def test_the_question_of_the_example_is_the_one_that_is_tested() -> None:
    assert local.QUESTION == QUESTION
