"""Somebody else's project: a wheel, an empty environment, a stack of three lines."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent_hosting_cli.cloud_process import start, stop
from agent_hosting_cli.engine import Engine
from agent_hosting_cli.project import Project
from embedded_aws.toolchain.pulumi_cli import pulumi_folder

pytestmark = pytest.mark.end_to_end

ROOT = Path(__file__).parents[2]
_PROGRAM = """\
from agent_hosting import LambdaAgent
agent = {agent!r}
LambdaAgent("helper", {{"releases": [{{"source": agent}}], "monthly_budget_usd": 20, "retain_data": False,
                       "architecture": "this-machine", "model_endpoint": "http://127.0.0.1:9/v1"}})
"""


def _run(*command: str, cwd: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_stack_of_three_lines_deploys_from_the_wheel_in_an_empty_environment(tmp_path: Path) -> None:
    built = tmp_path / "dist"
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built), cwd=ROOT)
    (wheel,) = built.glob("*.whl")
    uv, python = (sys.executable, "-m", "uv"), str(tmp_path / "venv" / "bin" / "python")
    _run(*uv, "venv", "--quiet", "--python", sys.executable, str(tmp_path / "venv"), cwd=tmp_path)
    lock = ROOT / "requirements" / "dev.lock"
    _run(
        *uv,
        "pip",
        "install",
        "--quiet",
        "--python",
        python,
        "--constraint",
        str(lock),
        str(wheel),
        "pip",
        cwd=tmp_path,
    )
    project = tmp_path / "theirs"
    project.mkdir()
    (project / "Pulumi.yaml").write_text("name: theirs\nruntime: python\n")
    (project / "__main__.py").write_text(_PROGRAM.format(agent=str(ROOT / "examples" / "01-first-turn")))

    owner = Project(tmp_path)
    try:
        engine = Engine(owner, pulumi_folder(lambda _: None), start(owner, lambda _: None))
        environment = {**os.environ, **engine.environment()}
        environment["PATH"] = f"{Path(python).parent}{os.pathsep}{environment['PATH']}"
        environment["PULUMI_BACKEND_URL"] = f"file://{tmp_path}"
        pulumi = str(engine.tools / "pulumi")
        _run(pulumi, "--non-interactive", "stack", "init", "dev", cwd=project, env=environment)
        _run(pulumi, "--non-interactive", "up", "--yes", "--skip-preview", cwd=project, env=environment)
        state = json.loads(_run(pulumi, "stack", "export", cwd=project, env=environment))
    finally:
        stop(owner)
    kinds = [resource["type"] for resource in state["deployment"]["resources"]]
    assert "agent-hosting:index:LambdaAgent" in kinds
    assert kinds.count("aws:lambda/function:Function") == 4, "agent, brake, rollout and export"
    site = _run(python, "-c", "import agent_hosting; print(agent_hosting.__file__)", cwd=tmp_path).strip()
    assert str(tmp_path) in site
    pack = "from agent_hosting_policies.testing import findings; print(findings(lambda: None))"
    assert _run(python, "-c", pack, cwd=tmp_path).strip() == "[]"
