"""Every stack in stacks/ is read and its program runs."""

import json
import runpy
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent_hosting import Agent
from agent_hosting_cli.project import Project
from agent_hosting_cli.releases import new_release
from tests.components.recorder import Program, refused, run
from tests.components.samples import in_clear

ROOT = Path(__file__).parents[2]
STACKS = sorted(path.name.split(".")[1] for path in (ROOT / "stacks").glob("Pulumi.*.yaml"))
RELEASED = ("staging", "prod")
KEY = "sk-of-the-stack-51c0"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A copy of the project, since packing a release writes into the stack's YAML."""
    shutil.copy(ROOT / "Pulumi.yaml", tmp_path)
    for folder in ("stacks", "examples"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setenv("EMBEDDED_ISSUER", "http://127.0.0.1:4566/issuer")
    monkeypatch.setenv("EMBEDDED_MODEL_ENDPOINT", "http://127.0.0.1:4566/model/v1")
    monkeypatch.delenv("AGENT_SECRET_HANDBOOK_MODEL_API_KEY", raising=False)
    return Project(tmp_path)


def configuration(project: Project, stack: str) -> dict[str, str]:
    """The stack's YAML as Pulumi hands it over, with one secret set."""
    held: dict[str, Any] = yaml.safe_load(project.stack_file(stack).read_text())["config"]
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in held.items()}
    return {**texts, "agent-hosting:handbook.model-api-key": KEY}


def agents(project: Project, stack: str) -> list[str]:
    """Names of the stack's agents."""
    return list(json.loads(configuration(project, stack)["agent-hosting:agents"]))


def program_of(project: Project) -> Any:
    return lambda: runpy.run_path(str(project.root / "stacks" / "__main__.py"))


def deployed(project: Project, stack: str) -> Program:
    if stack in RELEASED:
        new_release(project, "handbook", stack)
    secrets = ("agent-hosting:handbook.model-api-key",)
    return run(program_of(project), stack=stack, config=configuration(project, stack), secret_keys=secrets)


def test_the_stacks_are_these() -> None:
    assert STACKS == ["dev", "local", "prod", "staging"]


@pytest.mark.parametrize("host", ["lambda", "ecs"])
def test_a_stack_has_a_network_only_where_an_agent_runs_in_containers(host: str, project: Project) -> None:
    held, key = configuration(project, "local"), "agent-hosting:agents"
    handbook = json.loads(held[key])["handbook"]
    second = {k: v for k, v in handbook.items() if k != "run_profile"}
    held[key] = json.dumps({"handbook": handbook, "second": {**second, "host": host}})
    held["agent-hosting:second.model-api-key"] = KEY
    program = run(program_of(project), stack="local", config=held)
    assert program.exports["second"]["host"] == host
    assert bool(program.all("Cluster")) is bool(program.all("Vpc")) is (host == "ecs")


def test_agents_that_keep_state_share_one_cluster_beside_those_that_do_not(project: Project) -> None:
    held, key = configuration(project, "local"), "agent-hosting:agents"
    handbook = json.loads(held[key])["handbook"]
    alike = {k: v for k, v in handbook.items() if k != "run_profile"}
    profile = {"longest_run_seconds": 20, "keeps_state_in_memory": True}
    residents = {name: {**alike, "run_profile": profile} for name in ("second", "third")}
    held[key] = json.dumps({"handbook": handbook, **residents})
    held["agent-hosting:cluster"] = json.dumps({"nodes": "karpenter", "operators": ["keda"]})
    for name in residents:
        held[f"agent-hosting:{name}.model-api-key"] = KEY
    program = run(program_of(project), stack="local", config=held)
    cluster = program.one("AgentCluster")
    assert (cluster.name, cluster.parent_name) == ("cluster", "agent-hosting-local")
    assert program.all("NodeGroup") == program.all("aws:ecs/cluster:Cluster") == []
    assert [release.inputs["name"] for release in program.all("Release")] == ["keda"]
    name = program.outputs[cluster.urn]["cluster_name"]
    for resident in residents:
        assert program.exports[resident]["host"] == "eks"
        assert program.exports[resident]["cluster_name"] == name
        assert program.exports[resident]["namespace"] == "agents"
    assert program.exports["handbook"]["host"] == "lambda"


