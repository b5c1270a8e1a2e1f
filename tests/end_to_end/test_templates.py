"""Each template of templates/ makes a project that deploys as it stands."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from embedded_aws.toolchain.pulumi_cli import pulumi_folder
from tests.end_to_end.deployments import Deployment

pytestmark = pytest.mark.end_to_end

TEMPLATES = Path(__file__).parents[2] / "templates"
HOSTS = ("lambda", "ecs", "eks")
IMAGE = f"registry.example.com/helper@sha256:{'a' * 64}"
_SECONDS = 420


def instantiated(host: str, folder: Path) -> Path:
    """What `pulumi new` makes of the template, without a stack and without installing anything."""
    pulumi = pulumi_folder(lambda _: None) / "pulumi"
    made = ["--generate-only", "--yes", "--name", f"trial-{host}", "--dir", str(folder)]
    done = subprocess.run(
        [str(pulumi), "--non-interactive", "new", str(TEMPLATES / f"{host}-agent-python"), *made],
        env={"HOME": str(folder.parent), "PULUMI_SKIP_UPDATE_CHECK": "true"},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("templates")
    return {host: instantiated(host, root / host) for host in HOSTS}


@pytest.fixture(scope="module")
def deployment(projects: dict[str, Path]) -> Iterator[Deployment]:
    """The project on Lambda, whose cloud has a cluster for the others, too."""
    made = Deployment(projects["lambda"])
    yield made
    made.stop()


def test_the_templates_are_these() -> None:
    assert {folder.name for folder in TEMPLATES.iterdir()} == {f"{host}-agent-python" for host in HOSTS}


@pytest.mark.parametrize("host", HOSTS)
def test_a_template_asks_for_what_it_needs_and_is_named_as_it_is_told(
    host: str, projects: dict[str, Path]
) -> None:
    asked = yaml.safe_load((TEMPLATES / f"{host}-agent-python" / "Pulumi.yaml").read_text())["template"]
    assert set(asked["config"]) == {"aws:region", "agent-hosting:helper.model-api-key"}
    made = yaml.safe_load((projects[host] / "Pulumi.yaml").read_text())
    assert (made["name"], made["description"]) == (f"trial-{host}", asked["description"])
    assert "template" not in made


@pytest.mark.parametrize("host", HOSTS)
def test_a_template_packs_its_agent_as_a_release(host: str, projects: dict[str, Path]) -> None:
    image = () if host == "lambda" else ("--image", IMAGE)
    Deployment(projects[host]).run("release", "new", "helper", "--stack", "prod", *image)
    held = yaml.safe_load((projects[host] / "stacks" / "Pulumi.prod.yaml").read_text())["config"]
    (listed,) = held["agent-hosting:agents"]["helper"]["releases"]
    assert (host == "lambda") is isinstance(listed, str)


def test_the_template_on_lambda_deploys_and_answers(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBERNETES", "yes")
    answered = deployment.run("up", "--json")
    assert json.loads(answered[answered.index("{") :])["status"] == "DONE"
    assert deployment.status()["agents"]["helper"]["host"] == "lambda"


@pytest.mark.parametrize(
    ("host", "made"), [("ecs", ("EcsAgent", "aws:ecs")), ("eks", ("EksAgent", "AgentCluster", "StatefulSet"))]
)
def test_the_templates_in_containers_can_be_deployed(
    deployment: Deployment, projects: dict[str, Path], host: str, made: tuple[str, ...]
) -> None:
    exports = deployment.run("env")
    script = f"{exports}\npulumi stack init local && pulumi preview --stack local --color never"
    done = subprocess.run(
        ["sh", "-euc", script],
        cwd=projects[host],
        env=deployment.env(),
        capture_output=True,
        text=True,
        timeout=_SECONDS,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    for part in made:
        assert part in said
