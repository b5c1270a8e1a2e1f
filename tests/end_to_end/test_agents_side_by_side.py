"""Agents side by side: one outlives its worker and fits Lambda as well as SQS and ECS, none reaches what is
another's, and an alert stops one of them alone."""

import itertools
import json
import os
import signal
import time
import urllib.request
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests import secret_scanner
from tests.end_to_end import trees
from tests.end_to_end.asks import QUESTION, ask, send
from tests.end_to_end.deployments import Deployment
from tests.end_to_end.people import Person, operator
from tests.end_to_end.review import Review, pids, spend_alarm
from tests.end_to_end.rights import assert_used
from tests.end_to_end.schedules import call_schedule, spent_today

pytestmark = pytest.mark.end_to_end

TREE_USD = 0.0006

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
        held["second"] = {**held["handbook"], "tenants": ["acme", "thrifty"]}
        held["second"]["source"] = trees.make_source(deployment.root)
        held["second"]["spend"] = {
            "tenant": {"day_usd": 0.002},
            "agent": {"day_usd": 0.003},
            "run": {"usd": TREE_USD},
        }
        yearly = {"expression": "cron(0 3 1 1 ? *)", "input": {"question": QUESTION}}
        held["handbook"]["schedules"] = {"yearly": yearly}
        held["handbook"]["spend"] = {"roots": ["second"], "schedules": {"yearly": {"day_usd": 0.0004}}}
        # Its alarm on an hour's spend is at 0.01, and its ledger lets it spend more: a run costs 0.0014.
        held["review"] |= {"monthly_budget_usd": 0.2, "spend": {"agent": {"hour_usd": 0.2, "day_usd": 0.2}}}
    deployment.run("up")
    return deployment.status()["agents"]


@pytest.fixture(scope="module")
def person(deployment: Deployment, agents: dict[str, Any]) -> Person:
    return operator(deployment)


@pytest.fixture(scope="module")
def review(deployment: Deployment, agents: dict[str, Any]) -> Review:
    return Review(deployment)


def test_all_agents_are_deployed_each_on_the_host_that_fits(
    deployment: Deployment, agents: dict[str, Any]
) -> None:
    hosts = {name: agent["host"] for name, agent in agents.items()}
    assert hosts == {"handbook": "lambda", "second": "lambda", "review": "ecs"}
    assert "Deploying" not in deployment.run("up")


def test_a_run_of_twenty_steps_survives_kill_9_of_its_worker(deployment: Deployment, review: Review) -> None:
    (pid,) = pids(deployment)
    run_id = review.begin("killed", seconds_per_check=0.3)
    review.wait(run_id, lambda run: len(run["steps"]) >= 6)
    os.kill(pid, signal.SIGKILL)
    done_before = review.steps(run_id)
    found = review.wait(run_id, lambda run: run["status"] == "DONE")
    assert found["steps"][0]["name"] == "plan"
    assert len(found["steps"]) == 20
    assert review.steps(run_id)[: len(done_before)] == done_before
    assert pids(deployment) != [pid]


def test_the_same_key_is_the_same_run_and_another_tenant_does_not_find_it(
    deployment: Deployment, review: Review
) -> None:
    run_id = review.begin("twice")
    assert review.begin("twice") == run_id or review.run(run_id)["status"] == "DONE"
    status, problem = review.call("POST", "/runs", {"input": {"question": "Other?"}}, "twice")
    assert (status, problem["type"]) == (409, "urn:agent-hosting:problem:idempotency-mismatch")
    stranger = Review(deployment, tenant="stranger")
    for method, path in (("GET", ""), ("GET", "/events"), ("POST", "/cancel")):
        assert stranger.call(method, f"/runs/{run_id}{path}")[0] == 404


def test_events_come_after_a_cursor_and_a_cancelled_run_stops(review: Review) -> None:
    run_id = review.begin("cancelled", seconds_per_check=1)
    review.wait(run_id, lambda run: len(run["steps"]) >= 3)
    _, page = review.call("GET", f"/runs/{run_id}/events")
    assert page["events"][0]["data"] == {"check": "owner", "done": 1, "of": 18}
    _, rest = review.call("GET", f"/runs/{run_id}/events?after={page['events'][0]['cursor']}")
    assert rest["events"][0]["data"]["done"] == 2
    assert review.call("POST", f"/runs/{run_id}/cancel") == (200, {"run_id": run_id, "status": "CANCELLED"})
    steps = review.steps(run_id)
    other = review.begin("after-the-cancelled")
    review.wait(other, lambda run: run["status"] == "DONE")
    assert review.run(run_id)["status"] == "CANCELLED"
    assert len(review.steps(run_id)) <= len(steps)


