"""The pack as users run it, with `pulumi preview --policy-pack policies`, on an embedded AWS."""

import json
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from embedded_aws.toolchain.pulumi_cli import pulumi_folder
from tests.embedded.provider_world import Run, RunningCloud, Stack, running_cloud
from tests.policies.test_bad_stacks import STACKS as BAD
from tests.policies.test_sarif import failures_of_schema

ROOT = Path(__file__).parents[2]
COMMAND = Path(sys.executable).parent / "agent-hosting"
OURS = sorted(path.name.split(".")[1] for path in (ROOT / "stacks").glob("Pulumi.*.yaml"))
RELEASED = ("staging", "prod")
RAISES = """
from ..framework.outcomes import Severity
from ..framework.rule import ResourceRule, types


def check(judged):
    raise KeyError("what the rule forgot")


RULE = ResourceRule(id="X01", name="raises", title="Raises", why="It does.", remediation="Mend it.",
                    severity=Severity.LOW, types=types("cloudwatch/logGroup:LogGroup"), check=check)
"""
MALFORMED = next(stack for stack in BAD if stack.name == "malformed-documents")
APART = {
    "agent-without-budget": "adds an agent to those that the others' resources are judged by",
    "malformed-documents": "is previewed alone",
    "privileged-pod-in-a-rollout": "speaks to Kubernetes",
    "wide-open-function": "has a function URL, which the embedded AWS does not know",
}
TOGETHER = [stack for stack in BAD if stack.name not in APART]
"""One run of the engine judges them all: their resources have names of their own."""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    with running_cloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.fixture
def stack(cloud: RunningCloud, tmp_path: Path) -> Stack:
    return Stack(tmp_path / "bad", pulumi_folder(print), cloud).create()


def judged(stack: Stack, *arguments: str, ok: bool, pack: Path = ROOT / "policies") -> Run:
    return stack.preview("--policy-pack", str(pack), *arguments, ok=ok)


def told(run: Run, level: str) -> dict[str, set[str]]:
    """Ids of rules by resource, of findings of a level."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for event in run.events:
        violation: dict[str, Any] = event.get("policyEvent", {})
        if violation.get("enforcementLevel") == level:
            _, *lines = violation["message"].replace("<{%reset%}>", "").strip().split("\n")
            (line,) = lines  # below the description of the policy, which stands for all rules
            found[violation["resourceUrn"].rpartition("::")[2]].add(line.split()[0])
    return dict(found)


@pytest.fixture(scope="module")
def project(cloud: RunningCloud, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """A copy of our own project, whose releases are packed as a user packs them."""
    folder = tmp_path_factory.mktemp("ours") / "agent-hosting"
    folder.mkdir()
    shutil.copy(ROOT / "Pulumi.yaml", folder)
    for name in ("stacks", "examples"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    local = folder / "stacks" / "Pulumi.local.yaml"
    held = yaml.safe_load(local.read_text())
    del held["encryptionsalt"]  # belongs to another passphrase than the tests'
    local.write_text(yaml.safe_dump(held))
    (folder / "state").mkdir()
    return Stack(folder, pulumi_folder(print), cloud)


@pytest.mark.parametrize("name", OURS)
def test_nothing_blocks_our_own_stack(name: str, project: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMBEDDED_ISSUER", "http://127.0.0.1:4566/issuer")
    monkeypatch.setenv("EMBEDDED_MODEL_ENDPOINT", "http://127.0.0.1:4566/model/v1")
    for agent in ("HANDBOOK", "REVIEW"):
        monkeypatch.setenv(f"AGENT_SECRET_{agent}_MODEL_API_KEY", "local-key")
    if name in RELEASED:
        pack = [str(COMMAND), "release", "new", "handbook", "--stack", name]
        subprocess.run(pack, cwd=project.folder, check=True, capture_output=True)
    project.pulumi("stack", "init", name)
    waivers = str(ROOT / "stacks" / "policy-config.json")
    run = judged(project, "--stack", name, "--policy-pack-config", waivers, ok=True)
    assert told(run, "mandatory") == {}
    assert len(run.steps()) > 20


def test_bad_stacks_are_blocked_with_the_findings_written_beside_them(stack: Stack) -> None:
    run = judged(stack.program(_all_of(TOGETHER)), *_in_prod(stack), ok=False)
    assert told(run, "mandatory") == _wanted(TOGETHER)


def test_what_is_malformed_or_huge_is_told_of_its_resource_and_the_rest_is_judged(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So is a rule that raises. And all of it is written as SARIF, with the lines that name the resources."""
    pack = tmp_path / "pack"
    shutil.copytree(ROOT / "policies", pack, ignore=shutil.ignore_patterns("__pycache__"))
    (pack / "rules" / "raises.py").write_text(RAISES)
    monkeypatch.setenv("POLICIES_SARIF", str(tmp_path / "sarif"))
    monkeypatch.setenv("GITHUB_WORKSPACE", str(ROOT / "tests" / "policies" / "bad_stacks"))
    run = judged(stack.program(_all_of([MALFORMED])), *_in_prod(stack), ok=False, pack=pack)
    wanted = _wanted([MALFORMED])
    wanted["judged-all-the-same"].add("X01")
    assert told(run, "mandatory") == wanted
    log = json.loads((tmp_path / "sarif" / f"{stack.id}.test.sarif").read_text())
    assert failures_of_schema(log) == []
    (written,) = log["runs"]
    assert written["invocations"] == [{"executionSuccessful": True}]
    blocking = [one for one in written["results"] if one["level"] == "error"]
    assert sum(len(ids) for ids in wanted.values()) == len(blocking)
    places = {one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in blocking}
    assert "malformed-documents/__main__.py" in places


def _all_of(programs: list[Path]) -> str:
    paths = [str(path / "__main__.py") for path in programs]
    return f"import runpy\nfor path in {paths!r}:\n    runpy.run_path(path)"


def _wanted(programs: list[Path]) -> dict[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path in programs:
        for name, ids in json.loads((path / "expected.json").read_text())["blocks"].items():
            found[name].update(ids)
    return dict(found)


def _in_prod(stack: Stack) -> tuple[str, str]:
    path = stack.folder / "policy-config.json"
    path.write_text(json.dumps({"agent-hosting": {"environment": "prod"}}))
    return "--policy-pack-config", str(path)
