"""Thresholds at which a run is handed to a person, and what people are told."""

import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agent_runtime.approvals import Approval, Approvals, Decision
from agent_runtime.errors import ApprovalRefused, CapDenied, GuardTripped, Suspended
from agent_runtime.guards.thresholds import KINDS, Facts, Thresholds, history, reached
from agent_runtime.models.client import ModelClient
from agent_runtime.notices import Notices
from agent_runtime.open_runs import Wanted
from agent_runtime.people import cancel, decide
from agent_runtime.questions import PENDING, pending
from agent_runtime.records import RunStatus, path_from
from agent_runtime.run import Run
from agent_runtime.settings import Settings
from tests.runtime.durable import RUN, Durable
from tests.runtime.pretended import Aws

counts = st.integers(0, 200)
bounds = st.one_of(st.none(), st.integers(1, 50))
shares = st.sampled_from([None, 0.5])


@given(
    st.builds(
        Thresholds, max_steps=bounds, max_run_seconds=bounds, failed_tool_share=st.sampled_from([None, 0.5])
    ),
    st.builds(Facts, steps=counts, seconds=counts, tool_calls=counts, tool_errors=counts),
    st.dictionaries(st.sampled_from(KINDS), st.integers(0, 9)),
)
def test_a_run_is_handed_over_exactly_at_a_bound_that_is_set(
    thresholds: Thresholds, facts: Facts, allowed: dict[str, int]
) -> None:
    found = reached(thresholds, facts, allowed)
    if not thresholds.are_set:
        assert found is None
    if found is None:
        assert thresholds.max_steps is None or facts.steps < thresholds.max_steps * (
            1 + allowed.get("max_steps", 0)
        )
        assert thresholds.max_run_seconds is None or facts.seconds < thresholds.max_run_seconds
        return
    assert getattr(thresholds, found.kind) is not None
    assert found.path[2] == allowed.get(found.kind, 0) + 1
    # An approval of a count lets it go on, at least for another step.
    more = allowed | {found.kind: 200}
    again = reached(thresholds, facts, more)
    assert found.kind == "max_run_seconds" or again is None or again.kind != found.kind


@pytest.mark.parametrize(
    ("calls", "errors", "allowed", "is_reached"),
    [(4, 4, 0, False), (5, 2, 0, False), (5, 3, 0, True), (6, 6, 1, False), (10, 6, 1, True)],
)
def test_a_share_of_failures_needs_enough_calls(
    calls: int, errors: int, allowed: int, is_reached: bool
) -> None:
    found = reached(
        Thresholds(failed_tool_share=0.5), Facts(1, 1.0, calls, errors), {"failed_tool_share": allowed}
    )
    assert (found is not None) is is_reached


def test_only_approvals_of_thresholds_allow_more() -> None:
    paths = ["000002", "000000.000011.000001", "000000.000001.000001", "000000.000013.000001"]
    items = [
        {"decision": "approve", "decided_at": 1_000},
        {"decision": "approve", "decided_at": 2_000},
        {"decision": "approve", "decided_at": 9_000},
        {"decision": "PENDING"},
    ]
    found = history(items, [path_from(path) for path in paths])
    assert (found.allowed, found.decided_at) == ({"max_steps": 1}, 9.0)


@pytest.mark.parametrize("wrong", [{"max_steps": 0}, {"failed_tool_share": 1.1}, {"max_seconds": 5}])
def test_thresholds_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Thresholds(**wrong)


def test_a_host_reads_them_from_its_environment() -> None:
    environ = {
        "AGENT_NAME": "a",
        "AGENT_ENVIRONMENT": "e",
        "AGENT_CHECKPOINT_TABLE": "t",
        "AGENT_CHECKPOINT_BUCKET": "b",
        "AGENT_CONTROL_TABLE": "c",
        "AGENT_ESCALATE": '{"max_steps": 7}',
        "AGENT_NOTICE_TOPIC": "arn:t",
    }
    found = Settings.from_environment(environ)
    assert (found.escalate, found.notice_topic) == (Thresholds(max_steps=7), "arn:t")


