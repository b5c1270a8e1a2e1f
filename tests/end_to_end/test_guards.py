"""What surrounds a run, seen from outside: its models by tier, spans, log lines and the chat."""

import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests import secret_scanner
from tests.end_to_end import guarded
from tests.end_to_end.asks import ask, send
from tests.end_to_end.deployments import Deployment
from tests.end_to_end.guarded import ACCOUNT, NAME, Outside
from tests.end_to_end.rights import assert_used
from tests.servers import Quiet, Threaded, make_server, serving

pytestmark = pytest.mark.end_to_end
_SECONDS = 120.0
_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture(scope="module")
def outside() -> Iterator[tuple[Outside, str]]:
    application = Outside()
    with serving(make_server("127.0.0.1", 0, application, Threaded, Quiet)) as url:
        yield application, f"{url}/v1"


@pytest.fixture(scope="module")
def agent(deployment: Deployment, outside: tuple[Outside, str]) -> dict[str, Any]:
    _, url = outside
    guarded.declare(deployment, url)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AGENT_SECRET_GUARDED_WEBHOOK_URL", f"{url}/hook-9f31c2")
        deployment.run("up")
    return deployment.status()["agents"][NAME]


@pytest.fixture(scope="module")
def token(deployment: Deployment, agent: dict[str, Any]) -> str:
    assert agent["local_url"], "there is no issuer before"
    return deployment.run("token").strip()


def call(agent: dict[str, Any], token: str, key: str, **more: Any) -> tuple[int, dict[str, Any]]:
    return ask(agent["local_url"], token, {"input": {"account": ACCOUNT, **more}}, key)


def until(found: Callable[[], Any]) -> Any:
    """What is found, once it is something. The events that it waits for happen in other processes."""
    ends = time.monotonic() + _SECONDS
    while not (answer := found()):
        assert time.monotonic() < ends, "nothing was found"
        time.sleep(0.2)
    return answer


def test_each_call_goes_to_the_tier_that_the_rules_choose_at_the_server_of_that_tier(
    agent: dict[str, Any], token: str, outside: tuple[Outside, str]
) -> None:
    before = outside[0].model_calls
    status, body = call(agent, token, "tiers")
    assert (status, body["output"]) == (200, {"tiers": ["small", "large"], "instead_of": ""})
    assert outside[0].model_calls == before + 1


def test_where_one_server_is_down_another_tier_answers_and_it_is_soon_left_alone(
    agent: dict[str, Any], token: str, outside: tuple[Outside, str]
) -> None:
    application, _ = outside
    application.model_is_down = True
    before = application.model_calls
    for number in range(4):
        status, body = call(agent, token, f"down-{number}")
        assert (status, body["output"]) == (200, {"tiers": ["large", "large"], "instead_of": "small"})
    assert application.model_calls == before + 5, "its circuit opened at the fifth outage"


def test_a_run_is_one_trace_that_goes_on_its_callers(
    agent: dict[str, Any], token: str, outside: tuple[Outside, str]
) -> None:
    headers = {
        "content-type": "application/json",
        "authorization": f"Bearer {token}",
        "traceparent": f"00-{_TRACE}-00f067aa0ba902b7-01",
    }
    payload = json.dumps({"input": {"account": ACCOUNT}}).encode()
    assert send(urllib.request.Request(f"{agent['local_url']}/runs", payload, headers))[0] == 200
    spans = until(lambda: [span for span in outside[0].spans if span["traceId"] == _TRACE])
    names = {span["name"].split()[0] for span in spans}
    assert names >= {"invoke_agent", "work", "chat"}
    assert ACCOUNT not in json.dumps(outside[0].spans), "what callers say is in no span"


def test_a_chat_is_told_of_a_question_and_the_answer_of_a_person_lets_the_run_go_on(
    deployment: Deployment, agent: dict[str, Any], token: str, outside: tuple[Outside, str]
) -> None:
    status, body = call(agent, token, "asks", asks=True)
    assert (status, body["status"]) == (202, "WAITING_APPROVAL")
    told = until(lambda: [text for text in outside[0].chat if body["run_id"] in text])
    assert len(told) == 1
    assert "asks 'close-account'" in told[0]
    assert ACCOUNT not in told[0]
    (waiting,) = json.loads(deployment.run("approvals", "list", "--json"))
    assert "close the account for good" in deployment.run("approvals", "show", waiting["approval_id"])
    deployment.run("approvals", "approve", waiting["approval_id"])
    status, body = call(agent, token, "asks", asks=True)
    assert (status, body["status"]) == (200, "DONE")


def test_log_lines_name_the_run_and_hide_what_is_declared(
    deployment: Deployment, agent: dict[str, Any], token: str
) -> None:
    _, body = call(agent, token, "logged")
    lines = [text for _, text in secret_scanner.logs(deployment.client("logs"))]
    said = [json.loads(line) for text in lines for line in text.splitlines() if b"asked for" in line]
    (mine,) = [line for line in said if line["run_id"] == body["run_id"]]
    assert (mine["agent"], mine["tenant"], mine["logger"]) == (NAME, "demo", "guarded")
    assert not any(ACCOUNT.encode() in text for text in lines)


def test_each_agent_has_its_dashboard_and_alarms(deployment: Deployment, agent: dict[str, Any]) -> None:
    clients = deployment.client("cloudwatch")
    (entry,) = clients.list_dashboards(DashboardNamePrefix=NAME)["DashboardEntries"]
    board = json.loads(clients.get_dashboard(DashboardName=entry["DashboardName"])["DashboardBody"])
    alarms = {alarm["AlarmArn"]: alarm for alarm in clients.describe_alarms()["MetricAlarms"]}
    shown = [arn for widget in board["widgets"] for arn in widget["properties"].get("alarms", [])]
    assert shown
    assert set(shown) <= alarms.keys()
    assert all(agent["topic_arn"] in alarms[arn]["AlarmActions"] for arn in shown)


def test_the_agent_told_people_under_its_own_role(deployment: Deployment) -> None:
    assert_used(deployment, __file__)