def test_what_the_roles_did_was_allowed_and_nothing_was_refused(
    deployment: Deployment, review: Review
) -> None:
    # Those that come after it have themselves refused.
    refusals = deployment.root / ".agent-hosting" / "cloud" / "refusals.jsonl"
    assert not refusals.exists() or refusals.read_text() == ""


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


def test_a_role_is_refused_others_topics_and_every_lever_on_itself(
    deployment: Deployment, agents: dict[str, Any]
) -> None:
    role = agents["second"]["role_arn"]
    topics = deployment.client("sns", role_arn=role)
    # To its own it tells what it has spent: an agent may stop itself.
    assert _refused(lambda: topics.publish(TopicArn=agents["handbook"]["topic_arn"], Message="{}"))
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


def test_no_secret_value_lies_in_state_logs_items_objects_or_messages(
    deployment: Deployment, agents: dict[str, Any]
) -> None:
    queues = [url for agent in agents.values() for url in (agent.get("queue_urls") or {}).values()]
    places = {
        "files": secret_scanner.files(deployment.root / ".agent-hosting"),
        "logs": secret_scanner.logs(deployment.client("logs")),
        "items": secret_scanner.items(deployment.client("dynamodb")),
        "objects": secret_scanner.objects(deployment.client("s3")),
        "messages": secret_scanner.messages(deployment.client("sqs"), queues),
    }
    written = {kind: list(found) for kind, found in places.items()}
    assert written["logs"]
    assert written["items"]
    assert any("stacks" in name for name, _ in written["files"]), "Pulumi's state is among the files"
    for found in written.values():
        assert secret_scanner.places_of("local-key", found) == []


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

    deployment.run("brake", "release", "handbook", "--why", "the alert was a test's own")
    assert _until(lambda: ask(handbook, token), 200)[0] == 200


def _audit(deployment: Deployment, *words: str, ok: bool = True) -> Any:
    said = deployment.run("audit", *words, "--json", ok=ok)
    return json.loads(said)


def test_what_agents_and_people_did_is_on_the_trail_and_found_when_it_is_tampered_with(
    deployment: Deployment, agents: dict[str, Any], review: Review
) -> None:
    token = deployment.run("token", "--tenant", "acme").strip()
    _, body = ask(agents["handbook"]["local_url"], token)
    (read,) = _audit(deployment, "show", "handbook", "--run", body["run_id"])
    assert (read["kind"], read["what"]["secret"]) == ("secret-read", "model-api-key")
    stopped = _audit(deployment, "show", "review", "--kind", "run-stopped")
    assert all(entry["what"] == {"how": "cancelled"} and entry["who"] for entry in stopped)
    released = _audit(deployment, "show", "handbook", "--kind", "brake-released")
    assert [entry["what"] for entry in released] == [{"why": "the alert was a test's own"}]
    assert len(_audit(deployment, "show", "handbook", "--kind", "brake-engaged")) == 1

    group, role = agents["handbook"]["audit_log_group_name"], agents["handbook"]["role_arn"]
    own = deployment.client("logs", role_arn=role)
    stream = read["entry"].rpartition("/")[0]
    assert _refused(lambda: own.delete_log_stream(logGroupName=group, logStreamName=stream))
    assert _refused(lambda: own.delete_log_group(logGroupName=group))
    bucket = agents["handbook"]["audit_bucket_name"]
    thief = deployment.client("s3", role_arn=role)
    assert _refused(lambda: thief.list_objects_v2(Bucket=bucket))

    deployment.call_rule("handbook-audit-export")
    ends = time.monotonic() + 60
    while (told := _audit(deployment, "verify", "handbook"))["exported"] == 0:
        assert time.monotonic() < ends, told
        time.sleep(1)
    assert (told["whole"], told["findings"]) == (True, [])
    reviewer = Person(deployment, agents["handbook"]["audit_reviewer_policy_arn"], "handbook-audit-reviewer")
    assert reviewer.json("audit", "verify", "handbook")["whole"]

    locked = deployment.client("s3").list_object_versions(Bucket=bucket)["Versions"]
    for version in locked:
        keys = {"Key": version["Key"], "VersionId": version["VersionId"]}
        assert _refused(lambda keys=keys: deployment.client("s3").delete_object(Bucket=bucket, **keys))
    # What no role of the agent can do, the administrator of the account does: it is found.
    deployment.client("s3").delete_object(Bucket=bucket, Key=f"handbook/manifests/{1:08d}.json")
    told = _audit(deployment, "verify", "handbook", ok=False)
    assert ("manifest/1", "export") in {(found["entry"], found["where"]) for found in told["findings"]}