class Topic:
    """SNS as far as notices use it."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.is_down = False

    def publish(self, **request: Any) -> None:
        if self.is_down:
            raise ClientError({"Error": {"Code": "InternalError"}}, "Publish")
        self.told.append(request)


def taken(durable: Durable, thresholds: Thresholds) -> Run:
    run = durable.take()
    return Run(
        _opened(durable, run),
        run.lease,
        bundle=durable.bundle,
        store=durable.store,
        brake=durable.aws.brake(),
        secrets=durable.aws.secrets(),
        models=ModelClient(durable.bundle.model, durable.model),
        remaining_seconds=lambda: 100.0,
        clock=durable.aws.clock,
        escalate=thresholds,
    )


def _opened(durable: Durable, run: Run) -> Any:
    record = durable.store.get_run("acme", RUN)
    opened: Any = type("Opened", (), {})()
    opened.record, opened.recorded = record, run.progress.recorded
    return opened


def steps(durable: Durable, count: int) -> Any:
    def agent(run: Run) -> dict[str, Any]:
        return {"x": [run.step(f"s-{n}", durable.note, f"s-{n}", str(n)) for n in range(count)]}

    return agent


def suspended(error: Exception | None) -> Suspended:
    assert isinstance(error, Suspended), error
    return error


def test_a_run_with_too_many_steps_is_handed_over_and_may_have_as_many_again(durable: Durable) -> None:
    thresholds, agent = Thresholds(max_steps=3), steps(durable, 7)
    for times in (1, 2):
        error = suspended(durable.work(agent, taken(durable, thresholds)).error)
        assert (error.status, error.asked) == (RunStatus.WAITING_APPROVAL, (0, 11, times))
        assert sum(durable.executed.values()) == 3 * times
        decide(durable.store, "acme", RUN, (0, 11, times), Decision("approve", "ann"))
    assert durable.work(agent, taken(durable, thresholds)).output == {"x": list("0123456")}
    assert set(durable.executed.values()) == {1}


def test_a_person_who_says_no_ends_it(durable: Durable) -> None:
    thresholds, agent = Thresholds(max_steps=1), steps(durable, 2)
    durable.work(agent, taken(durable, thresholds))
    decide(durable.store, "acme", RUN, (0, 11, 1), Decision("deny", "ann"))
    assert isinstance(durable.work(agent, taken(durable, thresholds)).error, CapDenied)


def test_time_counts_from_the_last_decision_whatever_it_was_about(durable: Durable) -> None:
    def agent(run: Run) -> dict[str, Any]:
        is_approved = run.approve("publish", summary="it")
        done = run.step("after", durable.note, "after")
        durable.aws.clock.now += 120
        return {"x": [is_approved, done, run.step("last", durable.note, "last")]}

    thresholds = Thresholds(max_run_seconds=100)
    assert suspended(durable.work(agent, taken(durable, thresholds)).error).asked == (1,)
    durable.aws.clock.now += 5_000
    decide(durable.store, "acme", RUN, (1,), Decision("approve", "ann"))
    error = suspended(durable.work(agent, taken(durable, thresholds)).error)
    assert (error.asked, durable.executed) == ((0, 12, 1), {"after": 1})


def test_failures_that_the_agent_swallows_are_counted(durable: Durable) -> None:
    def fails() -> None:
        raise ValueError

    def agent(run: Run) -> dict[str, Any]:
        for n in range(9):
            try:
                run.step(f"call-{n}", fails)
            except ValueError:
                durable.note("failed")
        return {}

    error = suspended(
        durable.work(agent, taken(durable, Thresholds(failed_tool_share=0.9, min_tool_calls=4))).error
    )
    assert (error.asked, durable.executed["failed"]) == ((0, 13, 1), 4)
    assert "4 of its 4 tool calls failed" in str(error)


def test_people_are_told_of_a_question_once_though_its_worker_died_and_without_what_was_said(
    durable: Durable,
) -> None:
    def agent(run: Run) -> dict[str, Any]:
        return {"x": run.approve("publish", summary="the secret report")}

    topic = Topic()
    notices = Notices(durable.store.table, "answers", topic, "arn:topic", durable.aws.clock)
    topic.is_down = True
    for _ in range(3):
        run = durable.take()
        notices.of(run.lease, RUN, "acme", durable.work(agent, run).error)
        topic.is_down = False
    (told,) = topic.told
    assert told["TopicArn"] == "arn:topic"
    assert told["MessageAttributes"]["notice"]["StringValue"] == "approval-asked"
    assert f"agent-hosting approvals show {RUN}.000001" in told["Message"]
    assert "secret" not in told["Message"]


@pytest.mark.parametrize(
    ("error", "kinds"),
    [
        (GuardTripped("loop", "a private reason"), ["run-parked"]),
        (Suspended("sleeps", "SLEEPING", 0.0), []),
        (ValueError("x"), []),
        (None, []),
    ],
)
def test_only_what_waits_for_a_person_is_told(
    durable: Durable, error: Exception | None, kinds: list[str]
) -> None:
    topic = Topic()
    lease = durable.take().lease
    Notices(durable.store.table, "answers", topic, "arn:topic").of(lease, RUN, "acme", error)
    assert [told["MessageAttributes"]["notice"]["StringValue"] for told in topic.told] == kinds
    assert "private" not in str(topic.told)


def test_an_escalation_is_told_as_one(durable: Durable) -> None:
    topic = Topic()
    run = taken(durable, Thresholds(max_steps=1))
    error = durable.work(steps(durable, 2), run).error
    Notices(durable.store.table, "answers", topic, "arn:topic", durable.aws.clock).of(
        run.lease, RUN, "acme", error
    )
    assert topic.told[0]["Subject"] == "answers: escalated"


@pytest.mark.parametrize("dynamodb", ["dynamodb-local"], indirect=True)
def test_of_many_answers_at_once_one_counts_and_all_others_are_told_whose(aws: Aws) -> None:
    store = aws.store()
    store.submit(run_id=RUN, tenant="acme", input={}, bundle_id="b")
    lease: Any = store.take_run(run_id=RUN, tenant="acme", bundle_id="b", lease_seconds=60).lease
    Approvals(store.table, aws.clock).ask(lease, Approval(RUN, (1,), "publish", "it", aws.clock.now + 60))
    said: list[str] = []
    barrier = threading.Barrier(8)

    def answer(number: int) -> None:
        barrier.wait(30)
        try:
            decide(
                aws.store(), "acme", RUN, (1,), Decision("approve" if number % 2 else "deny", f"p-{number}")
            )
            said.append(f"p-{number}")
        except ApprovalRefused as error:
            said.append(str(error))

    threads = [threading.Thread(target=answer, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    winners = [word for word in said if word.startswith("p-") and " " not in word]
    assert len(winners) == 1
    assert sum(word.startswith(f"{winners[0]} has decided before") for word in said) == 7


def test_late_answers_and_answers_to_ended_runs_are_refused_with_the_reason(durable: Durable) -> None:
    def agent(run: Run) -> dict[str, Any]:
        return {"x": run.approve("publish", summary="it", expires_in_seconds=60)}

    run = durable.take()
    error = suspended(durable.work(agent, run).error)
    durable.store.leased.suspend(run.lease, RunStatus.WAITING_APPROVAL, due_at=error.due_at, error=str(error))
    (asked,) = pending(durable.store, Wanted())
    assert (asked.verdict, asked.kind, asked.tenant, asked.summary) == (PENDING, "approval", "acme", "it")
    with pytest.raises(ApprovalRefused, match="'happened' does not answer it: it takes approve, deny"):
        decide(durable.store, "acme", RUN, (1,), Decision("happened", "ann"))
    durable.aws.clock.now += 61
    with pytest.raises(ApprovalRefused, match="the time for a decision is over"):
        decide(durable.store, "acme", RUN, (1,), Decision("approve", "ann"))
    assert list(pending(durable.store, Wanted())) == []
    assert durable.result(agent) == {"x": False}
    cancel(durable.store, "acme", RUN)
    with pytest.raises(ApprovalRefused, match="is CANCELLED, and nobody: the time for it was over has dec"):
        decide(durable.store, "acme", RUN, (1,), Decision("approve", "ann"))
