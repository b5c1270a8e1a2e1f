"""Stacks exported as Terraform plans, and Checkov that judges them."""

import json
import os
import shlex
import subprocess
import sys
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests.bench.peer_venvs import peer_python
from tests.end_to_end.deployments import COMMAND, Deployment

ACCEPTED = Path(__file__).parent / "checkov_accepted.yaml"
_RESIDENT = {
    "source": "examples/03-resident",
    "host": "eks",
    "monthly_budget_usd": 5,
    "secrets": ["model-api-key"],
    "model_endpoint": "${EMBEDDED_MODEL_ENDPOINT}",
}
KEY = "sk-of-prod-7c1f"
_START = """\
from pathlib import Path
from agent_hosting_cli import cloud_process, kubernetes
from agent_hosting_cli.project import Project
project = Project(Path.cwd())
kubernetes.start(project, cloud_process.start(project, print), print)
"""
"""What `agent-hosting up` does before it deploys, which takes minutes."""


class Failed(NamedTuple):
    check: str
    resource: str


class Judged(NamedTuple):
    """What Checkov said of one plan."""

    passed: frozenset[Failed]
    failed: frozenset[Failed]


def preview_local(deployment: Deployment) -> Path:
    """The plan of the stack `local` with all three examples, of which nothing is deployed."""
    with deployment.edit() as config:
        config["agent-hosting:agents"]["resident"] = _RESIDENT
    (deployment.root / ".agent-hosting" / "state").mkdir(parents=True)
    subprocess.run([sys.executable, "-c", _START], cwd=deployment.root, check=True, timeout=420)
    in_environment(deployment, deployment.root, "pulumi stack init local")
    deployment.run("export-plan", "--output", "local.json")
    return deployment.root / "local.json"


def preview_prod(deployment: Deployment) -> Path:
    deployment.run("release", "new", "handbook", "--stack", "prod")
    secret = f"--secret agent-hosting:handbook.model-api-key {KEY}"
    in_environment(
        deployment, deployment.root, f"pulumi stack init prod\npulumi config set --stack prod {secret}"
    )
    return exported(deployment, deployment.root, "prod", "--stack", "prod")


def exported(deployment: Deployment, folder: Path, name: str, *arguments: str) -> Path:
    """The plan of a stack other than `local`, in the environment that `agent-hosting env` prints."""
    command = shlex.join([str(COMMAND), "export-plan", "--output", f"{name}.json", *arguments])
    in_environment(deployment, folder, command)
    return folder / f"{name}.json"


def in_environment(deployment: Deployment, folder: Path, script: str) -> None:
    done = subprocess.run(
        ["sh", "-ec", f"{_environment(deployment)}\n{script}"],
        cwd=folder,
        env=deployment.env(),
        capture_output=True,
        text=True,
        timeout=420,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@cache
def _environment(deployment: Deployment) -> str:
    return deployment.run("env")


def judged(*plans: Path) -> dict[str, Judged]:
    """What Checkov says, by the plan's name: one process for all, since it takes seconds to start."""
    python = peer_python("checkov", print)
    assert python is not None
    files = [word for plan in plans for word in ("--file", str(plan))]
    command = [
        "-P",
        "-m",
        "checkov.main",
        "--framework",
        "terraform_plan",
        "--skip-download",
        "--output",
        "json",
    ]
    done = subprocess.run(
        [str(python), *command, *files],
        env={**os.environ, "LOG_LEVEL": "ERROR"},
        cwd=plans[0].parent,
        capture_output=True,
        text=True,
        timeout=420,
    )
    assert done.returncode in (0, 1), done.stderr  # 1 where a check failed
    results: dict[str, Any] = json.loads(done.stdout)["results"]
    assert results["parsing_errors"] == []
    found = {plan.stem: Judged(*(_of(plan, results[side]) for side in _SIDES)) for plan in plans}
    assert all(one.passed for one in found.values()), "a plan that is not read passes nothing"
    return found


_SIDES = ("passed_checks", "failed_checks")


def _of(plan: Path, checks: list[dict[str, Any]]) -> frozenset[Failed]:
    return frozenset(
        Failed(check["check_id"], check["resource"])
        for check in checks
        if Path(check["file_path"]).name == plan.name
    )


class Accepted:
    """Findings that were looked at and are left, with the reason."""

    def __init__(self) -> None:
        self.entries: list[dict[str, str]] = yaml.safe_load(ACCEPTED.read_text())
        self.used: set[int] = set()

    def rest(self, stack: str, failed: frozenset[Failed]) -> list[Failed]:
        """Those of the stack that no entry speaks of."""
        found: list[Failed] = []
        for one in sorted(failed):
            entries = [n for n, entry in enumerate(self.entries) if _speaks_of(entry, stack, one)]
            self.used.update(entries)
            if not entries:
                found.append(one)
        return found

    def unused(self) -> list[dict[str, str]]:
        return [entry for n, entry in enumerate(self.entries) if n not in self.used]


def _speaks_of(entry: dict[str, str], stack: str, failed: Failed) -> bool:
    is_here = entry.get("stack", stack) == stack
    return is_here and entry["check"] == failed.check and fnmatchcase(failed.resource, entry["resource"])
