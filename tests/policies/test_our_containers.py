"""What our components make for containers keeps the rules on tasks, clusters and networks in prod."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from policies.framework.judge import Judge
from policies.framework.outcomes import Finding
from policies.framework.settings import Settings
from policies.rules import all_rules, kubernetes_is_supported
from policies.testing import program_resources
from tests.components.conftest import _kept, _no_packages_are_installed
from tests.components.recorder import run
from tests.components.samples import BEDROCK, agent_folder, given

from agent_hosting import AgentCluster, AgentNetwork, AgentPlatform, EcsAgent, EksAgent  # isort: skip
from agent_hosting.agent_cluster import reference_to_cluster  # isort: skip
from agent_hosting.agent_platform import reference_to  # isort: skip

__all__ = ["_kept", "_no_packages_are_installed"]

NUMBERS = ("18", "19", "20", "21", "22", "23", "39", "40", "41", "42", "43")
OURS = [r for r in all_rules() if r.id.rstrip("bcdef") in {*(f"C{n}" for n in NUMBERS), "AG11", "AG18"}]


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(kubernetes_is_supported, "today", lambda: date(2026, 11, 21))
    return str(agent_folder(tmp_path, model=BEDROCK))


def judged(program: Callable[[], Any]) -> list[Finding]:
    return [f for f in Judge(OURS, Settings("prod")).everything(program_resources(run(program))) if f.blocks]


def agent(component: Any, source: str, **shared: Any) -> None:
    component("handbook", {**given(component, "handbook", source), **shared})


def test_an_agent_on_ecs_may_only_be_told_of_its_way_to_everywhere(source: str) -> None:
    def program() -> None:
        agent(EcsAgent, source, platform=reference_to(AgentPlatform("shared", {"containers": True})))

    assert [(told.rule_id, told.path) for told in judged(program)] == [("AG18", "egress[0]")]


@pytest.mark.parametrize("way_out", [{"internet_access": False}, {"reached_cidr_blocks": ["8.8.8.0/24"]}])
def test_an_agent_on_ecs_that_reaches_named_places_keeps_every_rule(source: str, way_out: Any) -> None:
    def program() -> None:
        boundary = AgentPlatform("roles", {}).boundary_arn
        private = ("bedrock-runtime", "ecr.api", "ecr.dkr", "kms", "logs", "secretsmanager", "sqs")
        made = AgentNetwork("net", {"boundary_arn": boundary, "private_endpoints": private, **way_out})
        network: Any = {"subnet_ids": made.subnet_ids, "security_group_ids": made.security_group_ids}
        shared = AgentPlatform("shared", {"containers": True, "network": network})
        agent(EcsAgent, source, platform=reference_to(shared))

    assert [told.line for told in judged(program)] == []


@pytest.mark.parametrize("nodes", ["managed", "karpenter"])
def test_an_agent_on_eks_keeps_every_rule(source: str, nodes: str) -> None:
    def program() -> None:
        shared = AgentPlatform("shared", {})
        args: Any = {"boundary_arn": shared.boundary_arn, "nodes": nodes}
        cluster = AgentCluster("pods", args)
        place = {"platform": reference_to(shared), "cluster": reference_to_cluster(cluster)}
        agent(EksAgent, source, **place)

    assert [told.line for told in judged(program)] == []
