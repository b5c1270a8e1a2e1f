"""Whether a stack needs a Kubernetes cluster, and whose it is."""

from pathlib import Path

import pytest

from agent_hosting_cli import local
from agent_hosting_cli.engine import Engine
from agent_hosting_cli.kubernetes import Access, attached, is_wanted, own_cluster
from agent_hosting_cli.project import Project, UserError
from embedded_aws.addresses import Addresses


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name in ("KUBERNETES", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "stacks").mkdir()
    return Project(tmp_path)


def stack(project: Project, host: str) -> None:
    text = f"config:\n  agent-hosting:agents:\n    one: {{source: a}}\n    two: {{source: b, host: {host}}}\n"
    project.stack_file("local").write_text(text)


@pytest.mark.parametrize(("host", "wanted"), [("eks", True), ("ecs", False)])
def test_an_agent_on_eks_wants_a_cluster(project: Project, host: str, wanted: bool) -> None:
    stack(project, host)
    assert is_wanted(project) is wanted


@pytest.mark.parametrize("text", ["", "config: 3", "config: {agent-hosting:agents: [a]}", "{"])
def test_a_broken_stack_file_is_left_to_the_stacks_program(project: Project, text: str) -> None:
    project.stack_file("local").write_text(text)
    assert not is_wanted(project)


def test_a_user_may_ask_for_a_cluster(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    stack(project, "ecs")
    monkeypatch.setenv("KUBERNETES", "yes")
    assert is_wanted(project)


def test_a_kubeconfig_at_hand_is_the_users_cluster(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert own_cluster(project) is None
    at_hand = tmp_path / "config"
    monkeypatch.setenv("KUBECONFIG", str(at_hand))
    with pytest.raises(UserError, match="which is no file"):
        own_cluster(project)
    at_hand.touch()
    assert own_cluster(project) == str(at_hand.resolve())


def test_the_embedded_clusters_own_kubeconfig_is_not_the_users(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(project.cloud / "kubernetes" / "admin.kubeconfig"))
    assert own_cluster(project) is None


def test_pulumi_is_attached_to_the_cluster_that_is_served(project: Project) -> None:
    cloud = Addresses(1, "id", 2, 3, 4)
    assert attached(project) is None
    assert Engine(project, project.root, cloud).environment()["PULUMI_DEBUG_PROVIDERS"] == "aws:4"
    project.cloud.mkdir(parents=True)
    (project.cloud / "kubernetes.json").write_text('{"kubeconfig": "/at/hand", "provider_port": 5}')
    environment = Engine(project, project.root, cloud, attached(project)).environment()
    assert attached(project) == Access("/at/hand", 5)
    assert environment["PULUMI_DEBUG_PROVIDERS"] == "aws:4,kubernetes:5"
    assert environment["KUBECONFIG"] == "/at/hand"


def test_pods_are_no_workers_and_it_is_said_how_they_are_listed(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {"host": "eks", "namespace": "agents", "service_names": {"a" * 12: "resident-http"}}
    monkeypatch.setattr(local, "require_cloud", lambda _: None)
    monkeypatch.setattr(local, "agent_of", lambda *_: found)
    with pytest.raises(UserError, match="kubectl -n agents get pods -l agent-hosting/agent=resident"):
        local.workers(project, "resident")
