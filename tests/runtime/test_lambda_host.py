import base64
import io
import json
import logging
from typing import Any

import pytest

from agent_runtime.brake import engage
from agent_runtime.errors import ModelUnavailable
from agent_runtime.hosts.requests import MAX_REQUEST_BYTES
from agent_runtime.logs import JsonFormatter
from agent_runtime.run import Run
from tests.runtime.lambdas import Api, Event, answer

QUESTION = {"input": {"question": "why?"}}


@pytest.fixture
def log() -> io.StringIO:
    """Everything the runtime logs, as it would be written on Lambda."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonFormatter({"agent": "answers", "bundle": "b" * 12}))
    logger = logging.getLogger("agent_runtime")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    return written


def brake(aws: Any) -> None:
    at = "2027-01-15T08:00:00.000Z"
    engage(aws.dynamodb, "control", "answers", reason="spent", engaged_by="a test", engaged_at=at)


def test_a_turn_answers_in_the_same_call(api: Api, http_event: Event) -> None:
    status, run, headers = api(http_event(body=QUESTION))
    assert status == 200
    assert headers == {"content-type": "application/json"}
    assert run | {"run_id": ""} == {
        "run_id": "",
        "status": "DONE",
        "bundle_id": api.bundle.bundle_id,
        "output": {"answer": "an answer", "found": ["a"]},
        "steps": [{"name": "find", "replayed": False}, {"name": "answer", "replayed": False}],
        "usage": {"input_tokens": 100, "output_tokens": 10, "cost_usd": 0.0002},
    }


def test_the_same_key_gives_the_same_run_without_a_second_call(api: Api, http_event: Event) -> None:
    event = http_event(body=QUESTION, headers={"Idempotency-Key": "k-1"})
    (_, first, _), (_, second, _) = api(event), api(event)
    assert second["run_id"] == first["run_id"]
    assert second["output"] == first["output"]
    assert [step["replayed"] for step in second["steps"]] == [True, True]
    assert len(api.model.requests) == 1
    assert [line["SpendUsd"] for line in api.metric_lines()] == [0.0002, 0.0]


def test_a_run_that_waits_is_accepted_and_goes_on_under_its_key(api: Api, http_event: Event) -> None:
    def agent(run: Run) -> dict[str, Any]:
        run.sleep("a while", 60)
        return {"answer": "slept"}

    api.agent = agent
    event = http_event(body=QUESTION, headers={"Idempotency-Key": "k-1"})
    status, run, _ = api(event)
    assert (status, run["status"], run["output"]) == (202, "SLEEPING", None)
    assert api(http_event("GET", f"/runs/{run['run_id']}"))[1]["status"] == "SLEEPING"
    api.agent = answer
    assert api(event)[0] == 500  # the same step by another name: the key leads to the same run


def test_one_tenants_key_is_not_anothers(api: Api, http_event: Event) -> None:
    headers = {"idempotency-key": "k-1"}
    _, mine, _ = api(http_event(body=QUESTION, headers=headers))
    _, theirs, _ = api(http_event(body={"input": {"question": "?"}}, headers=headers, claims={"sub": "bob"}))
    assert mine["run_id"] != theirs["run_id"]


def test_a_run_is_read_by_its_own_tenant_alone(api: Api, http_event: Event) -> None:
    _, run, _ = api(http_event(body=QUESTION))
    path = f"/runs/{run['run_id']}"
    status, read, _ = api(http_event("GET", path))
    assert (status, read) == (200, run)
    assert api(http_event("GET", path, claims={"tenant": "other"}))[0] == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("DELETE", "/runs"),
        ("GET", "/runs/" + "0" * 32),
        ("GET", "/runs/../acme"),
        ("GET", "/runs/" + "0" * 32 + "/events"),
        ("POST", "/runs/" + "0" * 32 + "/cancel"),
        ("POST", "/approvals/1"),
    ],
)
def test_what_does_not_exist_is_not_found(api: Api, http_event: Event, method: str, path: str) -> None:
    status, problem, headers = api(http_event(method, path, body={}))
    assert (status, problem["status"], problem["instance"]) == (404, 404, path)
    assert problem["type"] == "urn:agent-hosting:problem:not-found"
    assert set(problem) - {"run_id"} == {"type", "title", "status", "detail", "instance"}
    assert headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{", "not JSON"),
        (None, "not JSON"),
        ("[]", "not an object"),
        ({}, "input is missing"),
        ({"input": None}, "input is missing"),
        ({**QUESTION, "tenant": "other"}, "unknown fields"),
        ({**QUESTION, "session": 3}, "session cannot be used"),
    ],
)
def test_a_body_that_cannot_be_used_is_a_bad_request(
    api: Api, http_event: Event, body: Any, said: str
) -> None:
    status, problem, _ = api(http_event(body=body))
    assert status == 400
    assert said in problem["title"]
    assert api.aws.items() == []


def test_an_idempotency_key_of_any_length_is_not_taken(api: Api, http_event: Event) -> None:
    assert api(http_event(body=QUESTION, headers={"idempotency-key": "x" * 256}))[0] == 400


def test_a_large_request_is_refused(api: Api, http_event: Event) -> None:
    assert api(http_event(body={"input": "x" * MAX_REQUEST_BYTES}))[0] == 413


def test_a_base64_body_is_read(api: Api, http_event: Event) -> None:
    body = base64.b64encode(json.dumps(QUESTION).encode()).decode()
    assert api(http_event(body=body, isBase64Encoded=True))[0] == 200
    assert api(http_event(body="%%", isBase64Encoded=True))[0] == 400


def test_the_name_of_a_stage_is_not_part_of_the_path(api: Api, http_event: Event) -> None:
    event = http_event(path="/dev/runs", body=QUESTION)
    event["requestContext"]["stage"] = "dev"
    assert api(event)[0] == 200


def test_without_a_token_or_a_tenant_nothing_is_served(api: Api, http_event: Event) -> None:
    anonymous = http_event(body=QUESTION)
    del anonymous["requestContext"]["authorizer"]
    assert api(anonymous)[0] == 401
    assert api(http_event(body=QUESTION, claims={"scope": "x"}))[0] == 403
    assert api(http_event(body=QUESTION, claims={"tenant": "a#b"}))[0] == 403
    assert api.aws.items() == []


def test_a_tenant_that_is_not_let_in_is_refused(api: Api, http_event: Event) -> None:
    api.tenants = frozenset({"acme"})
    assert api(http_event(body=QUESTION))[0] == 200
    assert api(http_event(body=QUESTION, claims={"tenant": "other"}))[0] == 403
    assert api(http_event("GET", "/runs/" + "0" * 32, claims={"tenant": "other"}))[0] == 403
    assert api.raw({**QUESTION, "tenant": "other"})["problem"]["status"] == 403


def test_the_tenant_claim_comes_before_the_subject(api: Api, http_event: Event) -> None:
    api(http_event(body=QUESTION, claims={"tenant": "acme", "sub": "ann"}))
    assert {item["pk"]["S"].split("#")[1] for item in api.aws.items()} == {"acme"}


def test_the_same_key_with_another_input_is_a_conflict(api: Api, http_event: Event) -> None:
    headers = {"idempotency-key": "k-1"}
    api(http_event(body=QUESTION, headers=headers))
    status, problem, _ = api(http_event(body={"input": {"question": "what?"}}, headers=headers))
    assert (status, problem["type"]) == (409, "urn:agent-hosting:problem:idempotency-mismatch")


def test_a_run_in_progress_says_when_to_come_back(api: Api, http_event: Event) -> None:
    event = http_event(body=QUESTION, headers={"idempotency-key": "k-1"})
    inner: list[Any] = []

    def agent(run: Run) -> dict[str, Any]:
        inner.append(api(event))
        return {}

    api.agent = agent
    api(event)
    status, problem, headers = inner[0]
    assert (status, headers["retry-after"]) == (409, "30")
    assert problem["run_id"]


def test_a_braked_agent_answers_429_with_the_reason(api: Api, http_event: Event) -> None:
    brake(api.aws)
    status, problem, _ = api(http_event(body=QUESTION))
    assert (status, problem["reason"]) == (429, "spent")
    assert api.metric_lines() == []


def test_an_unavailable_model_is_503_and_the_run_can_go_on(api: Api, http_event: Event) -> None:
    api.model.answers = [ModelUnavailable("small-v1 is unavailable", retry_after_seconds=60)]
    event = http_event(body=QUESTION, headers={"idempotency-key": "k-1"})
    status, problem, headers = api(event)
    assert (status, headers["retry-after"]) == (503, "60")
    assert api(http_event("GET", f"/runs/{problem['run_id']}"))[1]["status"] == "PARKED"
    status, run, _ = api(event)
    assert (status, [step["replayed"] for step in run["steps"]]) == (200, [True, False])


def test_an_error_of_the_agent_is_told_by_its_class_alone(
    api: Api, http_event: Event, log: io.StringIO
) -> None:
    def agent(run: Run) -> dict[str, Any]:
        raise ValueError(f"the key {run.secret('model-api-key').reveal()} did not work")

    api.agent = agent
    reply = api.raw(http_event(body=QUESTION))
    problem = json.loads(reply["body"])
    assert (reply["statusCode"], problem["detail"]) == (500, "the run failed with ValueError")
    assert api(http_event("GET", f"/runs/{problem['run_id']}"))[1]["error"] == "ValueError"
    everything = json.dumps(reply) + log.getvalue() + api.metrics.getvalue() + str(api.aws.items())
    assert "sk-do-not-show-7f3a" not in everything
    assert [line["RunErrors"] for line in api.metric_lines()] == [1]
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert {"secret read", "run stopped"} <= {line["message"] for line in lines}
    assert next(line["error"] for line in lines if line["message"] == "run stopped") == "ValueError"


def test_a_lost_table_is_503(api: Api, http_event: Event) -> None:
    _, run, _ = api(http_event(body=QUESTION))
    api.aws.dynamodb.delete_table(TableName="checkpoints")
    assert api(http_event(body=QUESTION))[0] == 503
    assert api(http_event("GET", f"/runs/{run['run_id']}"))[0] == 503


def test_a_function_without_time_left_leaves_a_run_that_can_go_on(api: Api, http_event: Event) -> None:
    api.context.milliseconds = 0
    event = http_event(body=QUESTION, headers={"idempotency-key": "k-1"})
    status, _, _ = api(event)
    assert status == 503
    assert api.model.requests == []
    api.context.milliseconds = 30_000
    assert api(event)[0] == 200


def test_a_direct_invocation_is_a_run_too(api: Api) -> None:
    event = {**QUESTION, "tenant": "acme", "session": "s", "idempotency_key": "k"}
    run = api.raw(event)
    assert (run["status"], run["output"]["answer"]) == ("DONE", "an answer")
    assert api.raw(event)["run_id"] == run["run_id"]
    assert api.raw(QUESTION)["problem"]["status"] == 400


def test_each_run_is_one_line_of_metrics_with_few_dimensions(api: Api, http_event: Event) -> None:
    def agent(run: Run) -> dict[str, Any]:
        api.aws.clock.now += 1.5
        return answer(run)

    api.agent = agent
    api(http_event(body=QUESTION))
    (line,) = api.metric_lines()
    directive = line["_aws"]["CloudWatchMetrics"][0]
    assert directive["Namespace"] == "AgentHosting"
    assert directive["Dimensions"] == [["agent"], ["agent", "bundle"]]
    shown = {metric["Name"]: line[metric["Name"]] for metric in directive["Metrics"]}
    assert shown == {
        "SpendUsd": 0.0002,
        "InputTokens": 100,
        "OutputTokens": 10,
        "Runs": 1,
        "RunErrors": 0,
        "Escalations": 0,
        "DurationMs": 1500,
        "DurationMsSquares": 2_250_000,
        "SpendUsdSquares": 0.0002 * 0.0002,
        "RunTokens": 110,
        "ToolCalls": 1,
        "ToolErrors": 0,
        "TraceQuality": 1.0,
    }
    assert (line["agent"], line["bundle"]) == ("answers", api.bundle.bundle_id)


def test_every_line_of_the_log_says_of_which_release_it_is(
    api: Api, http_event: Event, log: io.StringIO
) -> None:
    api.model.answers = [ModelUnavailable("small-v1 is unavailable", retry_after_seconds=60)]
    api(http_event(body=QUESTION))
    brake(api.aws)
    api(http_event(body=QUESTION))
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert lines
    assert {(line["agent"], line["bundle"]) for line in lines} == {("answers", "b" * 12)}
