"""Releases as revisions of one Argo Rollout, which walks the steps itself and is followed."""

import json
from typing import Any

import pytest

from tests.components.eks_agents import eks_agent, objects, only
from tests.components.recorder import Program
from tests.components.samples import CLUSTER, bundle_id
from tests.components.test_eks_releases import OLD, both

OF_THE_AGENT = {"agent-hosting/agent": "handbook"}
GATEWAY = {"name": "inner", "namespace": "gateways"}


def agent(source: str, **changes: Any) -> Program:
    return eks_agent(source, **{"workload": "rollout", "gateway": None, **changes})


def canary(program: Program) -> dict[str, Any]:
    return only(program, "Rollout")["spec"]["strategy"]["canary"]


def test_an_agent_has_one_rollout_whose_template_is_the_newest_release(source: str) -> None:
    program, newest = both(source, workload="rollout"), bundle_id(source)
    made, held = objects(program), only(program, "Rollout")
    assert held["metadata"]["name"] == "handbook"
    assert held["spec"]["selector"] == {"matchLabels": OF_THE_AGENT}, "of every revision"
    assert held["spec"]["template"]["metadata"]["labels"]["agent-hosting/bundle"] == newest
    assert not [key for key in made if key.startswith(("StatefulSet/", "Sandbox/"))]
    assert "replicas" not in held["spec"], "the scaled object owns their number"


def test_an_older_release_keeps_a_service_of_its_own_and_no_workload(source: str) -> None:
    program, newest = both(source, workload="rollout"), bundle_id(source)
    of_old = {key: held for key, held in objects(program).items() if OLD in key}
    assert set(of_old) == {f"Service/handbook-{OLD}-http"}
    for bundle in (OLD, newest):
        entry = objects(program)[f"Service/handbook-{bundle}-http"]["spec"]
        assert entry["selector"] == {**OF_THE_AGENT, "agent-hosting/bundle": bundle}
    outputs = program.outputs_of("EksAgent")
    assert set(outputs["service_names"]) == set(outputs["queue_urls"]) == {OLD, newest}
    assert {key for key in objects(program) if key.startswith(("Pod", "Scaled"))} == {
        "PodDisruptionBudget/handbook",
        "ScaledObject/handbook",
    }


@pytest.mark.parametrize(
    ("given", "walk"),
    [
        ({}, [(5, 172_800), (20, 86_400), (50, 86_400), (100, 86_400)]),
        (
            {"steps": [{"percent": 10, "hold_seconds": 90}, {"percent": 100, "hold_seconds": 0.5}]},
            [(10, 90), (100, 0.5)],
        ),
    ],
    ids=["by default", "as asked"],
)
def test_the_steps_of_the_rollout_are_those_of_the_plan(
    source: str, given: dict[str, Any], walk: list[tuple[int, float]]
) -> None:
    program = agent(source, rollout=given)
    expected: list[dict[str, Any]] = []
    for percent, seconds in walk:
        expected += [{"setWeight": percent}, {"pause": {"duration": f"{seconds:g}s"}}]
    assert canary(program)["steps"] == expected
    planned = plan(program)["steps"]
    assert [(one["basis_points"] / 100, one["hold_seconds"]) for one in planned] == walk


def test_the_stable_and_the_candidate_have_services_that_argo_divides(source: str) -> None:
    program = agent(source)
    for label in ("stable", "candidate"):
        assert objects(program)[f"Service/handbook-{label}"]["spec"]["selector"] == OF_THE_AGENT
    held = canary(program)
    assert (held["stableService"], held["canaryService"]) == ("handbook-stable", "handbook-candidate")
    assert held["maxUnavailable"] == 0
    assert "trafficRouting" not in held, "without a gateway its share is its share of the pods"


def test_with_a_gateway_argos_plugin_owns_the_weights_of_the_route(source: str) -> None:
    program = agent(source, gateway=GATEWAY)
    plugins = canary(program)["trafficRouting"]["plugins"]
    assert plugins == {"argoproj-labs/gatewayAPI": {"httpRoute": "handbook", "namespace": "agents"}}
    (rule,) = only(program, "HTTPRoute")["spec"]["rules"]
    weights = {backend["name"]: backend["weight"] for backend in rule["backendRefs"]}
    assert weights == {"handbook-stable": 100, "handbook-candidate": 0}
    route = program.one("HTTPRoute", "handbook-route")
    assert route.ignore_changes == ("spec.rules",), "a deployment leaves them as they are"