def test_a_tenant_at_its_cap_waits_and_the_agent_at_its_own_is_braked(
    deployment: Deployment, agents: dict[str, Any]
) -> None:
    """A call costs 0.00006 US dollars, and 0.0003 are reserved for it."""
    second = agents["second"]
    url, table = second["local_url"], second["checkpoint_table_name"]
    thrifty, acme = (deployment.run("token", "--tenant", tenant).strip() for tenant in ("thrifty", "acme"))
    try:
        assert _until(lambda: ask(url, thrifty), 429)[1]["type"].endswith(":cap-reached")
        assert ask(url, acme)[0] == 200, "another tenant"
        told = _until(lambda: ask(url, acme), 429, "braked")[1]
        assert "used 100 % or more of its cap of this day" in told["reason"]
        spent = json.loads(deployment.run("spend", "second", "--by", "tenant", "--json"))
        assert {line["name"] for line in spent} >= {"acme", "thrifty"}
        assert all(line["usd"] <= 0.002 for line in spent)
        assert sum(line["usd"] for line in spent) <= 0.003
        deployment.run("brake", "release", "second", "--why", "to see that the ledger still refuses")
        assert _until(lambda: ask(url, acme), 429, "cap-reached")[0] == 429
    finally:  # the other tests find the agent as it was
        day = datetime.now(UTC).strftime("%Y-%m-%d")
        for pk in ("second#spend", "second#acme#spend", "second#thrifty#spend"):
            key = {"pk": {"S": pk}, "sk": {"S": day}}
            deployment.client("dynamodb").delete_item(TableName=table, Key=key)
        deployment.run("brake", "release", "second", "--why", "the test is over")


def test_the_alarm_on_what_was_spent_stops_runs_and_they_go_on_from_their_last_step(
    person: Person, deployment: Deployment, review: Review
) -> None:
    run_id = review.begin("under way when the alarm comes", seconds_per_check=5)
    review.wait(run_id, lambda run: len(run["steps"]) >= 3)
    review.spend_until(lambda: spend_alarm(deployment, "review") == "ALARM")
    problem = review.until_braked()
    assert "alarm review-budget-spend-hour" in problem["reason"]
    stopped = review.wait(run_id, lambda run: run["status"] == "PARKED")
    kept = review.steps(run_id)
    assert 3 <= len(kept) < 20, "it was stopped on its way, with its steps"
    assert "alarm review-budget-spend-hour" in json.dumps(stopped), "and is told why"

    assert "alarm review-budget-spend-hour" in person.run("brake", "show", "review")
    person.run("brake", "release", "review", "--why", "the runs were a test's own")
    (engaged,) = _audit(deployment, "show", "review", "--kind", "brake-engaged")
    assert "alarm review-budget-spend-hour" in engaged["what"]["reason"]
    (released,) = _audit(deployment, "show", "review", "--kind", "brake-released")
    assert released["what"] == {"why": "the runs were a test's own"}
    person.run("runs", "resume", run_id, "--why", "not to wait for its next try")
    review.wait(run_id, lambda run: len(run["steps"]) > len(kept))
    assert review.steps(run_id)[: len(kept)] == kept, "none of them is done again"
    assert review.call("POST", f"/runs/{run_id}/cancel")[0] == 200


def test_a_tree_of_runs_shares_what_its_root_may_spend(
    person: Person, deployment: Deployment, agents: dict[str, Any]
) -> None:
    token = deployment.run("token", "--tenant", "acme").strip()
    second, handbook = (agents[name]["local_url"] for name in ("second", "handbook"))
    given = {"question": QUESTION, "ask": handbook, "token": token}
    status, root = ask(second, token, {"input": given})
    assert (status, root["status"]) == (200, "DONE"), root
    below = [run["status"] for run in root["output"]["below"]]
    assert below == ["DONE"] * (len(below) - 1) + ["WAITING_APPROVAL"], below
    assert 2 <= len(below) < 10, "some were paid for, and then nothing was left"

    refused = root["output"]["below"][-1]["run_id"]
    (question,) = person.json("approvals", "list", "--agent", "handbook")
    assert (question["run_id"], question["name"]) == (refused, "cap on tree")
    answered = person.json("approvals", "deny", question["approval_id"])
    assert "people-operator" in answered["decided_by"]
    (decided,) = person.json("audit", "show", "handbook", "--kind", "approval-decided", "--run", refused)
    assert decided["who"] == answered["decided_by"]

    parent = root["output"]["parent"]
    late = {"input": {"question": QUESTION}, "parent": parent}
    status, ended = ask(handbook, token, late)
    assert (status, ended.get("status")) != (200, "DONE"), "the root has ended, and its budget with it"
    status, problem = ask(second, token, {**late, "parent": f"handbook{parent.removeprefix('second')}"})
    assert (status, problem["type"]) == (403, "urn:agent-hosting:problem:parent-refused")


