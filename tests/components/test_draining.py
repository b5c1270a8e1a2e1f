"""A release that takes runs, or that one would go back to, is not taken away."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from agent_hosting import AgentPlatform, EcsAgent, LambdaAgent
from agent_hosting._draining import HOOK, refusal
from agent_runtime.rollout.record import Phase, Record
from tests.components.recorder import run
from tests.components.samples import IMAGE, PLATFORM, agent_folder, lambda_args, packed

A, B, C = "a" * 12, "b" * 12, "c" * 12
HOSTS = pytest.mark.parametrize("host", [LambdaAgent, EcsAgent])
CANARY = Record(A, B, 500, previous=C, phase=Phase.CANARY)


@pytest.mark.parametrize(
    ("record", "bundle_id", "said"),
    [
        (Record(A), A, "takes 100 % of new runs.*deploy a release that takes its place"),
        (Record(A, previous=B), A, f"takes 100 % .*send its runs to {B} first: .*release rollback handbook "),
        (CANARY, B, "takes 5 % of new runs.* drain it first: agent-hosting release rollback handbook --why"),
        (
            CANARY,
            A,
            f"takes 95 % .*let {B} take its place first: agent-hosting release promote handbook --why",
        ),
        (
            Record(B, previous=A, phase=Phase.WATCH),
            A,
            f"what {B} goes back to while .*release status handbook",
        ),
    ],
)
def test_what_takes_runs_stays_and_the_command_that_drains_it_is_told(
    record: Record, bundle_id: str, said: str
) -> None:
    found = refusal("handbook", bundle_id, record)
    assert found is not None
    assert found.startswith(f"release {bundle_id} of agent handbook ")
    assert re.search(said, found), found


@pytest.mark.parametrize(
    ("record", "bundle_id"),
    [
        (Record(A), B),
        (CANARY, C),
        (Record(A, B, phase=Phase.WAITING), B),
        (Record(B, previous=A), A),
        (Record(A, rejected={B: 5}), B),
    ],
)
def test_what_takes_no_run_may_go(record: Record, bundle_id: str) -> None:
    assert refusal("handbook", bundle_id, record) is None


@HOSTS
@pytest.mark.parametrize(("more", "hooks"), [({}, (HOOK,)), ({"shares": {"newest": 1.0}}, ())], ids=str)
def test_releases_are_guarded_where_the_traffic_record_rules(
    host: type, tmp_path: Path, more: dict[str, Any], hooks: tuple[str, ...]
) -> None:
    newest = {**packed(agent_folder(tmp_path)), **({"image": IMAGE} if host is EcsAgent else {})}
    program = run(lambda: host("handbook", lambda_args("", platform=PLATFORM, releases=[newest], **more)))
    item = program.one("TableItem", f"handbook-release-{newest['bundle_id']}")
    assert item.before_delete == hooks
    if not more:
        records = [
            r for r in program.all("TableItem") if json.loads(r.inputs["item"])["item"]["S"] == "traffic"
        ]
        assert [item.urn in record.depends_on for record in records] == [True], "it goes before its releases"


def test_several_agents_and_their_platform_share_one_hook(tmp_path: Path) -> None:
    newest = packed(agent_folder(tmp_path))

    def program() -> None:
        AgentPlatform("platform", {})
        for name in ("handbook", "review"):
            LambdaAgent(name, lambda_args("", platform=PLATFORM, releases=[newest]))

    assert {r.before_delete for r in run(program).all("TableItem") if "-release-" in r.name} == {(HOOK,)}
