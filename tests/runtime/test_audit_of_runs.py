"""What people and runs leave on the trail, and what waits while it is down."""

import time
from typing import Any

import pytest

from agent_runtime.approvals import Decision
from agent_runtime.errors import ApprovalRefused, AuditUnavailable
from agent_runtime.people import cancel, decide
from agent_runtime.records import RunRequest, RunStatus
from agent_runtime.run import Run
from agent_runtime.runner import Runner
from tests.runtime.audit_world import Told

RUN = "0" * 32


@pytest.fixture
def trail() -> Told:
    return Told()


def run(aws: Any, agent: Any, bundle: Any, trail: Told) -> Any:
    plain = aws.runner(agent, None, bundle)
    made = Runner(
        agent,
        bundle=bundle,
        store=plain._store,
        brake=aws.brake(),
        secrets=aws.secrets(),
        models=plain._models,
        audit=trail,
    )
    return made.run(RunRequest(RUN, "acme", {}), lease_seconds=30, remaining_seconds=lambda: 30.0)


def asks(run: Run) -> dict[str, Any]:
    return {"may": run.approve("publish", summary="the text that nobody else may read")}


def test_a_question_and_its_answer_are_on_the_trail_and_not_what_was_asked(
    aws: Any, make_bundle: Any, trail: Told
) -> None:
    bundle, aws.clock.now = make_bundle(), time.time()  # runs have the real one
    assert run(aws, asks, bundle, trail).status is RunStatus.WAITING_APPROVAL
    decide(aws.store(), "acme", RUN, (1,), Decision("approve", "anna"), audit=trail)
    with pytest.raises(ApprovalRefused):
        decide(aws.store(), "acme", RUN, (1,), Decision("deny", "bert"), audit=trail)
    said = [(e["kind"], e.get("who"), e.get("verdict"), e["tenant"], e["run_id"]) for e in trail.entries]
    assert said == [
        ("approval-asked", None, None, "acme", RUN),
        ("approval-decided", "anna", "approve", "acme", RUN),
        ("approval-decided", "bert", "deny", "acme", RUN),
        ("approval-decided", "bert", "refused", "acme", RUN),
    ]
    assert trail.entries[-1]["reason"].startswith("anna has decided before")
    assert "nobody else may read" not in str(trail.entries)


def test_nothing_is_decided_while_the_trail_is_down(aws: Any, make_bundle: Any, trail: Told) -> None:
    run(aws, asks, make_bundle(), trail)
    trail.down = True
    with pytest.raises(AuditUnavailable):
        decide(aws.store(), "acme", RUN, (1,), Decision("approve", "anna"), audit=trail)
    trail.down = False
    assert run(aws, asks, make_bundle(), trail).status is RunStatus.WAITING_APPROVAL


def test_a_run_is_cancelled_though_the_trail_is_down(aws: Any, make_bundle: Any, trail: Told) -> None:
    run(aws, asks, make_bundle(), trail)
    trail.down = True
    with pytest.raises(AuditUnavailable):
        cancel(aws.store(), "acme", RUN, audit=trail, who="anna")
    head = aws.store().find_head("acme", RUN)
    assert head["status"] == "CANCELLED"
    assert cancel(aws.store(), "acme", RUN, audit=trail, who="anna") is RunStatus.CANCELLED


def test_a_run_whose_trail_cannot_be_kept_waits_and_is_done_once_it_can(
    aws: Any, make_bundle: Any, trail: Told
) -> None:
    trail.down = True
    assert (
        run(aws, lambda run: {"n": run.step("one", lambda: 1)}, make_bundle(), trail).status
        is RunStatus.PARKED
    )
    trail.down = False
    outcome = run(aws, lambda run: {"n": run.step("one", lambda: 2)}, make_bundle(), trail)
    assert (outcome.status, outcome.output) == (RunStatus.DONE, {"n": 1})
