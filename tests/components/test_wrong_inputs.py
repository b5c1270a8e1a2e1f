"""Wrong input is refused at construction, in words: component, input, value, limit and a way out.

Each case is a valid set of inputs with one of them broken.
"""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent_hosting import (
    Agent,
    AgentBudget,
    AgentBundle,
    AgentCluster,
    CanaryTraffic,
    CheckpointTable,
    EcsAgent,
    EksAgent,
    FrontDoor,
    LambdaAgent,
    SecretScope,
)
from tests.components.recorder import World, refused, run
from tests.components.samples import (
    BEDROCK,
    DOOR_FUNCTION,
    IMAGE,
    JWT,
    agent_folder,
    bundle_id,
    empty_zip,
    making,
    packed,
    several,
)
from tests.components.wrong_clusters import CLUSTER_CASES
from tests.components.wrong_containers import CONTAINER_CASES, Case

CASES: dict[str, Case] = {
    # Budgets.
    "no budget": (
        LambdaAgent,
        {"monthly_budget_usd": None},
        "monthly_budget_usd is None; it is required. Say what",
    ),
    "a budget of 0": (
        LambdaAgent,
        {"monthly_budget_usd": 0},
        "monthly_budget_usd is 0; it must be more than 0. A budget of 0 stops nothing: leave the "
        "agent out instead.",
    ),
    "a negative budget": (
        LambdaAgent,
        {"monthly_budget_usd": -1},
        "monthly_budget_usd is -1; it must be more than 0. ",
    ),
    "a budget that is no number": (
        LambdaAgent,
        {"monthly_budget_usd": math.nan},
        "monthly_budget_usd is nan; a finite number is needed. ",
    ),
    "a budget without end": (
        LambdaAgent,
        {"monthly_budget_usd": math.inf},
        "monthly_budget_usd is inf; a finite number is needed. ",
    ),
    "a budget in words": (
        LambdaAgent,
        {"monthly_budget_usd": "50"},
        "monthly_budget_usd is '50'; a number is needed. ",
    ),
    "a budget of true": (
        LambdaAgent,
        {"monthly_budget_usd": True},
        "monthly_budget_usd is True; a number is needed. ",
    ),
    "no budget for the budget": (
        AgentBudget,
        {"monthly_budget_usd": None},
        "monthly_budget_usd is None; it is required. ",
    ),
    "a budget of 0 for the budget": (
        AgentBudget,
        {"monthly_budget_usd": 0},
        "monthly_budget_usd is 0; it must be more than 0. ",
    ),
    "an hour dearer than the month": (
        AgentBudget,
        {"hourly_limit_usd": 101},
        "hourly_limit_usd is 101; it must be more than 0 and at most 100. Give less than the month's budget.",
    ),
    "a day dearer than the month": (
        AgentBudget,
        {"daily_limit_usd": 100.5},
        "daily_limit_usd is 100.5; it must be more than 0 and at most 100. ",
    ),
    "a budget for a bad name": (
        AgentBudget,
        {"agent_name": "Hand_Book"},
        "agent_name is 'Hand_Book'; an agent's name is 1 to 40 lower-case letters, digits and dashes. ",
    ),
    "a budget without a platform": (
        AgentBudget,
        {"platform": None},
        "platform is None; it is required. Make an Agent",
    ),
    "one alert too many": (
        AgentBudget,
        {"further_alert_percents": [1, 2, 3, 4, 5, 6, 7]},
        "further_alert_percents is [1, 2, 3, 4, 5, 6, 7]; AWS Budgets takes 10 alerts, of which 4 "
        "are always there. "
        "Give 6 at most.",
    ),
    # E-mail addresses.
    "an e-mail that is none": (
        LambdaAgent,
        {"alert_emails": ["owner"]},
        "alert_emails is 'owner'; that is no e-mail address. Write it as name@example.com.",
    ),
    "an e-mail with a space": (
        AgentBudget,
        {"alert_emails": ["a b@example.com"]},
        "alert_emails is 'a b@example.com'",
    ),
    "eleven e-mails": (
        AgentBudget,
        {"alert_emails": [f"a{n}@example.com" for n in range(11)]},
        "AWS Budgets takes 10 e-mail subscribers at most for an alert. Use a mailing list.",
    ),
    # Turns and sizes.
    "a turn of 900 s": (
        LambdaAgent,
        {"turn_timeout_seconds": 900, "jwt": None},
        "turn_timeout_seconds is 900; it must be at least 1 and at most 870. "
        "Lambda ends a run at 900 s. Longer runs fit host='ecs'.",
    ),
    "a turn of 30 s behind the HTTP API": (
        LambdaAgent,
        {"turn_timeout_seconds": 30},
        "turn_timeout_seconds is 30; it must be at least 1 and at most 29. "
        "Behind an HTTP API a turn has 29 s. Longer runs fit host='ecs', or an agent without `jwt`.",
    ),
    "a turn of no time": (
        LambdaAgent,
        {"turn_timeout_seconds": 0},
        "turn_timeout_seconds is 0; it must be at least 1",
    ),
    "too little memory": (
        LambdaAgent,
        {"memory_mb": 64},
        "memory_mb is 64; it must be at least 128 and at most 10240. Lambda takes 128 to 10240 MB.",
    ),
    "too much memory": (LambdaAgent, {"memory_mb": 10241}, "memory_mb is 10241; it must be at least 128 and"),
    "no concurrency": (
        LambdaAgent,
        {"reserved_concurrency": 0},
        "reserved_concurrency is 0; it must be at least 1 and at most 1000. ",
    ),
    "runs kept for no time": (
        LambdaAgent,
        {"checkpoint_retention_days": 0},
        "checkpoint_retention_days is 0; it must be at least 1 and at most 365. ",
    ),
    "logs kept for ever": (
        LambdaAgent,
        {"log_retention_days": 9999},
        "log_retention_days is 9999; CloudWatch keeps logs for one of 1, 3, 5, 7, ",
    ),
    "an unknown processor": (
        LambdaAgent,
        {"architecture": "riscv"},
        "architecture is 'riscv'; it is one of arm64, x86_64, this-machine. ",
    ),
    "an unknown processor for the bundle": (
        AgentBundle,
        {"architecture": "riscv"},
        "architecture is 'riscv'; it is one of arm64, x86_64, this-machine. ",
    ),
    "an unknown processor for the brake": (
        AgentBudget,
        {"architecture": "riscv"},
        "architecture is 'riscv'; it is one of arm64, x86_64, this-machine. ",
    ),
    "large items kept for no time": (
        CheckpointTable,
        {"large_item_days": 0},
        "large_item_days is 0; it must be at",
    ),
    # Secrets.
    "3 days to recover a secret": (
        SecretScope,
        {"recovery_days": 3},
        "recovery_days is 3; Secrets Manager takes 7 to 30, or 0. Use 7.",
    ),
    "31 days to recover a secret": (
        SecretScope,
        {"recovery_days": 31},
        "recovery_days is 31; it must be at least 0",
    ),
    "a secret with a slash": (
        SecretScope,
        {"secrets": {"a/b": "x"}},
        "secrets is 'a/b'; a name is 1 to 64 letters, digits, '_', '.' and '-'. Rename it.",
    ),
    "no reader": (SecretScope, {"reader_role_arn": None}, "reader_role_arn is None; it is required. "),
    "rotation once a year": (
        SecretScope,
        {"rotation_days": 365},
        "rotation_days is 365; it must be at least 1 and at",
    ),
    "an undeclared secret": (
        LambdaAgent,
        {"secrets": {"crm-token": "sk-do-not-show"}},
        "secrets.crm-token is '…'; the manifest declares api-key. Declare it in agent.yaml, or drop it.",
    ),
    # Tools, tenants, tokens.
    "an undeclared tool": (
        LambdaAgent,
        {"tools": ["search", "delete_everything"]},
        "tools is 'delete_everything'; the manifest has search. Add it to agent.yaml, or drop it.",
    ),
    "one tenant as a text": (
        LambdaAgent,
        {"tenants": "acme"},
        "tenants is 'acme'; a list is needed. Write ['acme'].",
    ),
    "one tool as a text": (LambdaAgent, {"tools": "search"}, "tools is 'search'; a list is needed. "),
    "one deployer as a text": (
        LambdaAgent,
        {"deployer_arns": "arn:ci"},
        "deployer_arns is 'arn:ci'; a list is needed.",
    ),
    "one deployer of a scope as a text": (
        SecretScope,
        {"deployer_arns": "arn:ci"},
        "deployer_arns is 'arn:ci'; a list",
    ),
    "one e-mail as a text": (
        AgentBudget,
        {"alert_emails": "a@example.com"},
        "alert_emails is 'a@example.com'; a list",
    ),
    "one audience as a text": (
        FrontDoor,
        {"jwt": {**JWT, "audiences": "agents"}},
        "jwt.audiences is 'agents'; a list is needed. Write ['agents'].",
    ),
    "an issuer without TLS": (
        FrontDoor,
        {"jwt": {**JWT, "issuer": "http://login.example.com"}},
        "jwt.issuer is 'http://login.example.com'; an issuer is an https URL. Copy it from the "
        "tokens' `iss`.",
    ),
    "an issuer without TLS for the agent": (
        LambdaAgent,
        {"jwt": {**JWT, "issuer": "http://login.example.com"}},
        "jwt.issuer is 'http://login.example.com'; ",
    ),
    "no audiences": (
        LambdaAgent,
        {"jwt": {**JWT, "audiences": []}},
        "jwt.audiences is []; one audience is needed at least. Copy it from the tokens' `aud`.",
    ),
    "no tokens at all": (FrontDoor, {"jwt": None}, "jwt is None; it is required. Give issuer and audiences."),
    "no calls a second": (
        FrontDoor,
        {"requests_per_second": 0},
        "requests_per_second is 0; it must be more than 0 and",
    ),
    "no burst": (
        FrontDoor,
        {"burst_requests": 0},
        "burst_requests is 0; it must be at least 1 and at most 5000. ",
    ),
    # Names.
    "a misspelt input": (
        LambdaAgent,
        {"monthly_budget": 50},
        "monthly_budget is 50; there is no such input. Known are: alert_emails, ",
    ),
    "a misspelt input of the chooser": (
        Agent,
        {"run_profil": {}},
        "run_profil is {}; there is no such input. Known",
    ),
    # Models.
    "the model latest": (
        LambdaAgent,
        {"model": {**BEDROCK, "name": "latest"}},
        "model.name is 'latest'; a pinned version is needed",
    ),
    "a model without its address": (
        LambdaAgent,
        {"model_endpoint": None},
        "model_endpoint is None; a model with the provider 'openai' needs its address. "
        "Give the base URL, ending in /v1.",
    ),
    "a model called in the clear": (
        LambdaAgent,
        {"model_endpoint": "http://models.example.com/v1"},
        "model_endpoint is 'http://models.example.com/v1'; it must be an https URL, or http on this "
        "machine. ",
    ),
    "an address for a tier that is none": (
        LambdaAgent,
        {"model_endpoints": {"small": "https://models.example.com/v1"}},
        "model_endpoints.small is 'https://models.example.com/v1'; tiers whose provider is 'openai' "
        "are default. Name one of them, or drop it.",
    ),
    "half a price": (
        LambdaAgent,
        {"prices": {"m-v1": {"input_usd_per_million_tokens": 3}}},
        "prices.m-v1.output_usd_per_million_tokens is None; Field required. Give US dollars for a "
        "million tokens.",
    ),
    # Hosts.
    "an unknown host": (Agent, {"host": "gpu"}, "host is 'gpu'; it is one of lambda, ecs, eks. "),
    "neither profile nor host": (
        Agent,
        {"run_profile": None},
        "run_profile is None; a run profile or a host is needed. Say how long the longest run takes.",
    ),
    "twenty minutes on lambda": (
        Agent,
        {"host": "lambda", "run_profile": {"longest_run_seconds": 1200}},
        "run_profile.longest_run_seconds is 1200; Lambda takes runs of 870 s at most. The host that "
        "fits is 'ecs'.",
    ),
    "memory between runs on lambda": (
        Agent,
        {"host": "lambda", "run_profile": {"longest_run_seconds": 5, "keeps_state_in_memory": True}},
        "run_profile.keeps_state_in_memory is True; lambda forgets its memory between runs. The host "
        "that fits is 'eks'.",
    ),
    # Traffic.
    "a share above 1": (
        CanaryTraffic,
        {"shares": {"old": 0, "new": 1.5}},
        "shares.new is 1.5; a share is a number from 0 to 1. Write 5 % as 0.05.",
    ),
    "a share below 0": (
        CanaryTraffic,
        {"shares": {"old": -0.5, "new": 1}},
        "shares.old is -0.5; a share is a number",
    ),
    "shares that do not add up": (
        CanaryTraffic,
        {"shares": {"old": 0.5, "new": 0.4}},
        "shares is {'old': 0.5, 'new': 0.4}; the shares add up to 0.9, not 1. Give the rest to one release.",
    ),
    "three shares above 0": (
        CanaryTraffic,
        {"versions": {"a": "1", "b": "2", "c": "3"}, "shares": {"a": 0.5, "b": 0.3, "c": 0.2}},
        "shares is {'a': 0.5, 'b': 0.3, 'c': 0.2}; traffic is divided between two releases at most. "
        "Leave two with a share above 0.",
    ),
    "a share for an unknown release": (
        CanaryTraffic,
        {"shares": {"old": 0.9, "other": 0.1}},
        "shares.other is 0.1; only listed releases take traffic: old, new. List it, or drop its share.",
    ),
    "the working copy of a function": (
        CanaryTraffic,
        {"versions": {"old": "1", "new": "$LATEST"}},
        "versions.new is '$LATEST'; an alias with weights takes published versions only. Publish one.",
    ),
    "no versions": (
        CanaryTraffic,
        {"versions": {}, "shares": None},
        "versions is {}; one release is needed at least. ",
    ),
    "an unlisted first release": (
        CanaryTraffic,
        {"shares": None, "first": "other"},
        "first is 'other'; only listed releases take traffic: old, new. ",
    ),
    "a share of the agent for an unknown release": (
        LambdaAgent,
        {"shares": {"newest": 0.5, "ffffffffffff": 0.5}},
        "shares.ffffffffffff is 0.5; only listed releases take traffic: ",
    ),
    # Releases.
    "no releases": (
        LambdaAgent,
        {"releases": None},
        "releases is None; it is required. List one at least, the newest",
    ),
    "an empty list of releases": (
        LambdaAgent,
        {"releases": []},
        "releases is []; an agent has one release at least. Give {'source': folder}.",
    ),
    "a release without a bundle": (
        LambdaAgent,
        {"releases": [{}]},
        "releases[0] is {}; a release has either a `source` or a `bundle_id`. ",
    ),
    "a release with both": (
        LambdaAgent,
        {"releases": [{"source": "agent", "bundle_id": "aaaaaaaaaaaa"}]},
        "releases[0] is {'source': 'agent', 'bundle_id': 'aaaaaaaaaaaa'}; a release has either",
    ),
    "a working tree that is not the newest": (
        LambdaAgent,
        {"releases": [{"source": "agent"}, {"bundle_id": "aaaaaaaaaaaa"}]},
        "releases[0] is {'source': 'agent'}; only the newest release can be a working tree. Name "
        "older ones by bundle_id.",
    ),
    "one bundle twice": (
        LambdaAgent,
        {"releases": [{"bundle_id": "aaaaaaaaaaaa"}, {"bundle_id": "aaaaaaaaaaaa"}]},
        "releases is ['aaaaaaaaaaaa', 'aaaaaaaaaaaa']; a bundle is listed twice. List each once, "
        "oldest first.",
    ),
    "a newest release without its zip": (
        LambdaAgent,
        {"releases": [{"bundle_id": "aaaaaaaaaaaa"}]},
        "releases[0].archive is None; the newest release needs its zip. "
        "Make it with: agent-hosting release new AGENT",
    ),
    "an image of an agent on Lambda": (
        LambdaAgent,
        {"releases": [{"bundle_id": "aaaaaaaaaaaa", "image": IMAGE}]},
        f"releases[0].image is '{IMAGE}'; there is no such field. Known are source, bundle_id, archive.",
    ),
    # Doors.
    "a door without functions": (
        FrontDoor,
        {"functions": []},
        "functions is []; one route is needed at least. Give a function with its routes.",
    ),
    "two functions for one route": (
        FrontDoor,
        {"functions": [DOOR_FUNCTION, {**DOOR_FUNCTION, "label": "other"}]},
        "functions is 'POST /runs'; one route belongs to one function. Take it from the others.",
    ),
    **CONTAINER_CASES,
    **CLUSTER_CASES,
    "a zip that is not there": (
        LambdaAgent,
        {"releases": [{"bundle_id": "aaaaaaaaaaaa", "archive": "nowhere.zip"}]},
        "releases[0].archive is 'nowhere.zip'; the newest release needs its zip. ",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_one_broken_input_is_refused_by_name_value_limit_and_way_out(case: Case, source: str) -> None:
    component, broken, said = case
    for release in broken.get("releases") or []:
        if release.get("source") == "SOURCE":
            broken = {**broken, "releases": [{**release, "source": source}]}
    told = refused(making(component, "one", source, **broken))
    by = told.partition(" ")[0]  # an agent is refused by the part of it that knows the limit
    assert by == component.__name__ or component in (LambdaAgent, EcsAgent, EksAgent, Agent)
    assert said in told
    (given,) = {key for key in broken if said.startswith((f"{key} ", f"{key}.", f"{key}["))} or {None}
    if given is not None:
        assert re.match(rf"{by} '[a-z-]+': {re.escape(said)}", told)
    assert re.search(r"; .+\. \S+|; Value error, .+\. \S+", told), "a limit, and then a way out"


@pytest.mark.parametrize("component", sorted({case[0] for case in CASES.values()}, key=lambda c: c.__name__))
def test_what_the_cases_break_is_whole_before(component: type, source: str) -> None:
    run(making(component, "one", source))


@pytest.mark.parametrize(
    "name", ["Handbook", "hand_book", "-handbook", "handbook-", "hand book", "a" * 41, "ä"]
)
def test_an_agents_name_is_one_that_keys_tags_and_names_can_carry(source: str, name: str) -> None:
    said = refused(making(LambdaAgent, name, source))
    assert said.startswith(
        f"LambdaAgent '{name}': name is '{name}'; an agent's name is 1 to 40 lower-case letters"
    )
    assert said.endswith("choose one such as 'support-answers'.")


@pytest.mark.parametrize("name", ["a", "7", "support-answers", "a--b", "a" * 40])
def test_an_ordinary_name_is_accepted(source: str, name: str) -> None:
    run(making(LambdaAgent, name, source))


@pytest.mark.parametrize(
    ("first", "second"),
    [(LambdaAgent, LambdaAgent), (Agent, LambdaAgent), (LambdaAgent, Agent), (EcsAgent, LambdaAgent)],
)
def test_two_agents_of_one_name_are_refused_by_name(first: type, second: type, source: str) -> None:
    said = refused(several(making(first, "handbook", source), making(second, "handbook", source)))
    assert said == (
        "LambdaAgent 'handbook': name is 'handbook'; another agent of this stack has that name. "
        "Give each agent its own name."
    )


def test_a_name_is_free_again_in_the_next_program(source: str) -> None:
    for _ in range(2):
        run(making(LambdaAgent, "handbook", source))


def test_a_zip_of_another_bundle_is_refused(source: str, tmp_path: Path) -> None:
    other = packed(agent_folder(tmp_path / "other", prompt="Other."))
    given = [{"bundle_id": bundle_id(source), "archive": other["archive"]}]
    said = refused(making(LambdaAgent, "one", source, releases=given))
    assert said.startswith("LambdaAgent 'one': releases[0].archive is '")
    assert f"the zip holds bundle {other['bundle_id']}, not {bundle_id(source)}. Name the right zip." in said


@pytest.mark.parametrize(
    "spoil", [lambda p: p.write_bytes(b"no zip"), empty_zip], ids=["no zip", "no bundle.json"]
)
def test_a_zip_that_is_no_release_is_refused(
    source: str, tmp_path: Path, spoil: Callable[[Path], Any]
) -> None:
    spoil(tmp_path / "release.zip")
    given = [{"bundle_id": "aaaaaaaaaaaa", "archive": str(tmp_path / "release.zip")}]
    said = refused(making(LambdaAgent, "one", source, releases=given))
    assert "the zip holds no bundle.json that this version knows. Pack it anew." in said


def test_a_folder_without_an_agent_is_refused(source: str, tmp_path: Path) -> None:
    said = refused(making(LambdaAgent, "one", source, releases=[{"source": str(tmp_path / "nowhere")}]))
    assert "source is " in said
    assert "there is no such folder. Name the folder that holds agent.yaml." in said


def test_a_kubeconfig_is_never_shown_in_a_refusal() -> None:
    existing = {"name": "theirs", "kubconfig": "token: sk-hidden-1234"}
    said = refused(making(AgentCluster, "one", boundary_arn=None, existing=existing))
    assert said.startswith("AgentCluster 'one': existing.kubconfig is '…'; there is no such input. Known are")


def test_a_secrets_value_is_never_shown_in_a_refusal(source: str) -> None:
    said = refused(making(LambdaAgent, "one", source, secrets={"other": "sk-hidden-1234"}))
    assert "sk-hidden-1234" not in said


def test_three_shares_of_an_agent_are_refused_before_anything_serves(source: str) -> None:
    releases = [{"bundle_id": "aaaaaaaaaaaa"}, {"bundle_id": "bbbbbbbbbbbb"}, {"source": source}]
    shares = {"aaaaaaaaaaaa": 0.5, "bbbbbbbbbbbb": 0.3, "newest": 0.2}
    world = World({"getTableItem": lambda _: {"item": '{"version": {"S": "1"}}'}})
    said = refused(making(LambdaAgent, "one", source, releases=releases, shares=shares), world)
    assert "traffic is divided between two releases at most" in said
