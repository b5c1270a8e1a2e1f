"""Runs that are put aside as candidates for the evaluation set."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.bundle import Bundle
from agent_runtime.outcomes import RunOutcome
from agent_runtime.records import Lease, RunStatus, Usage
from agent_runtime.samples import Sample, Sampler, SampleStore, belongs
from agent_runtime.traffic import WHOLE, place
from tests.runtime.faulty import FaultyClient
from tests.runtime.pretended import Aws
from tests.runtime.test_lambda_host import QUESTION, Api

NOW = 1_800_000_000.25
RUN = "7" * 32


def outcome(status: RunStatus = RunStatus.DONE, run_id: str = RUN, **changes: Any) -> RunOutcome:
    lease = Lease(f"answers#acme#{run_id}", "answers/acme", 1, "b", 1_900_000_000)
    held: dict[str, Any] = {"lease": lease, "tenant": "acme", **changes}
    return RunOutcome(run_id, status, "a" * 12, {"answer": "secret"}, (), Usage(), Usage(), **held)


@pytest.fixture
def samples(aws: Aws, faulty: FaultyClient) -> SampleStore:
    return SampleStore(aws.store(faulty).table, "answers")


def test_a_sample_is_a_pointer_that_expires_with_its_run_and_holds_no_content(
    aws: Aws, samples: SampleStore
) -> None:
    Sampler(samples, WHOLE).see(outcome(), NOW)
    assert aws.items() == [
        {
            "pk": {"S": "answers#samples"},
            "sk": {"S": f"001800000000250#{RUN}"},
            "schema_version": {"N": "1"},
            "tenant": {"S": "acme"},
            "run_id": {"S": RUN},
            "bundle_id": {"S": "a" * 12},
            "finished_at": {"N": "1800000000250"},
            "expires_at": {"N": "1900000000"},
        }
    ]
    assert samples.since() == [Sample("acme", RUN, "a" * 12, 1_800_000_000_250, 1_900_000_000)]


@pytest.mark.parametrize("status", sorted(set(RunStatus) - {RunStatus.DONE}))
def test_runs_that_are_not_done_are_not_put_aside(aws: Aws, samples: SampleStore, status: RunStatus) -> None:
    Sampler(samples, WHOLE).see(outcome(status), NOW)
    assert aws.items() == []


def test_a_run_that_was_done_before_is_not_put_aside_again(aws: Aws, samples: SampleStore) -> None:
    Sampler(samples, WHOLE).see(outcome(lease=None), NOW)
    assert aws.items() == []


def test_the_newest_come_first_and_no_more_than_wanted(samples: SampleStore) -> None:
    for number in range(5):
        Sampler(samples, WHOLE).see(outcome(run_id=f"{number:032x}"), NOW + number)
    found = samples.since(most=3)
    assert [sample.run_id for sample in found] == [f"{number:032x}" for number in (4, 3, 2)]
    assert samples.since(found[0].sort_key) == found[:1]


def test_a_sample_that_cannot_be_written_fails_no_run(
    aws: Aws, samples: SampleStore, faulty: FaultyClient, caplog: pytest.LogCaptureFixture
) -> None:
    faulty.lost["put_item"] = 3
    Sampler(samples, WHOLE).see(outcome(), NOW)
    assert "run not put aside" in caplog.text


@given(st.text(min_size=1), st.integers(0, WHOLE), st.integers(0, WHOLE))
def test_whoever_belongs_to_a_share_belongs_to_each_larger_one(run_id: str, one: int, other: int) -> None:
    small, large = sorted((one, other))
    assert belongs(run_id, large) or not belongs(run_id, small)
    assert belongs(run_id, WHOLE)
    assert not belongs(run_id, 0)


def test_the_share_is_kept_and_has_nothing_to_do_with_the_division_of_traffic() -> None:
    runs = [f"{number:032x}" for number in range(20_000)]
    put_aside = [run for run in runs if belongs(run, 500)]
    assert 0.045 < len(put_aside) / len(runs) < 0.055
    candidates = [run for run in put_aside if place(run) < 500]
    assert 0.02 < len(candidates) / len(put_aside) < 0.08


def test_the_host_of_turns_puts_runs_aside_once(
    aws: Aws, model: Any, make_bundle: Callable[..., Bundle], http_event: Callable[..., dict[str, Any]]
) -> None:
    api = Api(aws, model, make_bundle())
    api.sample_basis_points = WHOLE
    event = http_event(body=QUESTION, headers={"idempotency-key": "k-1"})
    run_id = api(event)[1]["run_id"]
    aws.clock.now += 60
    assert api(event)[0] == 200
    (found,) = SampleStore(aws.store().table, "answers").since()
    head = aws.store().find_head("acme", run_id)
    assert head is not None
    assert (found.run_id, found.tenant, found.expires_at) == (run_id, "acme", head["expires_at"])


def test_a_run_that_failed_is_no_candidate(
    aws: Aws, model: Any, make_bundle: Callable[..., Bundle], http_event: Callable[..., dict[str, Any]]
) -> None:
    api = Api(aws, model, make_bundle())
    api.sample_basis_points, api.agent = WHOLE, lambda _: {}["absent"]
    assert api(http_event(body=QUESTION))[0] >= 500
    assert SampleStore(aws.store().table, "answers").since() == []