def test_what_argo_measures_is_what_the_gate_does_of_the_candidate_alone(source: str) -> None:
    program = agent(source)
    spec = only(program, "AnalysisTemplate")["spec"]
    assert [metric["name"] for metric in spec["metrics"]] == [
        *("task-success", "grounding", "tool-call-accuracy", "p95-latency-ms", "cost-per-run-usd")
    ]
    for metric in spec["metrics"]:
        assert (metric["failureLimit"], metric["inconclusiveLimit"]) == (0, 3)
        for query in metric["provider"]["cloudWatch"]["metricDataQueries"]:
            if "metricStat" in query:
                named = {one["name"]: one["value"] for one in query["metricStat"]["metric"]["dimensions"]}
                assert named == {"agent": "handbook", "bundle": "{{args.bundle}}"}
    analysis = canary(program)["analysis"]
    assert analysis["args"] == [{"name": "bundle", "value": bundle_id(source)}]
    assert analysis["templates"] == [{"templateName": "handbook"}]


def test_templates_of_your_own_are_judged_beside_ours(source: str) -> None:
    program = agent(source, analysis={"templates": ["theirs"]})
    named = canary(program)["analysis"]["templates"]
    assert named == [{"templateName": "handbook"}, {"templateName": "theirs"}]


def test_prometheus_is_asked_by_the_queries_that_were_given(source: str) -> None:
    asked = {"task_success": "sum(a)", "p95_latency_ms": "quantile(b)"}
    given = {"provider": "prometheus", "address": "http://prometheus:9090", "queries": asked}
    thresholds = {
        "task_success": {"at_least": 0.9},
        "p95_latency_ms": {"at_most": 4_000},
        "cost_per_run_usd": {"at_most": 1},
    }
    program = agent(source, analysis=given, rollout={"thresholds": thresholds})
    success, latency = only(program, "AnalysisTemplate")["spec"]["metrics"]
    assert success["provider"] == {"prometheus": {"address": "http://prometheus:9090", "query": "sum(a)"}}
    assert success["successCondition"] == "len(result) > 0 && result[0] >= 0.9"
    assert success["failureCondition"] == "len(result) > 0 && result[0] < 0.9"
    assert latency["successCondition"] == "len(result) > 0 && result[0] <= 4000.0"


def plan(program: Program) -> dict[str, Any]:
    item = json.loads(program.one("TableItem", "handbook-rollout-plan").inputs["item"])
    return json.loads(item["document"]["S"])


@pytest.mark.parametrize("gateway", [None, GATEWAY], ids=["without a gateway", "with one"])
def test_the_controller_follows_argo_and_moves_nothing(source: str, gateway: Any) -> None:
    program = agent(source, gateway=gateway)
    found = plan(program)
    assert found["argo_rollout"] == {
        "cluster_name": CLUSTER["cluster_name"],
        "endpoint": CLUSTER["endpoint"],
        "certificate_authority": CLUSTER["certificate_authority"],
        "namespace": "agents",
        "name": "handbook",
    }
    assert found["http_route"] is None
    network = program.one("Function", "handbook-rollout").inputs["vpcConfig"]
    assert network["subnetIds"] == CLUSTER["subnet_ids"]


def test_the_controller_may_look_at_its_own_rollout_and_at_revisions(source: str) -> None:
    program = agent(source)
    assert only(program, "Role")["rules"] == [
        {
            "apiGroups": ["argoproj.io"],
            "resources": ["rollouts"],
            "verbs": ["get"],
            "resourceNames": ["handbook"],
        },
        {"apiGroups": ["apps"], "resources": ["replicasets"], "verbs": ["get"]},
    ]
    (subject,) = only(program, "RoleBinding")["subjects"]
    entry = program.one("AccessEntry", "handbook-traffic").inputs
    assert entry["kubernetesGroups"] == [subject["name"]] == ["agent-hosting:agents:handbook"]


def test_the_scaled_object_names_the_rollout(source: str) -> None:
    held = only(agent(source), "ScaledObject")["spec"]
    assert held["scaleTargetRef"] == {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "name": "handbook",
    }


def test_a_pod_of_a_rollout_has_no_volume(source: str) -> None:
    template = only(agent(source), "Rollout")["spec"]["template"]["spec"]
    assert [volume["name"] for volume in template["volumes"]] == ["scratch"]


def test_a_sandbox_has_one_pod_and_its_operator_names_it(source: str) -> None:
    program, name = eks_agent(source, workload="sandbox"), f"handbook-{bundle_id(source)}"
    made = objects(program)
    assert {key for key in made if name in key} == {
        f"Sandbox/{name}",
        f"Service/{name}-http",
        f"PodDisruptionBudget/{name}",
        f"ScaledObject/{name}",
    }, "its operator makes the headless service"
    assert made[f"Sandbox/{name}"]["apiVersion"] == "agents.x-k8s.io/v1alpha1"
    spec = made[f"ScaledObject/{name}"]["spec"]
    assert (spec["maxReplicaCount"], spec["scaleTargetRef"]["kind"]) == (1, "Sandbox")
