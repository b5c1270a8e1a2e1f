"""Packing a release, and the image that a container needs."""

import json
import shutil
import stat
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent_hosting_cli.project import Project, UserError
from agent_hosting_cli.releases import new_release

ROOT = Path(__file__).parents[2]
IMAGE = "registry.example.com/review@sha256:" + "a" * 64
DIGEST = "sha256:" + "b" * 64
DOCKER = f"""#!{sys.executable}
import json, pathlib, shutil, sys
given = sys.argv[1:]
pathlib.Path("CALL").write_text(json.dumps(given))
shutil.copytree(given[-1], "CONTEXT")
told = given[given.index("--metadata-file") + 1]
pathlib.Path(told).write_text(json.dumps({{"containerimage.digest": "{DIGEST}"}}))
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Has a stack `prod` with an agent on each host."""
    for name in ("handbook", "review"):
        folder = "01-first-turn" if name == "handbook" else "02-long-run"
        shutil.copytree(ROOT / "examples" / folder, tmp_path / "examples" / name)
    (tmp_path / "Pulumi.yaml").write_text("name: agent-hosting\nruntime: python\n")
    sources = {name: {"source": f"examples/{name}"} for name in ("handbook", "review")}
    agents = {
        "handbook": {"releases": [], "run_profile": {"longest_run_seconds": 20}},
        "review": {"releases": [], "run_profile": {"longest_run_seconds": 3600}},
    }
    (tmp_path / "stacks").mkdir()
    for stack, held in (("dev", sources), ("prod", agents)):
        config = {"agent-hosting:architecture": "this-machine", "agent-hosting:agents": held}
        (tmp_path / "stacks" / f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump({"config": config}))
    return Project(tmp_path)


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Puts a program named `docker` on PATH; gives the folder where it leaves what it was told."""

    def write(program: str = DOCKER) -> Path:
        folder = tmp_path / "docker"
        folder.mkdir()
        found = folder / "docker"
        found.write_text(
            program.replace("CALL", str(folder / "call")).replace("CONTEXT", str(folder / "context"))
        )
        found.chmod(found.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(folder), prepend=":")
        return folder

    return write


def listed(project: Project, agent: str) -> Any:
    held = yaml.safe_load(project.stack_file("prod").read_text())
    return held["config"]["agent-hosting:agents"][agent]["releases"]


def test_a_release_on_lambda_is_listed_by_its_id(project: Project) -> None:
    made = new_release(project, "handbook", "prod")
    assert listed(project, "handbook") == [made.bundle_id]
    assert new_release(project, "handbook", "prod") == made
    assert listed(project, "handbook") == [made.bundle_id]


def test_a_release_in_containers_is_listed_with_its_image(project: Project) -> None:
    made = new_release(project, "review", "prod", image=IMAGE)
    assert listed(project, "review") == [{"bundle": made.bundle_id, "image": IMAGE}]
    other = IMAGE.replace("a" * 64, "c" * 64)
    new_release(project, "review", "prod", image=other)
    assert listed(project, "review") == [{"bundle": made.bundle_id, "image": other}]


def test_a_release_in_containers_for_this_machine_needs_no_image(project: Project) -> None:
    made = new_release(project, "review", "prod")
    assert listed(project, "review") == [made.bundle_id]


def test_a_release_in_containers_without_an_image_is_packed_and_not_listed(project: Project) -> None:
    path = project.stack_file("prod")
    path.write_text(path.read_text().replace("this-machine", "arm64"))
    with pytest.raises(UserError, match=r"`--push REPOSITORY` \(docker builds it\)"):
        new_release(project, "review", "prod")
    assert listed(project, "review") == []
    assert len(list((project.root / "releases" / "review").glob("*.zip"))) == 1


def test_an_image_for_lambda_is_refused(project: Project) -> None:
    with pytest.raises(UserError, match="handbook runs on Lambda in the stack prod"):
        new_release(project, "handbook", "prod", image=IMAGE)


def test_docker_builds_the_release_for_the_stacks_processor_and_its_digest_is_listed(
    project: Project, docker: Callable[[], Path]
) -> None:
    folder = docker()
    made = new_release(project, "review", "prod", repository="registry.example.com/review")
    assert listed(project, "review") == [
        {"bundle": made.bundle_id, "image": f"registry.example.com/review@{DIGEST}"}
    ]
    call = json.loads((folder / "call").read_text())
    assert call[:2] == ["buildx", "build"]
    assert call[call.index("--platform") + 1] in ("linux/arm64", "linux/amd64")
    assert call[call.index("--tag") + 1] == f"registry.example.com/review:{made.bundle_id}"
    assert "--push" in call
    context = folder / "context"
    assert {path.name for path in context.iterdir()} == {"Dockerfile", "release.zip", "requirements.lock"}
    with zipfile.ZipFile(context / "release.zip") as packed:
        assert {"bundle.json", "agent.py", "agent_runtime/__main__.py"} <= set(packed.namelist())


def test_what_docker_says_when_it_fails_is_told_and_nothing_is_listed(
    project: Project, docker: Callable[[str], Path]
) -> None:
    docker("#!/bin/sh\necho 'denied: no such repository' >&2\nexit 1\n")
    with pytest.raises(UserError, match=r"could not build and push(.|\n)*denied: no such repository"):
        new_release(project, "review", "prod", repository="registry.example.com/review")
    assert listed(project, "review") == []


def test_a_machine_without_docker_is_told_what_to_build_elsewhere(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_hosting_cli.worker_image.shutil.which", lambda _: None)
    with pytest.raises(UserError, match=r"there is no docker on PATH.*Dockerfile.*--image"):
        new_release(project, "review", "prod", repository="registry.example.com/review")


def test_the_image_runs_as_nobody_and_declares_its_scratch_space() -> None:
    lines = (ROOT / "cli" / "agent_hosting_cli" / "worker_image" / "Dockerfile").read_text().splitlines()
    assert {"USER 65532:65532", "VOLUME /tmp", 'CMD ["python", "-m", "agent_runtime", "work"]'} <= set(lines)