def test_the_program_is_short_enough_to_be_read_at_once() -> None:
    assert len((ROOT / "stacks" / "__main__.py").read_text().splitlines()) < 40


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_deploys_its_agent_on_one_platform(stack: str, project: Project) -> None:
    program = deployed(project, stack)
    platform, agent = program.one("AgentPlatform"), program.one("Agent", "handbook")
    assert (platform.name, platform.parent_name) == ("platform", f"agent-hosting-{stack}")
    assert set(program.exports["handbook"]) == set(Agent.__annotations__)
    assert program.outputs[agent.urn]["host"] == "lambda"
    assert (
        program.exports["handbook"]["control_table_name"]
        == program.outputs[platform.urn]["control_table_name"]
    )
    assert not any("handbook" in said for said in program.said)


@pytest.mark.parametrize("stack", STACKS)
def test_a_stacks_secret_stays_one(stack: str, project: Project) -> None:
    program = deployed(project, stack)
    assert program.one("SecretVersion").inputs["secretString"] == KEY
    assert in_clear(program.resources, KEY) == []
    assert KEY not in json.dumps(program.outputs)


@pytest.mark.parametrize("stack", STACKS)
def test_data_outlives_staging_and_prod_alone(stack: str, project: Project) -> None:
    tables = deployed(project, stack).all("Table")
    assert len(tables) == 1 + len(agents(project, stack))
    assert {table.inputs["deletionProtectionEnabled"] for table in tables} == {stack in RELEASED}
    assert {table.retain_on_delete for table in tables} == {stack in RELEASED}


@pytest.mark.parametrize("stack", STACKS)
def test_the_controller_owns_the_weights_where_releases_are_named(stack: str, project: Project) -> None:
    owned = ("functionVersion", "routingConfig") if stack in RELEASED else ()
    assert deployed(project, stack).one("Alias", "handbook-traffic").ignore_changes == owned


def test_prod_is_as_strict_as_its_file_says(project: Project) -> None:
    program = deployed(project, "prod")
    assert {log.inputs["retentionInDays"] for log in program.all("LogGroup")} == {365}
    assert program.one("Function", "handbook").inputs["reservedConcurrentExecutions"] == 50
    assert program.one("Budget").inputs["limitAmount"] == "500"
    assert "on-call@example.com" in str(program.one("Budget").inputs["notifications"])
    assert {key.name for key in program.all("Key")} >= {"handbook-checkpoints-key", "handbook-secrets"}


def test_local_is_built_for_this_machine_behind_the_embedded_issuer(project: Project) -> None:
    program = deployed(project, "local")
    issuers = {door.inputs["jwtConfiguration"]["issuer"] for door in program.all("Authorizer")}
    assert issuers == {"http://127.0.0.1:4566/issuer"}
    told = program.one("Function", "handbook").inputs["environment"]["variables"]
    assert told["AGENT_MODEL_ENDPOINT"] == "http://127.0.0.1:4566/model/v1"


@pytest.mark.parametrize("stack", RELEASED)
def test_a_stack_without_a_release_says_how_to_make_one(stack: str, project: Project) -> None:
    said = refused(program_of(project), stack=stack, config=configuration(project, stack))
    assert said.startswith(f"stacks/Pulumi.{stack}.yaml: agent-hosting:agents.handbook is ")
    assert "`agent-hosting release new` writes them" in said


@pytest.mark.parametrize("stack", RELEASED)
def test_a_release_that_is_listed_but_not_stored_is_refused(stack: str, project: Project) -> None:
    new_release(project, "handbook", stack).archive.unlink()
    said = refused(program_of(project), stack=stack, config=configuration(project, stack))
    assert "the newest release needs its zip. Make it with: agent-hosting release new AGENT" in said


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_can_be_previewed_before_anything_is_there(stack: str, project: Project) -> None:
    if stack in RELEASED:
        new_release(project, "handbook", stack)
    program = run(program_of(project), stack=stack, config=configuration(project, stack), preview=True)
    assert [agent.name for agent in program.all("Agent")] == agents(project, stack)
