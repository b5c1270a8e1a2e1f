"""Who has nothing left to spend is not let in, on any host, and no worker takes his runs."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.checkpoint_table import CheckpointTable
from agent_runtime.errors import CapReached, CheckpointUnavailable
from agent_runtime.hosts.job import JobDone
from agent_runtime.hosts.queue import RunMessage
from agent_runtime.records import RunStatus, Usage
from agent_runtime.run import Run
from agent_runtime.runner import Runner
from agent_runtime.spend.caps import SpendCaps, WindowCaps, nanos, seconds_left, windows_at
from agent_runtime.spend.room import LOOK_SECONDS, Room, full, refused_mark
from tests.runtime.doors import Door
from tests.runtime.faulty import FaultyClient
from tests.runtime.lambdas import Api
from tests.runtime.pretended import TABLE
from tests.runtime.test_ledger import lease

NOW = 1_800_000_000.0
DAY = windows_at(NOW)
QUESTION = {"input": {"question": "why?"}}
SUMS = st.integers(0, nanos(10))


@given(spent=SUMS, refused=SUMS, cap=st.floats(0.01, 10))
def test_a_cap_is_full_when_it_is_used_or_leaves_too_little_for_what_it_refused(
    spent: int, refused: int, cap: float
) -> None:
    day, caps = {"day": spent, refused_mark("day"): refused}, WindowCaps(day_usd=cap)
    found = full("tenant", day, caps, DAY, NOW)
    left = nanos(cap) - spent
    if left <= 0:
        assert found is not None
    elif found is not None:
        assert refused > left, "a call of that size would fit"
        assert 2 * spent >= nanos(cap), "one who asks for too much shuts nobody out"


@given(st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1)), st.sampled_from(["hour", "day", "month"]))
def test_a_window_is_over_when_it_says_so_and_not_before(at: datetime, window: str) -> None:
    def name(moment: datetime) -> str:
        return moment.isoformat()[: {"hour": 13, "day": 10, "month": 7}[window]]

    at = at.replace(tzinfo=UTC, microsecond=0)
    seconds = seconds_left(window, at.timestamp())
    assert name(at + timedelta(seconds=seconds)) != name(at) == name(at + timedelta(seconds=seconds - 1))


def room(aws: Any, **caps: Any) -> Room:
    return aws.ledger(caps).room


def test_who_was_refused_for_lack_of_room_is_full_until_what_is_reserved_comes_back(aws: Any) -> None:
    caps = {"tenant": {"day_usd": 0.1}}
    ledger, watching = aws.ledger(caps), room(aws, **caps)
    hold = ledger.reserve(lease(), "acme", 0.06, 30)
    watching.check("acme")
    with pytest.raises(CapReached):
        ledger.reserve(lease(), "acme", 0.06, 30)
    aws.clock.now += LOOK_SECONDS
    with pytest.raises(CapReached) as refused:
        watching.check("acme")
    assert (refused.value.scope, refused.value.window) == ("tenant", "day")
    assert refused.value.retry_after_seconds == seconds_left("day", aws.clock.now)
    watching.check("other")
    ledger.settle(hold, Usage(1, 1, 0.03, 1), "b1")
    aws.clock.now += LOOK_SECONDS
    watching.check("acme")


def test_a_call_that_fits_into_no_window_shuts_nobody_out(aws: Any) -> None:
    caps = {"tenant": {"day_usd": 0.1}}
    ledger = aws.ledger(caps)
    ledger.reserve(lease(), "acme", 0.06, 30)
    with pytest.raises(CapReached):
        ledger.reserve(lease(), "acme", 1.0, 30)
    room(aws, **caps).check("acme")


def test_a_full_agent_is_full_for_every_tenant_and_is_looked_at_each_five_seconds(
    aws: Any,
) -> None:
    caps = {"agent": {"hour_usd": 0.1}}
    watching = room(aws, **caps)
    watching.check("acme")
    aws.ledger(caps).reserve(lease(), "acme", 0.1, 1)
    watching.check("other")
    aws.clock.now += LOOK_SECONDS
    for tenant in ("acme", "other"):
        with pytest.raises(CapReached) as refused:
            watching.check(tenant)
        assert refused.value.scope == "agent"
    aws.clock.now += 3600
    watching.check("acme")


def test_a_table_that_does_not_answer_lets_nobody_in(aws: Any) -> None:
    client = FaultyClient(aws.dynamodb)
    client.lost["get_item"] = 9
    caps = SpendCaps.model_validate({"tenant": {"day_usd": 1}})
    watching = Room(CheckpointTable(client, TABLE), "answers", caps, clock=aws.clock)
    with pytest.raises(CheckpointUnavailable):
        watching.check("acme")


def spend_all(aws: Any, caps: dict[str, Any], tenant: str = "acme") -> None:
    ledger = aws.ledger(caps)
    ledger.settle(ledger.reserve(lease(tenant=tenant), tenant, 0.1, 30), Usage(1, 1, 0.1, 1), "b1")


CAPS: dict[str, Any] = {"tenant": {"day_usd": 0.1}}


def test_the_front_door_refuses_a_full_tenant_and_says_when_to_ask_again(door: Door) -> None:
    door.has_caps(**CAPS)
    spend_all(door.aws, CAPS)
    status, problem, headers = door.post(QUESTION)
    assert (status, problem["type"]) == (429, "urn:agent-hosting:problem:cap-reached")
    assert int(headers["retry-after"]) == seconds_left("day", door.aws.clock.now)
    assert door.messages() == []
    assert door.post(QUESTION, tenant="other")[0] == 202


def test_lambda_refuses_a_full_tenant_before_anything_is_written(api: Api, http_event: Any) -> None:
    api.caps = CAPS
    spend_all(api.aws, CAPS)
    before = len(api.aws.items())
    status, problem, headers = api(http_event(body=QUESTION))
    assert (status, problem["type"]) == (429, "urn:agent-hosting:problem:cap-reached")
    assert int(headers["retry-after"]) > 0
    assert len(api.aws.items()) == before
    assert api(http_event(body=QUESTION, claims={"tenant": "other"}))[0] == 200


def submitted(aws: Any, bundle_id: str, tenant: str = "acme") -> RunMessage:
    message = RunMessage("answers", "1" * 32, tenant, bundle_id)
    aws.store().submit(run_id=message.run_id, tenant=tenant, input={"question": "why?"}, bundle_id=bundle_id)
    aws.queue().send(message)
    return message


def work(aws: Any, runner: Runner, bundle_id: str) -> JobDone:
    (received,) = aws.queue().receive(1, 0, 30)
    done = aws.work_on(received, runner, bundle_id)
    if done.deletes:
        aws.queue().delete([received.receipt_handle])
    return done


def delayed(aws: Any) -> int:
    name = "ApproximateNumberOfMessagesDelayed"
    reply = aws.sqs.get_queue_attributes(QueueUrl=aws.queue().url, AttributeNames=[name])
    return int(reply["Attributes"][name])


def once(run: Run) -> dict[str, Any]:
    return {"said": run.model(messages=[{"role": "user", "content": "x"}]).text}


def test_a_worker_parks_the_runs_of_a_full_tenant_and_takes_them_when_there_is_room(
    aws: Any, model: Any, make_bundle: Any
) -> None:
    bundle = make_bundle()
    runner = aws.runner(once, model, bundle, caps=CAPS)
    spend_all(aws, CAPS)
    message = submitted(aws, bundle.bundle_id)
    assert work(aws, runner, bundle.bundle_id).deletes
    record = aws.store().get_run("acme", message.run_id)
    assert (record.status, record.takes) == (RunStatus.PARKED, 0), "nobody has taken it"
    assert "tenant's cap of this day" in record.error
    assert model.requests == []
    assert delayed(aws) == 1, "it comes back"
    aws.clock.now += 86_400
    aws.queue().send(message)
    assert work(aws, runner, bundle.bundle_id).outcome is not None
    assert aws.store().get_run("acme", message.run_id).status is RunStatus.DONE


def test_a_parked_run_of_a_full_tenant_is_found_by_the_reaper(aws: Any, model: Any, make_bundle: Any) -> None:
    bundle = make_bundle()
    spend_all(aws, CAPS)
    message = submitted(aws, bundle.bundle_id)
    work(aws, aws.runner(once, model, bundle, caps=CAPS), bundle.bundle_id)
    head = aws.store().find_head("acme", message.run_id)
    assert head["due_at"] > aws.clock.now * 1000
    assert head["due_shard"] == f"answers#{message.run_id[-1]}"


def test_a_full_tenants_run_that_has_ended_is_left_as_it_is(aws: Any, model: Any, make_bundle: Any) -> None:
    bundle = make_bundle()
    runner = aws.runner(once, model, bundle, caps=CAPS)
    message = submitted(aws, bundle.bundle_id)
    assert work(aws, runner, bundle.bundle_id).deletes
    spend_all(aws, {})
    aws.clock.now += LOOK_SECONDS
    aws.queue().send(message)
    assert work(aws, runner, bundle.bundle_id).deletes
    assert aws.store().get_run("acme", message.run_id).status is RunStatus.DONE


def test_a_door_that_cannot_see_the_sums_says_so(door: Door) -> None:
    door.has_caps(**CAPS)
    door.dynamodb.lost["get_item"] = 9
    status, problem, _ = door.post(QUESTION)
    assert (status, problem["type"]) == (503, "urn:agent-hosting:problem:checkpoints-unavailable")