def test_a_schedule_is_called_and_counted_to_itself_until_its_own_cap(
    person: Person, deployment: Deployment, agents: dict[str, Any]
) -> None:
    (name,) = [s["Name"] for s in deployment.client("scheduler").list_schedules()["Schedules"]]
    calls = 0
    for _ in range(10):
        assert call_schedule(deployment, name) == {"called": 1}
        spent = spent_today(deployment, agents["handbook"], "schedule:yearly", than=calls)
        if "refused_day" in spent:
            break
        calls = spent["calls"]
    assert calls >= 1, "the first ones could be paid"
    assert spent["day"] <= 400_000, "billionths of a dollar"
    (parked,) = person.json("runs", "list", "--tenant", "schedule:yearly")
    assert (parked["agent"], parked["status"]) == ("handbook", "PARKED")
    assert "tenant" in parked["waits_for"]
    lines = person.json("spend", "handbook", "--by", "tenant")
    assert "schedule:yearly" in {line["name"] for line in lines}
    assert parked["run_id"] in {line["name"] for line in person.json("spend", "handbook", "--by", "run")}


def test_an_operator_sees_to_runs_with_the_policy_for_it_and_nothing_else(
    person: Person, review: Review
) -> None:
    run_id = review.begin("seen to by an operator", seconds_per_check=2)
    review.wait(run_id, lambda run: len(run["steps"]) >= 2)
    assert run_id in {line["run_id"] for line in person.json("runs", "list", "--agent", "review")}
    done = person.json("runs", "stop", "--run", run_id, "--why", "it is only a test", "--yes")
    assert ([line["run_id"] for line in done["stopped"]], done["not_stopped"]) == ([run_id], [])
    kept = review.steps(run_id)
    assert person.json("runs", "show", run_id)["held"] == "stop"
    person.run("runs", "resume", run_id, "--why", "it was only a test")
    review.wait(run_id, lambda run: len(run["steps"]) > len(kept))
    assert review.steps(run_id)[: len(kept)] == kept
    assert review.call("POST", f"/runs/{run_id}/cancel")[0] == 200
    assert run_id in {line["run_id"] for line in person.json("runs", "list", "--ended")}
    for kind, why in (("run-stopped", "it is only a test"), ("run-resumed", "it was only a test")):
        entries = person.json("audit", "show", "review", "--run", run_id, "--kind", kind)
        assert why in [entry["what"].get("why") for entry in entries]
    assert "AccessDenied" in person.run("audit", "verify", "review", ends_with=2)


def _until(call: Any, wanted: int, kind: str = "") -> tuple[int, dict[str, Any]]:
    """Asks until the answer is `wanted`, a problem of this kind if one is named: a running agent notices its
    brake within five seconds."""
    ends = time.monotonic() + 60
    for _ in itertools.count():
        status, body = call()
        if status == wanted and str(body.get("type", "")).endswith(kind):
            return status, body
        if time.monotonic() > ends:
            return status, body
    raise AssertionError("unreachable")


def test_the_agents_did_all_they_need_under_their_own_roles(deployment: Deployment) -> None:
    # Those before it, that is; the one behind it gives the host of one of them another name.
    assert_used(deployment, __file__)


def test_the_same_source_makes_the_same_checkpoints_on_lambda(deployment: Deployment, review: Review) -> None:
    on_ecs = review.begin("compared")
    review.wait(on_ecs, lambda run: run["status"] == "DONE")
    before = review.steps(on_ecs), review.results(on_ecs)
    with deployment.edit() as config:
        held = config["agent-hosting:agents"]["review"]
        held["run_profile"]["longest_run_seconds"] = 20
        # Its alarms are new with its host, and what was spent in this hour is above the old limit.
        held["monthly_budget_usd"] = 5
        held.pop("spend")
    deployment.run("up")
    moved = Review(deployment)
    assert deployment.status()["agents"]["review"]["host"] == "lambda"
    status, body = moved.call("POST", "/runs", {"input": {"question": "Ready?"}}, "compared on lambda")
    assert (status, body["status"]) == (200, "DONE")
    assert (moved.steps(body["run_id"]), moved.results(body["run_id"])) == before
