"""The policy pack beside Checkov on the exported plan of the same stack, and what it adds to a preview."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from agent_hosting_cli.cloud_process import start, stop
from agent_hosting_cli.engine import Engine
from agent_hosting_cli.project import Project
from agent_hosting_cli.terraform.plan import plan_of
from agent_hosting_cli.terraform.states import UNKNOWN as UNKNOWN_OF_PREVIEWS
from embedded_aws.toolchain.pulumi_cli import pulumi_folder
from policies.framework.judge import Judge
from policies.framework.resource import Resource
from policies.framework.values import UNKNOWN
from policies.rules import all_rules
from tests.bench.peer_venvs import peer_python
from tests.bench.rows import paired, row

ROOT: Final = Path(__file__).parents[2]
SIZES: Final = (50, 200, 500)
LARGE, SMALL = 2000, 200
_ADDED_SECONDS: Final = 1.2
_PAIRS: Final = 3
_PROGRAM: Final = """\
import json, os
import pulumi
import pulumi_aws as aws

WHO = {"Service": "lambda.amazonaws.com"}
TRUST = {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": WHO}]}
for n in range(int(os.environ["BENCH_RESOURCES"]) // 10):
    tags = {"agent": f"agent-{n}"}
    role = aws.iam.Role(f"role-{n}", assume_role_policy=json.dumps(TRUST), tags=tags)
    dead = aws.sqs.Queue(f"dead-{n}", tags=tags)
    queue = aws.sqs.Queue(f"queue-{n}", redrive_policy=dead.arn.apply(
        lambda arn: json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})), tags=tags)
    aws.iam.RolePolicy(f"rights-{n}", role=role.name, policy=queue.arn.apply(lambda arn: json.dumps(
        {"Statement": [{"Effect": "Allow", "Action": "sqs:ReceiveMessage", "Resource": arn}]})))
    aws.cloudwatch.LogGroup(f"log-{n}", retention_in_days=30, tags=tags)
    aws.lambda_.Function(f"function-{n}", role=role.arn, runtime="python3.12", handler="a.b", timeout=10,
        code=pulumi.FileArchive(os.path.abspath("code")), tags=tags,
        environment={"variables": {"QUEUE": queue.url}})
    aws.dynamodb.Table(f"table-{n}", attributes=[{"name": "pk", "type": "S"}], hash_key="pk",
        billing_mode="PAY_PER_REQUEST", point_in_time_recovery={"enabled": True}, tags=tags)
    bucket = aws.s3.Bucket(f"bucket-{n}", tags=tags)
    aws.s3.BucketPublicAccessBlock(f"closed-{n}", bucket=bucket.id, block_public_acls=True,
        block_public_policy=True, ignore_public_acls=True, restrict_public_buckets=True)
    aws.kms.Key(f"key-{n}", enable_key_rotation=True, tags=tags)
