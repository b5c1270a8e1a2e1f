"""The programs and the YAML of the guide to EKS, and the example that runs on each host, can be deployed."""

import json
import re
import runpy
import shutil
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from agent_hosting import AgentCluster
from agent_hosting_cli.project import Project
from agent_hosting_cli.releases import new_release
from tests.components.recorder import run

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "eks.md"
EXAMPLE = ROOT / "examples" / "03-resident" / "README.md"
AGENTS = "agent-hosting:agents"


def snippets(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def resident() -> dict[str, Any]:
    """The agent as the example says to add it."""
    return yaml.safe_load(snippets(EXAMPLE, "yaml")[0])["resident"]


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the program of a copy of the local stack with the resident alone, changed as told."""
    for folder in ("stacks", "examples"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    project = Project(tmp_path)
    monkeypatch.setenv("EMBEDDED_ISSUER", "http://127.0.0.1:4566/issuer")
    monkeypatch.setenv("EMBEDDED_MODEL_ENDPOINT", "http://127.0.0.1:4566/model/v1")
    held = yaml.safe_load(project.stack_file("local").read_text())["config"]

    def deploy(agent: dict[str, Any], **more: Any) -> Any:
        config = {**held, **more, AGENTS: {"resident": agent}}
        if "rollout" in agent:  # of releases that are named, and not of a working tree
            project.stack_file("local").write_text(yaml.safe_dump({"config": config}))
            named = {**agent, "source": None, "releases": []}
            config = {**config, AGENTS: {"resident": named}}
            project.stack_file("prod").write_text(yaml.safe_dump({"config": config}))
            named["releases"] = [new_release(project, "resident", "prod").bundle_id]
        texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
        texts["agent-hosting:resident.model-api-key"] = "sk-local"
        program = tmp_path / "stacks" / "__main__.py"
        return run(lambda: runpy.run_path(str(program)), stack="local", config=texts)

    return deploy


@pytest.mark.parametrize("host", ["lambda", "ecs", "eks"])
def test_the_resident_goes_to_another_host_by_one_line(host: str, stack: Any) -> None:
    assert resident()["host"] == "eks"
    program = stack({**resident(), "host": host})
    assert program.exports["resident"]["host"] == host
    assert bool(program.all("StatefulSet")) is (host == "eks")


def of_agents() -> list[dict[str, Any]]:
    """Fields of the agent in each YAML of the guide."""
    read = [yaml.safe_load(text) for text in snippets(GUIDE, "yaml")]
    return [found[AGENTS]["resident"] for found in read if AGENTS in found]


def test_the_guide_shows_agents_and_a_cluster() -> None:
    assert len(of_agents()) == 2
    assert len(snippets(GUIDE, "yaml")) == 3


@pytest.mark.parametrize("shown", of_agents())
def test_an_agent_of_the_guide_can_be_deployed(shown: dict[str, Any], stack: Any) -> None:
    program = stack({**resident(), **shown})
    assert len(program.all("StatefulSet")) + len(program.all("Rollout")) == 1


def test_the_cluster_of_the_guide_can_be_deployed(stack: Any) -> None:
    (shown,) = [found for text in snippets(GUIDE, "yaml") if AGENTS not in (found := yaml.safe_load(text))]
    program = stack(resident(), **shown)
    assert program.one("Cluster").inputs["computeConfig"]["enabled"]
    assert {made.name for made in program.all("Release")} == {"cluster-keda", "cluster-gateway"}


def test_the_cluster_that_is_there_already_can_be_used() -> None:
    shown = snippets(GUIDE, "python")[0]
    program = run(
        lambda: exec(shown, {"AgentCluster": AgentCluster, "pulumi": pulumi}),
        config={"agent-hosting:kubeconfig": "{}"},
        secret_keys=("agent-hosting:kubeconfig",),
    )
    assert [made.name for made in program.all("Namespace")] == ["cluster-namespace-agents"]


def test_the_program_of_the_guide_makes_an_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    program = run(lambda: exec(snippets(GUIDE, "python")[1], {}))
    assert program.all("StatefulSet")
