"""The chooser: an agent on the host that fits, which says why."""

from typing import Any

import pytest

from agent_hosting import Agent, EcsAgent, EksAgent, LambdaAgent
from agent_hosting._validation import InputError, Inputs
from agent_hosting.agent import decide
from agent_hosting.hosting import Host
from tests.components.recorder import refused, run
from tests.components.samples import CLUSTER, ON_ECS, PLATFORM, bundle_id, making


def chosen(**given: Any) -> Any:
    return decide(given, Inputs("Agent", "handbook", given))  # type: ignore[arg-type]


def test_an_agent_with_short_turns_is_a_lambda_agent_of_the_same_name(source: str) -> None:
    program = run(making(Agent, "handbook", source))
    hosted = program.one("LambdaAgent")
    assert (hosted.name, hosted.parent_name) == ("handbook", "handbook")
    outputs = program.outputs_of("Agent")
    assert outputs["host"] == "lambda"
    assert (
        outputs["hosting_reason"]
        == "turns of up to 20 s answer within one HTTP call, and idle time costs nothing"
    )


def test_the_agents_outputs_are_those_of_its_host(source: str) -> None:
    program = run(making(Agent, "handbook", source))
    agent, hosted = program.outputs_of("Agent"), program.outputs_of("LambdaAgent")
    shared = set(agent) & set(hosted)
    assert {key: agent[key] for key in shared} == {key: hosted[key] for key in shared}
    own = {"host", "hosting_reason"}
    assert set(agent) - shared - own == {
        "cluster_name",
        "namespace",
        "service_names",
        "queue_urls",
        "dead_letter_queue_urls",
    }
    assert (agent["cluster_name"], agent["queue_urls"]) == ("", {})
    assert agent["bundle_id"] == bundle_id(source)


def test_every_input_reaches_the_host(source: str) -> None:
    """What the chooser makes is what one would have made by hand."""
    through = run(making(Agent, "handbook", source, memory_mb=1024, environment="dev", tools=["search"]))
    by_hand = run(
        making(
            LambdaAgent,
            "handbook",
            source,
            memory_mb=1024,
            environment="dev",
            tools=["search"],
            turn_timeout_seconds=20,
        )
    )
    assert {(r.type, r.name): r.inputs for r in through.resources if r.custom} == {
        (r.type, r.name): r.inputs for r in by_hand.resources if r.custom
    }


def test_an_agent_with_long_runs_is_an_ecs_agent_of_the_same_name(source: str) -> None:
    profile = {"longest_run_seconds": 7200}
    program = run(making(Agent, "handbook", source, **ON_ECS, run_profile=profile))
    hosted = program.one("EcsAgent")
    assert (hosted.name, hosted.parent_name) == ("handbook", "handbook")
    agent, outputs = program.outputs_of("Agent"), program.outputs_of("EcsAgent")
    assert {key: agent[key] for key in outputs} == outputs
    assert agent["host"] == "ecs"
    assert agent["hosting_reason"].startswith("a run of 7200 s outlasts an HTTP call")
    (oldest,) = (a for a in program.all("MetricAlarm") if a.name.endswith("-oldest"))
    assert oldest.inputs["threshold"] == 7200 + 900, "the profile says how old a run may get"


def test_what_the_chooser_makes_on_ecs_is_what_one_would_have_made_by_hand(source: str) -> None:
    given = {**ON_ECS, "max_workers": 3, "spot_share": 0.5, "environment": "dev"}
    through = run(making(Agent, "handbook", source, host="ecs", run_profile=None, **given))
    own = {"releases": [{"source": source}], "secret_variables": None}
    by_hand = run(making(EcsAgent, "handbook", source, **own, **given))
    assert {(r.type, r.name): r.inputs for r in through.resources if r.custom} == {
        (r.type, r.name): r.inputs for r in by_hand.resources if r.custom
    }


@pytest.mark.parametrize(
    ("profile", "reason"),
    [
        ({"longest_run_seconds": 20, "keeps_state_in_memory": True}, "sessions keep state in memory"),
        ({"longest_run_seconds": 20, "needs_file_system": True}, "runs need files that outlive them"),
        ({"longest_run_seconds": 20, "memory_mb": 200_000}, "200000 MB are more than a task on Fargate has"),
    ],
)
def test_an_agent_that_keeps_state_is_an_eks_agent_of_the_same_name(
    source: str, profile: Any, reason: str
) -> None:
    shared = {**ON_ECS, "platform": PLATFORM, "cluster": CLUSTER}
    program = run(making(Agent, "handbook", source, run_profile=profile, **shared))
    hosted = program.one("EksAgent")
    assert (hosted.name, hosted.parent_name) == ("handbook", "handbook")
    agent, outputs = program.outputs_of("Agent"), program.outputs_of("EksAgent")
    assert {key: agent[key] for key in outputs} == outputs
    assert agent["host"] == "eks"
    assert agent["hosting_reason"].startswith(reason)


