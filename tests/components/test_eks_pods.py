"""The pods of a release, field by field, and what stands beside them in the cluster."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.components.eks_agents import (
    container,
    eks_agent,
    environment,
    longest_named,
    objects,
    only,
    template,
)
from tests.components.recorder import Program
from tests.components.samples import CLUSTER, SECRET_TEXT, agent_folder, bundle_id


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(agent_folder(tmp_path_factory.mktemp("agent")))


@cache
def _made(source: str, changes: str) -> Program:
    return eks_agent(source, **json.loads(changes))


def agent(source: str, **changes: Any) -> Program:
    """Run once for each set of changes, and only read."""
    return _made(source, json.dumps(changes))


SELECTED = {"agent-hosting/agent": "handbook"}


def of_release(source: str) -> dict[str, str]:
    return {**SELECTED, "agent-hosting/bundle": bundle_id(source)}


def test_a_pod_runs_as_nobody_with_no_right_and_cannot_get_one(source: str) -> None:
    assert template(agent(source))["spec"]["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "fsGroup": 65532,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container(agent(source))["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def test_a_pod_has_nothing_of_the_node_and_no_token_of_the_cluster(source: str) -> None:
    spec = template(agent(source))["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert spec["serviceAccountName"] == "handbook"
    assert set(spec).isdisjoint({"hostNetwork", "hostPID", "hostIPC", "initContainers", "hostAliases"})
    assert [set(volume) for volume in spec["volumes"]] == [{"name", "emptyDir"}]


@pytest.mark.parametrize("workload", ["stateful_set", "sandbox"])
def test_no_secret_lies_in_the_cluster_neither_as_a_value_nor_as_a_variable(
    source: str, workload: str
) -> None:
    program = agent(source, workload=workload)
    text = json.dumps(objects(program))
    assert SECRET_TEXT not in text
    for word in (
        "secretKeyRef",
        "secretRef",
        "envFrom",
        'valueFrom": {"secret',
        '"Secret"',
        "imagePullSecrets",
    ):
        assert word not in text
    told = environment(agent(source))
    assert json.loads(told["AGENT_SECRETS"])["api-key"].startswith("arn:aws:secretsmanager:"), (
        "where, not what"
    )


@pytest.mark.parametrize(
    ("longest", "visibility", "least"), [(None, None, 60), (600, None, 600), (1, 120, 40)]
)
def test_a_pod_that_goes_has_the_time_of_its_longest_step_and_then_of_a_hand_over(
    source: str, longest: int | None, visibility: int | None, least: int
) -> None:
    given = {"longest_step_seconds": longest, "visibility_seconds": visibility}
    program = agent(source, **{key: held for key, held in given.items() if held is not None})
    settles = container(program)["lifecycle"]["preStop"]["sleep"]["seconds"]
    stops = int(environment(program)["AGENT_STOP_SECONDS"])
    assert stops == least + 10
    assert template(program)["spec"]["terminationGracePeriodSeconds"] == settles + stops


def test_probes_ask_the_server_and_one_that_starts_slowly_is_let(source: str) -> None:
    held = container(agent(source))
    assert held["ports"] == [{"name": "http", "containerPort": 8080, "protocol": "TCP"}]
    paths = {kind: held[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")}
    assert paths == {
        "startup": {"path": "/healthz", "port": "http"},
        "liveness": {"path": "/healthz", "port": "http"},
        "readiness": {"path": "/readyz", "port": "http"},
    }
    startup = held["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] == 120
    liveness = held["livenessProbe"]
    assert liveness["periodSeconds"] * liveness["failureThreshold"] == 60, (
        "a busy pod is not killed for a pause"
    )


def test_a_pod_gets_what_it_asks_for_and_no_more(source: str) -> None:
    resources = container(agent(source, cpu_millicores=500, memory_mb=1024))["resources"]
    assert resources["requests"] == resources["limits"] == {"cpu": "500m", "memory": "1Gi"}


def test_the_command_is_the_runtimes_server(source: str) -> None:
    held = container(agent(source))
    assert held["command"] == ["python", "-m", "agent_runtime", "serve"]
    assert "@sha256:" in held["image"]
    names = [entry["name"] for entry in held["env"]]
    assert len(names) == len(set(names))
    assert names.index("AGENT_POD_IP") < names.index("AGENT_ADDRESS"), (
        "an address is built from what is before it"
    )
    assert environment(agent(source))["AGENT_ADDRESS"] == "http://$(AGENT_POD_IP):8080"


@pytest.mark.parametrize(("architecture", "arch"), [("arm64", "arm64"), ("x86_64", "amd64")])
def test_pods_run_on_the_processor_they_are_made_for(source: str, architecture: str, arch: str) -> None:
    spec = template(agent(source, architecture=architecture))["spec"]
    assert spec["nodeSelector"] == {"kubernetes.io/arch": arch}


def test_pods_of_a_release_spread_over_zones_and_nodes_as_far_as_there_is_room(source: str) -> None:
    spread = template(agent(source))["spec"]["topologySpreadConstraints"]
    assert [entry["topologyKey"] for entry in spread] == [
        "topology.kubernetes.io/zone",
        "kubernetes.io/hostname",
    ]
    for entry in spread:
        assert entry["whenUnsatisfiable"] == "ScheduleAnyway"
        assert entry["labelSelector"] == {"matchLabels": of_release(source)}


def test_every_pod_says_of_what_its_release_is_made(source: str) -> None:
    labels = template(agent(source))["metadata"]["labels"]
    assert labels.items() >= of_release(source).items()
    assert labels["app.kubernetes.io/version"] == bundle_id(source)
    for part in ("prompts", "model", "tools", "code", "memory"):
        assert len(labels[f"agent-hosting/{part}"]) == 12
    assert all(len(value) <= 63 for value in labels.values())


def test_a_stateful_set_keeps_each_pods_volume_when_the_pod_or_all_of_it_goes(source: str) -> None:
    spec = only(agent(source, volume_gb=7), "StatefulSet")["spec"]
    assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    (claim,) = spec["volumeClaimTemplates"]
    assert claim["spec"] == {
        "accessModes": ["ReadWriteOncePod"],
        "storageClassName": "agent-hosting",
        "resources": {"requests": {"storage": "7Gi"}},
    }
    mounts = {m["name"]: m["mountPath"] for m in spec["template"]["spec"]["containers"][0]["volumeMounts"]}
    assert mounts == {"scratch": "/tmp", claim["metadata"]["name"]: "/var/lib/agent"}
    assert "replicas" not in spec, "the scaled object owns their number"


def test_a_pod_without_a_volume_has_neither_a_claim_nor_a_mount(source: str) -> None:
    program = agent(source, volume_gb=0)
    assert only(program, "StatefulSet")["spec"]["volumeClaimTemplates"] == []
    assert [mount["name"] for mount in container(program)["volumeMounts"]] == ["scratch"]
    assert "AGENT_VOLUME" not in environment(program)


def test_the_services_find_the_pods_of_one_release(source: str) -> None:
    made, name = objects(agent(source)), f"handbook-{bundle_id(source)}"
    headless, entry = made[f"Service/{name}"]["spec"], made[f"Service/{name}-http"]["spec"]
    assert headless.pop("clusterIP") == "None"
    assert headless == entry
    assert entry["selector"] == of_release(source)
    assert entry["ports"] == [{"name": "http", "port": 8080, "targetPort": "http", "protocol": "TCP"}]
    assert only(agent(source), "StatefulSet")["spec"]["serviceName"] == name


def test_a_drained_node_takes_one_pod_of_a_release_at_a_time_and_a_broken_one_at_once(source: str) -> None:
    assert only(agent(source), "PodDisruptionBudget")["spec"] == {
        "maxUnavailable": 1,
        "selector": {"matchLabels": of_release(source)},
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }


def test_a_pod_may_ask_for_names_for_its_role_and_for_aws_and_for_nothing_undeclared(source: str) -> None:
    spec = only(agent(source, destinations=[]), "NetworkPolicy")["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert spec["podSelector"] == {"matchLabels": SELECTED}
    names, identity, aws, own = spec["egress"]
    assert [port["port"] for port in names["ports"]] == [53, 53]
    assert {port["protocol"] for port in names["ports"]} == {"UDP", "TCP"}
    pods, *addresses = names["to"]
    assert pods == {
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
    }
    # In EKS Auto Mode no pod answers: https://github.com/aws/containers-roadmap/issues/2552
    assert addresses == [{"ipBlock": {"cidr": f"{block}.0.10/32"}} for block in ("10.100", "172.20")]
    assert identity == {
        "to": [{"ipBlock": {"cidr": "169.254.170.23/32"}}],
        "ports": [{"protocol": "TCP", "port": 80}],
    }
    assert aws["to"] == [{"ipBlock": {"cidr": block}} for block in CLUSTER["aws_cidr_blocks"]]
    assert aws["ports"] == [{"protocol": "TCP", "port": 443}]
    assert own == {
        "to": [{"podSelector": {"matchLabels": SELECTED}}],
        "ports": [{"protocol": "TCP", "port": 8080}],
    }


def test_declared_destinations_are_open_on_their_port_alone(source: str) -> None:
    given = [{"cidr_block": "203.0.113.0/24"}, {"cidr_block": "198.51.100.7/32", "port": 8443}]
    *_, first, second = only(agent(source, destinations=given), "NetworkPolicy")["spec"]["egress"]
    assert first == {
        "to": [{"ipBlock": {"cidr": "203.0.113.0/24"}}],
        "ports": [{"protocol": "TCP", "port": 443}],
    }
    assert second["ports"] == [{"protocol": "TCP", "port": 8443}]


@pytest.mark.parametrize(
    ("gateway", "namespaces"),
    [
        (None, []),
        ({"name": "inner", "namespace": "gateways"}, ["envoy-gateway-system"]),
        ({"name": "inner", "proxies_namespace": "proxies"}, ["proxies"]),
    ],
)
def test_the_gateway_and_the_agents_own_pods_come_in_and_nobody_else(
    source: str, gateway: Any, namespaces: list[str]
) -> None:
    (rule,) = only(agent(source, gateway=gateway), "NetworkPolicy")["spec"]["ingress"]
    own, *others = rule["from"]
    assert own == {"podSelector": {"matchLabels": SELECTED}}
    assert [
        o["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for o in others
    ] == namespaces
    assert rule["ports"] == [{"protocol": "TCP", "port": 8080}]


def test_pods_follow_the_queue_and_the_sessions(source: str) -> None:
    program, bundle = agent(source, pod_concurrency=8, sessions_per_pod=3.5), bundle_id(source)
    spec = only(program, "ScaledObject")["spec"]
    waiting, sessions = spec["triggers"]
    assert waiting["type"] == "aws-sqs-queue"
    assert waiting["metadata"] == {
        "queueURL": program.outputs_of("RunQueue")["queue_url"],
        "queueLength": "8",
        "activationQueueLength": "0",
        "awsRegion": "eu-west-1",
    }
    assert sessions["type"] == "aws-cloudwatch"
    held = sessions["metadata"]
    assert (held["namespace"], held["metricName"]) == ("AgentHosting", "ActiveSessions")
    assert (held["dimensionName"], held["dimensionValue"]) == ("agent;bundle", f"handbook;{bundle}")
    assert (held["targetMetricValue"], held["activationTargetMetricValue"]) == ("3.5", "0")
    for trigger in (waiting, sessions):
        assert all(isinstance(value, str) for value in trigger["metadata"].values()), "KEDA takes texts alone"
        assert trigger["authenticationRef"] == {"kind": "TriggerAuthentication", "name": "handbook"}
    assert only(program, "TriggerAuthentication")["spec"] == {"podIdentity": {"provider": "aws"}}


def test_the_scaled_object_names_the_workload_and_its_bounds(source: str) -> None:
    spec = only(agent(source, min_pods=2, max_pods=5, idle_seconds=900), "ScaledObject")["spec"]
    name = f"handbook-{bundle_id(source)}"
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": name}
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (2, 5)


@pytest.mark.parametrize(("idle", "window"), [(0, 0), (900, 900), (86_400, 3_600)])
def test_idle_pods_go_after_the_time_that_was_asked_for(source: str, idle: int, window: int) -> None:
    spec = only(agent(source, idle_seconds=idle), "ScaledObject")["spec"]
    assert spec["cooldownPeriod"] == idle, "of the last pod"
    down = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
    assert down == {"stabilizationWindowSeconds": window}, (
        "of the others; Kubernetes looks back an hour at most"
    )


def test_an_idle_agent_has_no_pod_if_it_may(source: str) -> None:
    assert only(agent(source, min_pods=0, gateway=None), "ScaledObject")["spec"]["minReplicaCount"] == 0


def test_a_sandbox_is_one_pod_with_its_disk_and_its_operator_makes_its_service(source: str) -> None:
    program, name = agent(source, workload="sandbox"), f"handbook-{bundle_id(source)}"
    held = only(program, "Sandbox")
    assert held["apiVersion"] == "agents.x-k8s.io/v1alpha1"
    assert held["metadata"]["name"] == name
    assert set(held["spec"]) == {"podTemplate", "volumeClaimTemplates"}
    assert held["spec"]["podTemplate"] == template(agent(source))
    scaled = only(program, "ScaledObject")["spec"]
    assert scaled["scaleTargetRef"] == {
        "apiVersion": "agents.x-k8s.io/v1alpha1",
        "kind": "Sandbox",
        "name": name,
    }
    assert scaled["maxReplicaCount"] == 1
    assert [key for key in objects(program) if key.startswith("Service/")] == [f"Service/{name}-http"]


def test_the_longest_name_leaves_room_in_every_label_that_kubernetes_makes_of_it(tmp_path: Path) -> None:
    source = str(agent_folder(tmp_path / "agent"))
    for key, held in objects(longest_named(source)).items():
        assert len(held["metadata"]["name"]) <= 63, key
        if key.startswith("StatefulSet/"):
            assert len(held["metadata"]["name"]) + len("-1234567890") <= 63, "controller-revision-hash"
        if key.startswith("ScaledObject/"):
            assert len("keda-hpa-") + len(held["metadata"]["name"]) <= 63
