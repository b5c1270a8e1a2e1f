"""Which host an agent gets."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_hosting.hosting import Host, RunProfile, choose, misfit

SECONDS = st.floats(0.001, 1e6)
PROFILES: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {"longest_run_seconds": SECONDS},
    optional={
        "keeps_state_in_memory": st.booleans(),
        "peak_runs_per_minute": st.floats(0.001, 1e7),
        "needs_file_system": st.booleans(),
        "memory_mb": st.floats(0.001, 1e6),
    },
)


@pytest.mark.parametrize(
    ("profile", "host", "reason"),
    [
        ({"longest_run_seconds": 1}, Host.LAMBDA, "turns of up to 1 s"),
        ({"longest_run_seconds": 29}, Host.LAMBDA, "turns of up to 29 s"),
        ({"longest_run_seconds": 29.001}, Host.ECS, "outlasts an HTTP call (29 s)"),
        ({"longest_run_seconds": 1200}, Host.ECS, "1200 s"),
        ({"longest_run_seconds": 10, "peak_runs_per_minute": 6000}, Host.LAMBDA, "turns"),
        ({"longest_run_seconds": 10, "peak_runs_per_minute": 6001}, Host.ECS, "concurrency"),
        ({"longest_run_seconds": 20, "peak_runs_per_minute": 3000}, Host.LAMBDA, "turns"),
        ({"longest_run_seconds": 20, "peak_runs_per_minute": 3001}, Host.ECS, "concurrency"),
        ({"longest_run_seconds": 1, "keeps_state_in_memory": True}, Host.EKS, "memory"),
        ({"longest_run_seconds": 1, "keeps_state_in_memory": False}, Host.LAMBDA, "turns"),
        ({"longest_run_seconds": 1, "needs_file_system": True}, Host.EKS, "persistent volume"),
        ({"longest_run_seconds": 1, "needs_file_system": False}, Host.LAMBDA, "turns"),
        ({"longest_run_seconds": 1, "memory_mb": 10_240}, Host.LAMBDA, "turns"),
        ({"longest_run_seconds": 1, "memory_mb": 10_241}, Host.ECS, "10241 MB are more than a function has"),
        ({"longest_run_seconds": 1, "memory_mb": 122_880}, Host.ECS, "more than a function has (10240 MB)"),
        ({"longest_run_seconds": 1, "memory_mb": 122_881}, Host.EKS, "more than a task on Fargate has"),
    ],
)
def test_the_cheapest_host_that_does_it_is_chosen_and_says_why(
    profile: RunProfile, host: Host, reason: str
) -> None:
    chosen = choose(profile)
    assert chosen.host is host
    assert reason in chosen.reason


@pytest.mark.parametrize(
    ("host", "profile", "field", "fitting"),
    [
        (Host.LAMBDA, {"longest_run_seconds": 870}, None, None),
        (Host.LAMBDA, {"longest_run_seconds": 870.5}, "longest_run_seconds", Host.ECS),
        (Host.LAMBDA, {"longest_run_seconds": 1200}, "longest_run_seconds", Host.ECS),
        (Host.ECS, {"longest_run_seconds": 86400}, None, None),
        (Host.ECS, {"longest_run_seconds": 1}, None, None),
        (Host.EKS, {"longest_run_seconds": 86400, "keeps_state_in_memory": True}, None, None),
        (
            Host.LAMBDA,
            {"longest_run_seconds": 1, "keeps_state_in_memory": True},
            "keeps_state_in_memory",
            Host.EKS,
        ),
        (
            Host.ECS,
            {"longest_run_seconds": 1, "keeps_state_in_memory": True},
            "keeps_state_in_memory",
            Host.EKS,
        ),
        (Host.LAMBDA, {"longest_run_seconds": 1, "needs_file_system": True}, "needs_file_system", Host.EKS),
        (Host.ECS, {"longest_run_seconds": 1, "needs_file_system": True}, "needs_file_system", Host.EKS),
        (Host.LAMBDA, {"longest_run_seconds": 1, "memory_mb": 10_241}, "memory_mb", Host.ECS),
        (Host.ECS, {"longest_run_seconds": 1, "memory_mb": 122_881}, "memory_mb", Host.EKS),
        (Host.EKS, {"longest_run_seconds": 1, "memory_mb": 1e6}, None, None),
    ],
)
def test_an_override_is_impossible_only_where_the_host_cannot_do_it(
    host: Host, profile: RunProfile, field: str | None, fitting: Host | None
) -> None:
    wrong = misfit(host, profile)
    assert (wrong and wrong.field, wrong and wrong.fitting) == (field, fitting)


@given(PROFILES)
def test_the_chosen_host_is_never_a_misfit(profile: RunProfile) -> None:
    assert misfit(choose(profile).host, profile) is None


@given(PROFILES, st.sampled_from(Host))
def test_the_host_that_is_said_to_fit_does_fit(profile: RunProfile, host: Host) -> None:
    wrong = misfit(host, profile)
    if wrong is not None:
        assert wrong.fitting is not host
        assert misfit(wrong.fitting, profile) is None


@given(SECONDS, SECONDS)
def test_a_longer_run_never_moves_an_agent_back_to_lambda(one: float, other: float) -> None:
    short, long = (choose({"longest_run_seconds": seconds}).host for seconds in sorted((one, other)))
    assert short is Host.LAMBDA or long is not Host.LAMBDA
