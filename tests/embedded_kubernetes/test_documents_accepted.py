"""Every object that our components make is taken by the real API server, in strict field validation, and
their pods by Pod Security `restricted`."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException

from embedded_kubernetes.cluster import Cluster
from tests.embedded_kubernetes.agents import (
    agent,
    agent_cluster,
    agents_namespace,
    component_programs,
    source_of,
)
from tests.embedded_kubernetes.world import Object, World, is_ready

GATEWAY = {"name": "inner", "namespace": "gateways", "hostnames": ["agents.example.com"]}
PROMETHEUS = {
    "provider": "prometheus",
    "address": "http://prometheus.monitoring:9090",
    "queries": {"task_success": 'success{bundle="{{args.bundle}}"}'},
}
PROGRAMS: dict[str, Callable[[str, str], dict[str, Object]]] = {
    "stateful_set": lambda source, where: agent(source, where, gateway=GATEWAY),
    "sandbox": lambda source, where: agent(source, where, workload="sandbox", gateway=GATEWAY),
    "rollout": lambda source, where: agent(source, where, workload="rollout", gateway=GATEWAY),
    "rollout with prometheus": lambda source, where: agent(
        source, where, workload="rollout", gateway=None, analysis=PROMETHEUS
    ),
    "cluster": lambda _, where: agent_cluster(where, operators=["gateway"]),
    "cluster of EKS Auto Mode": lambda _, where: agent_cluster(where, nodes="karpenter"),
}
KINDS = {
    *("StatefulSet", "Sandbox", "Rollout", "AnalysisTemplate", "Service", "PodDisruptionBudget"),
    *("ScaledObject", "TriggerAuthentication", "NetworkPolicy", "HTTPRoute", "Role", "RoleBinding"),
    *("Namespace", "StorageClass", "GatewayClass", "Gateway", "ServiceAccount", "ConfigMap"),
}
NOT_DEFINED_HERE = {"NodePool"}
"""EKS Auto Mode brings this definition with it; no module that the embedded cluster installs has it."""
ALWAYS_WARNED = '299 - "spec.SessionAffinity is ignored for headless services"'
"""The API server fills this field in itself, and then warns of it, for every headless Service."""
TEMPLATES = {"StatefulSet": "template", "Sandbox": "podTemplate", "Rollout": "template"}


@pytest.fixture(scope="module")
def agents(cluster: Cluster) -> Iterator[World]:
    with agents_namespace(cluster, "documents") as world:
        yield world


@pytest.fixture(scope="module")
def made(agents: World, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Object]]:
    """The documents of each program, by kind and name."""
    folder = tmp_path_factory.mktemp("programs")
    source = source_of(folder)
    with component_programs(folder):
        return {name: program(source, agents.namespace) for name, program in PROGRAMS.items()}


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_document_is_accepted_without_a_warning(
    agents: World, made: dict[str, dict[str, Object]], program: str
) -> None:
    refused: dict[str, Any] = {}
    for key, document in made[program].items():
        if document["kind"] in NOT_DEFINED_HERE:
            continue
        try:
            _, warned = agents.apply(document, dry_run=True)
        except ApiException as error:
            refused[key] = error.body
        else:
            if unexpected := [text for text in warned if text != ALWAYS_WARNED]:
                refused[key] = unexpected
    assert refused == {}


def test_no_kind_of_document_is_left_out(made: dict[str, dict[str, Object]]) -> None:
    kinds = {document["kind"] for documents in made.values() for document in documents.values()}
    assert kinds - NOT_DEFINED_HERE == KINDS


def test_a_field_that_nobody_knows_is_refused(agents: World, made: dict[str, dict[str, Object]]) -> None:
    """Or else the test above would show nothing."""
    for kind in ("StatefulSet", "Rollout", "ScaledObject", "HTTPRoute", "Sandbox"):
        worse = deepcopy(document_of(made, kind))
        worse["spec"]["unheardOf"] = 1
        with pytest.raises(ApiException, match=r"unheardOf"):
            agents.apply(worse, dry_run=True)


def document_of(made: dict[str, dict[str, Object]], kind: str) -> Object:
    return next(d for documents in made.values() for d in documents.values() if d["kind"] == kind)


def pod_of(made: dict[str, dict[str, Object]], kind: str) -> Object:
    """A pod as the workload's controller makes it: it brings a disk for each claim."""
    document = document_of(made, kind)
    template = deepcopy(document["spec"][TEMPLATES[kind]])
    claims = document["spec"].get("volumeClaimTemplates", [])
    template["spec"]["volumes"] += [{"name": one["metadata"]["name"], "emptyDir": {}} for one in claims]
    metadata = {**template["metadata"], "name": kind.lower(), "namespace": document["metadata"]["namespace"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


@pytest.mark.parametrize("kind", TEMPLATES)
def test_a_pod_of_each_template_runs_under_pod_security_restricted(
    agents: World, made: dict[str, dict[str, Object]], kind: str
) -> None:
    enforced = agents.core.read_namespace(agents.namespace).metadata.labels
    assert enforced["pod-security.kubernetes.io/enforce"] == "restricted"
    agents.apply(document_of(made, "ServiceAccount"))
    pod = pod_of(made, kind)
    _, warned = agents.apply(pod)
    assert warned == []
    found = agents.until("v1", "Pod", pod["metadata"]["name"], is_ready)
    assert found["spec"]["serviceAccountName"] == "handbook"
    assert [volume["name"] for volume in found["spec"]["volumes"]] == [
        volume["name"] for volume in pod["spec"]["volumes"]
    ], "no token of the cluster was mounted"


WORSE: dict[str, Callable[[Object], Any]] = {
    "hostNetwork": lambda spec: spec.update(hostNetwork=True),
    "runAsNonRoot": lambda spec: spec["containers"][0]["securityContext"].update(runAsNonRoot=False),
    "allowPrivilegeEscalation": lambda spec: spec["containers"][0]["securityContext"].update(
        allowPrivilegeEscalation=True
    ),
    "unrestricted capabilities": lambda spec: spec["containers"][0]["securityContext"].update(
        capabilities={}
    ),
    "seccompProfile": lambda spec: spec["containers"][0]["securityContext"].update(
        seccompProfile={"type": "Unconfined"}
    ),
    "runAsUser=0": lambda spec: spec["securityContext"].update(runAsUser=0),
    "hostPath": lambda spec: spec["volumes"].append({"name": "node", "hostPath": {"path": "/"}}),
}


@pytest.mark.parametrize("field", WORSE)
@pytest.mark.parametrize("kind", TEMPLATES)
def test_a_pod_with_one_field_made_worse_is_refused(
    agents: World, made: dict[str, dict[str, Object]], kind: str, field: str
) -> None:
    agents.apply(document_of(made, "ServiceAccount"))
    pod = pod_of(made, kind)
    pod["metadata"]["name"] = f"worse-{kind.lower()}"
    WORSE[field](pod["spec"])
    with pytest.raises(ApiException, match=rf'violates PodSecurity \\"restricted:latest\\".*{field}'):
        agents.apply(pod, dry_run=True)
