"""What our own components put into a cluster keeps every rule on clusters, in prod."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from policies.framework.judge import Judge
from policies.framework.resource import Resource
from policies.framework.settings import Settings
from policies.rules import all_rules
from tests.components.conftest import _kept, _no_packages_are_installed, source
from tests.components.eks_agents import agent_on_a_cluster
from tests.components.recorder import Program
from tests.policies.judging import ABSENT
from tests.policies.pod_samples import put

__all__ = ["_kept", "_no_packages_are_installed", "source"]
OF_CLUSTERS = [one for one in all_rules() if any(kind.startswith("kubernetes:") for kind in one.types)]
WORKLOADS = ["stateful_set", "sandbox", "rollout"]


def resources(program: Program) -> list[Resource]:
    return [Resource(r.type, r.inputs, r.urn, r.name, r.parent) for r in program.resources if not r.read]


@pytest.mark.parametrize("workload", WORKLOADS)
def test_our_agent_in_each_workload_keeps_every_rule_in_prod(workload: str, source: str) -> None:
    judge = Judge(OF_CLUSTERS, Settings(environment="prod"))
    assert [told.line for told in judge.everything(resources(agent_on_a_cluster(source, workload)))] == []


TAKEN_AWAY = {
    "networking.k8s.io:NetworkPolicy": {"C50", "C50c"},
    "policy:PodDisruptionBudget": {"AG19b"},
    "storage.k8s.io:StorageClass": {"AG19"},
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": {"AG19c"},
}


def test_what_is_taken_away_from_our_agent_is_missed(source: str) -> None:
    """So that the test above does not pass for want of anything to judge."""
    whole = resources(agent_on_a_cluster(source, "stateful_set"))
    for kind, rules in TAKEN_AWAY.items():
        left = [one for one in whole if one.family.removeprefix("kubernetes:") != kind]
        assert len(left) < len(whole), kind
        assert {told.rule_id for told in Judge(OF_CLUSTERS).everything(left)} == rules, kind


def test_of_the_operators_that_we_install_no_more_is_said_than_that_nobody_saw_them(source: str) -> None:
    program = agent_on_a_cluster(source, "stateful_set", operators=["keda"])
    (told,) = Judge(OF_CLUSTERS).everything(resources(program))
    assert (told.rule_id, told.outcome.value, told.blocks) == ("C45e", "not checked", False)


POD = "spec.template.spec"
SAID_TWICE = {
    f"{POD}.{said}"
    for said in (
        "securityContext.runAsUser",  # the image's own user is none that is root: runAsNonRoot refuses it
        "securityContext.runAsGroup",
        "securityContext.runAsNonRoot",  # the container says it again
        "securityContext.seccompProfile.type",
        "securityContext.fsGroup",  # who may write the disk, which Pod Security does not ask
        "securityContext.fsGroupChangePolicy",
        "containers[0].securityContext.runAsNonRoot",  # the pod says it again
        "containers[0].resources.requests.cpu",  # as large as the limit by default
        "containers[0].resources.requests.memory",
        "automountServiceAccountToken",  # the account says it again
    )
}
"""What of our pods can be left out without harm."""


def leaves(held: Any, path: str) -> Iterator[str]:
    if isinstance(held, dict):
        for key, value in held.items():
            yield from leaves(value, f"{path}.{key}")
    elif not isinstance(held, list):
        yield path


def test_whatever_protects_our_pods_is_missed_when_it_is_left_out(source: str) -> None:
    whole = resources(agent_on_a_cluster(source, "stateful_set"))
    at = next(n for n, one in enumerate(whole) if one.family == "kubernetes:apps:StatefulSet")
    pod = whole[at].props["spec"]["template"]["spec"]
    parts = ("securityContext", "containers[0].securityContext", "containers[0].resources")
    paths = [path for part in parts for path in leaves(_at(pod, part), f"{POD}.{part}")]
    paths += [f"{POD}.containers[0].{key}" for key in ("livenessProbe", "readinessProbe", "image")]
    paths += [f"{POD}.{key}" for key in ("serviceAccountName", "automountServiceAccountToken")]
    paths += [f"{POD}.containers[0].securityContext.capabilities.drop", "metadata.namespace"]
    judge, missed = Judge(OF_CLUSTERS), set[str]()
    for path in paths:
        changed = replace(whole[at], props=put(dict(whole[at].props), path, ABSENT))
        if not judge.everything([*whole[:at], changed, *whole[at + 1 :]]):
            missed.add(path)
    assert len(paths) > 20
    assert missed == SAID_TWICE


def _at(pod: dict[str, Any], part: str) -> Any:
    return pod[part] if part in pod else pod["containers"][0][part.partition(".")[2]]