"""
"""Ten resources an agent, that refer to each other."""


def rows(folder: Path, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Rows of the pack. Without Checkov those beside it are left out."""
    engine = _Engine(folder / "policies", say)
    try:
        previews = {size: engine.preview(size) for size in SIZES}
        added = engine.added(SMALL)
    finally:
        engine.close()
    found = [*_beside_checkov(previews, say), *_evaluation(previews[SMALL])]
    seconds = sorted(with_pack - without for with_pack, without in added)[len(added) // 2]
    name = f"what the pack adds to a preview of {SMALL} resources, beside the preview without"
    without = sorted(one for _, one in added)[len(added) // 2]
    target = f"<= {_ADDED_SECONDS} s"
    return [*found, row(name, seconds, without, target, seconds <= _ADDED_SECONDS, "s")]


class _Engine:
    """Pulumi with a project of a chosen size, on an embedded cloud of its own."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self._say, self._owner, self._folder = say, Project(folder), folder / "stack"
        self._folder.mkdir(parents=True)
        (self._folder / "Pulumi.yaml").write_text("name: bench\nruntime: python\n")
        (self._folder / "__main__.py").write_text(_PROGRAM)
        (self._folder / "code").mkdir()
        (self._folder / "code" / "a.py").write_text("")
        advisory = {"levels": {rule.id: "advisory" for rule in all_rules()}, "environment": "dev"}
        (self._folder / "advice.json").write_text(json.dumps({"agent-hosting": advisory}))
        self._pulumi = Engine(self._owner, pulumi_folder(say), start(self._owner, say))
        self._environment = {**os.environ, **self._pulumi.environment()}
        self._environment["PULUMI_BACKEND_URL"] = f"file://{folder}"
        self._run("stack", "init", "bench")

    def preview(self, size: int) -> dict[str, Any]:
        self._say(f"a preview of {size} resources")
        return json.loads(self._run("preview", "--json", size=size))

    def added(self, size: int) -> list[tuple[float, float]]:
        """Seconds of previews with the pack and without it."""
        self._say(f"previews of {size} resources with the pack and without")
        pack = ("--policy-pack", str(ROOT / "policies"), "--policy-pack-config", "advice.json")
        return [(self._timed(size, *pack), self._timed(size)) for _ in range(_PAIRS)]

    def close(self) -> None:
        stop(self._owner)

    def _timed(self, size: int, *options: str) -> float:
        began = time.perf_counter()
        self._run("preview", *options, size=size)
        return time.perf_counter() - began

    def _run(self, *arguments: str, size: int = 0) -> str:
        command = [str(self._pulumi.tools / "pulumi"), "--non-interactive", "--color", "never", *arguments]
        variables = {**self._environment, "BENCH_RESOURCES": str(size)}
        done = subprocess.run(
            command, cwd=self._folder, env=variables, capture_output=True, text=True, timeout=600
        )
        if done.returncode != 0:
            raise RuntimeError(f"pulumi {arguments[0]} failed: {done.stdout[-3000:]}{done.stderr[-3000:]}")
        return done.stdout


def _beside_checkov(previews: dict[int, dict[str, Any]], say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Whole processes: ours reads the preview, Checkov the plan that was exported from it."""
    checkov = peer_python("checkov", say)
    if checkov is None:
        return []
    found: list[dict[str, Any]] = []
    for size, preview in previews.items():
        say(f"Checkov on {size} resources")
        told, plan = Path(f"build/preview-{size}.json"), Path(f"build/plan-{size}.json")
        told.parent.mkdir(exist_ok=True)
        told.write_text(json.dumps(preview))
        plan.write_text(json.dumps(plan_of(preview)))
        options = ["--framework", "terraform_plan", "--skip-download", "--compact", "--quiet", "--soft-fail"]
        theirs = [str(checkov), "-P", "-m", "checkov.main", *options, "--file", str(plan)]
        ours = [sys.executable, "-m", "tests.bench.policies", str(told)]
        name = f"the pack's judgement of {size} resources, beside Checkov on the exported plan"
        found.append(paired(name, [(_process(ours), _process(theirs)) for _ in range(_PAIRS)], 1.0, "s"))
    return found


def _process(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    return time.perf_counter() - began


def _evaluation(preview: dict[str, Any]) -> list[dict[str, Any]]:
    small = _milliseconds(_copies(preview, SMALL))
    large = _milliseconds(_copies(preview, LARGE))
    return [
        row(f"all rules, a resource of {SMALL}, beside a millisecond", small, 1.0, "< 1", small < 1, "ms"),
        row(f"the same of {LARGE}, beside that of {SMALL}", large, small, "< 1 ms, <= 1.5",
            large < 1 and large <= 1.5 * small, "ms"),
    ]  # fmt: skip


def _copies(preview: dict[str, Any], count: int) -> list[Resource]:
    """So many resources, each copy of the stack with names and tags of its own."""
    text, found = json.dumps(preview), list[Resource]()
    while len(found) < count:
        found += resources(json.loads(re.sub(r"\b([a-z]+)-(\d+)\b", rf"\1-{len(found)}x\2", text)))
    return found[:count]


def _milliseconds(many: list[Resource]) -> float:
    """The best of three, a resource."""
    times: list[float] = []
    for _ in range(3):
        judge = Judge(all_rules())
        began = time.process_time()
        judge.everything(many)
        times.append((time.process_time() - began) * 1000 / len(many))
    return min(times)


def resources(preview: dict[str, Any]) -> list[Resource]:
    """What the engine would hand to the pack."""
    states = [step["newState"] for step in preview["steps"]]
    return [
        Resource(
            state["type"],
            _plain(state.get("inputs") or {}),
            state["urn"],
            state["urn"].rpartition("::")[2],
            state.get("parent", ""),
            {key: tuple(urns or ()) for key, urns in (state.get("propertyDependencies") or {}).items()},
        )
        for state in states
    ]


def _plain(held: Any) -> Any:
    if isinstance(held, dict):
        return {key: _plain(value) for key, value in held.items()}
    if isinstance(held, list):
        return [_plain(value) for value in held]
    return UNKNOWN if held == UNKNOWN_OF_PREVIEWS else held


if __name__ == "__main__":
    for finding in Judge(all_rules()).everything(resources(json.loads(Path(sys.argv[1]).read_text()))):
        sys.stdout.write(finding.line + "\n")