def test_what_the_chooser_makes_on_eks_is_what_one_would_have_made_by_hand(source: str) -> None:
    given = {**ON_ECS, "platform": PLATFORM, "cluster": CLUSTER, "max_pods": 3, "environment": "dev"}
    through = run(making(Agent, "handbook", source, host="eks", run_profile=None, **given))
    own = {"releases": [{"source": source}], "gateway": None, "destinations": None}
    by_hand = run(making(EksAgent, "handbook", source, **own, **given))
    assert {(r.type, r.name): r.inputs for r in through.resources if r.custom} == {
        (r.type, r.name): r.inputs for r in by_hand.resources if r.custom
    }


@pytest.mark.parametrize(
    ("host", "given", "users"),
    [
        ("ecs", {"turn_timeout_seconds": 20}, "'lambda' and 'eks' do"),
        ("ecs", {"reserved_concurrency": 5}, "'lambda' does"),
        ("lambda", {"max_workers": 5}, "'ecs' does"),
        ("lambda", {"secret_variables": {"API_KEY": "api-key"}}, "'ecs' does"),
        ("lambda", {"max_receives": 5}, "'ecs' and 'eks' do"),
        ("lambda", {"volume_gb": 5}, "'eks' does"),
        ("eks", {"secret_variables": {"API_KEY": "api-key"}}, "'ecs' does"),
        ("eks", {"cpu_units": 512}, "'ecs' does"),
    ],
)
def test_an_input_that_the_host_does_not_use_is_refused_with_the_host_that_does(
    source: str, host: str, given: dict[str, Any], users: str
) -> None:
    more = ON_ECS if host != "lambda" else {}
    said = refused(making(Agent, "handbook", source, host=host, run_profile=None, **more, **given))
    ((key, value),) = given.items()
    reason = f"the host '{host}' does not use it, {users}"
    assert said == f"Agent 'handbook': {key} is {value!r}; {reason}. Leave it out."


def test_an_override_says_that_it_was_asked_for(source: str) -> None:
    program = run(making(Agent, "handbook", source, host="lambda", run_profile={"longest_run_seconds": 25}))
    assert program.one("Function", "handbook").inputs["timeout"] == 26, "the profile bounds the turn"
    assert program.outputs_of("Agent")["hosting_reason"] == "host: lambda was asked for"


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ({"run_profile": {"longest_run_seconds": 5}}, Host.LAMBDA),
        ({"run_profile": {"longest_run_seconds": 500}}, Host.ECS),
        ({"run_profile": {"longest_run_seconds": 5, "needs_file_system": True}}, Host.EKS),
        ({"host": "ecs"}, Host.ECS),
        ({"host": Host.EKS, "run_profile": {"longest_run_seconds": 5}}, Host.EKS),
    ],
)
def test_the_profile_decides_unless_a_host_is_named(given: dict[str, Any], host: Host) -> None:
    assert chosen(**given).host is host


def test_a_twenty_minute_run_on_lambda_is_refused_with_the_limit_and_the_host_that_fits() -> None:
    with pytest.raises(InputError) as caught:
        chosen(host="lambda", run_profile={"longest_run_seconds": 1200})
    assert str(caught.value) == (
        "Agent 'handbook': run_profile.longest_run_seconds is 1200; Lambda takes runs of 870 s at most. "
        "The host that fits is 'ecs'."
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "run_profile is None; a run profile or a host is needed. Say how long the longest run takes."),
        ({"host": "gpu"}, "host is 'gpu'; it is one of lambda, ecs, eks. "),
        (
            {"run_profile": {"keeps_state_in_memory": True}},
            "run_profile.longest_run_seconds is None; it is required. ",
        ),
        (
            {"run_profile": {"longest_run_seconds": 0}},
            "run_profile.longest_run_seconds is 0; it must be more than 0. ",
        ),
        ({"run_profile": {"longest_run_seconds": float("nan")}}, "run_profile.longest_run_seconds is nan; "),
        ({"run_profile": {"longest_run_seconds": "20"}}, "run_profile.longest_run_seconds is '20'; a number"),
        (
            {"run_profile": {"longest_run_seconds": 20, "peak_runs_per_minute": -1}},
            "run_profile.peak_runs_per_minute is -1; it must be more than 0. ",
        ),
        (
            {"run_profile": {"longest_run_seconds": 20, "needs_filesystem": True}},
            "run_profile.needs_filesystem is True; there is no such input. Known are: keeps_state_in_memory, "
            "longest_run_seconds, memory_mb, needs_file_system, peak_runs_per_minute.",
        ),
    ],
)
def test_a_profile_that_cannot_be_judged_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        chosen(**given)
    assert str(caught.value).startswith(f"Agent 'handbook': {said}")
