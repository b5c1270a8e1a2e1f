"""The runs of a schedule: charged to it, begun once for each time, and left out where none is left."""

from typing import Any

import pytest

from agent_runtime.brake import engage
from agent_runtime.hosts.problems import Problem
from agent_runtime.hosts.requests import schedule_request
from agent_runtime.spend.caps import SpendCaps
from tests.runtime.doors import Context, Door
from tests.runtime.lambdas import Api
from tests.runtime.pretended import CONTROL
from tests.runtime.test_room import spend_all

CALL = {"schedule": "nightly", "idempotency_key": "2027-01-15T06:00:00Z", "input": {"question": "why?"}}
TENANT = "schedule:nightly"
CAPS: dict[str, Any] = {"tenant": {"day_usd": 5}, "schedules": {"nightly": {"day_usd": 0.1}}}


def test_a_schedule_has_its_own_caps_or_those_of_a_tenant() -> None:
    caps = SpendCaps.model_validate(CAPS)
    assert caps.of_tenant(TENANT).day_usd == 0.1
    assert caps.of_tenant("schedule:weekly").day_usd == caps.of_tenant("nightly").day_usd == 5


def test_a_queue_gets_one_run_for_each_time_however_often_it_is_called(door: Door) -> None:
    answers = [door.submit.handle(CALL, Context()) for _ in range(2)]
    assert answers[0]["run_id"] == answers[1]["run_id"]
    (message,) = door.messages()
    assert (message["tenant"], message["run_id"]) == (TENANT, answers[0]["run_id"])
    later = door.submit.handle({**CALL, "idempotency_key": "2027-01-16T06:00:00Z"}, Context())
    assert later["run_id"] != answers[0]["run_id"]


def test_on_lambda_the_call_is_the_run(api: Api) -> None:
    reply = api.raw(CALL)
    assert reply["status"] == "DONE"
    assert api.aws.store().get_run(TENANT, reply["run_id"]).status.value == "DONE"


@pytest.mark.parametrize("host", ["lambda", "queue"])
def test_a_schedule_whose_cap_is_used_is_left_out_without_being_called_again(
    api: Api, door: Door, host: str
) -> None:
    spend_all(api.aws, CAPS, TENANT)
    api.caps = CAPS
    door.has_caps(**CAPS)
    reply = api.raw(CALL) if host == "lambda" else door.submit.handle(CALL, Context())
    assert reply["problem"]["type"] == "urn:agent-hosting:problem:cap-reached"
    assert door.messages() == []


def test_what_may_pass_is_an_error_so_that_the_call_comes_again(api: Api, door: Door) -> None:
    def fails(_run: Any) -> dict[str, Any]:
        raise RuntimeError

    api.agent = fails
    with pytest.raises(Problem):
        api.raw(CALL)
    door.dynamodb.lost["batch_get_item"] = 9
    with pytest.raises(Problem):
        door.submit.handle({**CALL, "idempotency_key": "another"}, Context())


@pytest.mark.parametrize(
    "change",
    [
        {"schedule": "no name"},
        {"schedule": 7},
        {"idempotency_key": None},
        {"tenant": "acme"},
        {"input": None},
    ],
)
def test_a_call_that_is_no_schedules_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Problem):
        schedule_request({**CALL, **change}, "answers")


def test_no_caller_is_a_schedule(api: Api, http_event: Any) -> None:
    body = {"input": {"question": "why?"}}
    assert api(http_event(body=body, claims={"tenant": TENANT}))[0] == 403
    assert api.raw({**body, "tenant": TENANT})["problem"]["status"] == 400


def runs(api: Api) -> list[dict[str, Any]]:
    return [item for item in api.aws.items() if item["sk"]["S"] == "run"]


def stop(api: Api) -> None:
    at = "2027-01-15T06:00:00.000Z"
    engage(api.aws.dynamodb, CONTROL, "answers", reason="spent", engaged_by="a test", engaged_at=at)
    api.aws.clock.now += 60  # what was known of the brake is old


def test_a_run_on_lambda_that_has_begun_is_called_again_until_it_is_over(api: Api) -> None:
    def asks(run: Any) -> dict[str, Any]:
        return {"sent": run.approve("send", summary="send it")}

    api.agent = asks
    for _ in range(2):
        with pytest.raises(Problem, match="not over"):
            api.raw(CALL)
    (run,) = runs(api)
    assert run["status"]["S"] == "WAITING_APPROVAL"


def test_a_run_on_lambda_that_the_brake_stops_in_its_midst_is_no_run_that_is_left_out(api: Api) -> None:
    def braked_in_the_midst(run: Any) -> dict[str, Any]:
        run.step("first", lambda: 1)
        stop(api)
        return {"second": run.step("second", lambda: 2)}

    api.agent = braked_in_the_midst
    with pytest.raises(Problem) as raised:
        api.raw(CALL)
    assert (raised.value.kind, raised.value.has_begun) == ("braked", True)


def test_a_schedule_of_a_braked_agent_is_left_out(api: Api) -> None:
    stop(api)
    assert api.raw(CALL)["problem"]["type"] == "urn:agent-hosting:problem:braked"
    assert runs(api) == []
