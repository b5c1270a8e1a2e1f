"""When an object of each kind is ready, and what is said while it is not."""

from collections.abc import Mapping
from typing import Any

import pytest

from embedded_kubernetes.provider.diagnosis import diagnose
from embedded_kubernetes.provider.readiness import judge
from embedded_kubernetes.provider.tokens import Kind

Object = dict[str, Any]


def of(kind: str, spec: Object, status: Object, **metadata: Any) -> Object:
    version, _, name = kind.rpartition("/")
    metadata = {"name": "a", "namespace": "agents", "generation": 2, "uid": "1", **metadata}
    return {"apiVersion": version, "kind": name, "metadata": metadata, "spec": spec, "status": status}


def condition(kind: str, status: str = "True", **more: str) -> Object:
    return {"conditions": [{"type": kind, "status": status, **more}]}


def holding(*objects: Object) -> Any:
    def look(kind: Kind, _namespace: str, _selectors: Mapping[str, str]) -> list[Object]:
        return [o for o in objects if o["kind"] == kind.name]

    return look


nothing = holding()
SEEN, OLD = {"observedGeneration": 2}, {"observedGeneration": 1}
DEPLOYMENT, STATEFUL, POD, JOB = "apps/v1/Deployment", "apps/v1/StatefulSet", "v1/Pod", "batch/v1/Job"
CLAIM, SERVICE, ROLLOUT = "v1/PersistentVolumeClaim", "v1/Service", "argoproj.io/v1alpha1/Rollout"
DEFINITION = "apiextensions.k8s.io/v1/CustomResourceDefinition"
ALL = {"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}


@pytest.mark.parametrize(
    ("live", "says"),
    [
        (of(DEPLOYMENT, {"replicas": 2}, {**ALL, **SEEN}), "ready"),
        (of(DEPLOYMENT, {"replicas": 2}, {**ALL, **OLD}), "its controller has not seen the change yet"),
        (of(DEPLOYMENT, {"replicas": 2}, {**ALL, **SEEN, "availableReplicas": 1}), "1 of 2 pods are updated"),
        (of(DEPLOYMENT, {"replicas": 2}, {**ALL, **SEEN, "replicas": 3}), "2 of 2 pods are updated"),
        (of(DEPLOYMENT, {"replicas": 0}, SEEN), "ready"),
        (
            of(
                DEPLOYMENT,
                {},
                {
                    **SEEN,
                    **condition("Progressing", "False", reason="ProgressDeadlineExceeded", message="late"),
                },
            ),
            "failed: late",
        ),
        (of(STATEFUL, {"replicas": 2}, {**SEEN, "readyReplicas": 2}), "ready"),
        (of(STATEFUL, {"replicas": 2}, {**SEEN, "readyReplicas": 1}), "1 of 2 pods are ready"),
        (
            of(
                STATEFUL,
                {"replicas": 2},
                {
                    **SEEN,
                    "readyReplicas": 2,
                    "currentRevision": "a",
                    "updateRevision": "b",
                    "updatedReplicas": 1,
                },
            ),
            "1 of 2 pods are updated",
        ),
        (
            of(
                STATEFUL,
                {"replicas": 2, "updateStrategy": {"rollingUpdate": {"partition": 1}}},
                {
                    **SEEN,
                    "readyReplicas": 2,
                    "currentRevision": "a",
                    "updateRevision": "b",
                    "updatedReplicas": 1,
                },
            ),
            "ready",
        ),
        (
            of(
                STATEFUL,
                {"replicas": 1, "updateStrategy": {"type": "OnDelete"}},
                {**SEEN, "readyReplicas": 1, "currentRevision": "a", "updateRevision": "b"},
            ),
            "ready",
        ),
        (of(POD, {}, {"phase": "Running", **condition("Ready")}), "ready"),
        (of(POD, {}, {"phase": "Succeeded"}), "ready"),
        (of(POD, {}, {"phase": "Running"}), "it is Running, not ready"),
        (of(POD, {}, {"phase": "Failed", "message": "evicted"}), "failed: evicted"),
        (of(JOB, {}, condition("Complete")), "ready"),
        (of(JOB, {}, condition("Failed", message="too many tries")), "failed: too many tries"),
        (of(JOB, {"completions": 3}, {"succeeded": 1}), "1 of 3 pods have succeeded"),
        (of(JOB, {"suspend": True}, {}), "ready"),
        (of("v1/Namespace", {}, {"phase": "Active"}), "ready"),
        (of("v1/Namespace", {}, {"phase": "Terminating"}), "it is Terminating"),
        (of(ROLLOUT, {}, {"observedGeneration": "2", "phase": "Healthy"}), "ready"),
        (
            of(ROLLOUT, {}, {"observedGeneration": "1", "phase": "Healthy"}),
            "the Argo Rollouts controller has not",
        ),
        (
            of(ROLLOUT, {}, {**SEEN, "phase": "Paused", "message": "CanaryPauseStep"}),
            "paused as its steps say",
        ),
        (
            of(ROLLOUT, {}, {**SEEN, "phase": "Progressing", "message": "more"}),
            "the rollout is Progressing: more",
        ),
        (
            of(ROLLOUT, {}, {**SEEN, "phase": "Degraded", "message": "aborted"}),
            "failed: the rollout is degraded",
        ),
        (of(DEFINITION, {}, condition("Established")), "ready"),
        (of(DEFINITION, {}, {}), "it is not established"),
        (of(DEFINITION, {}, condition("NamesAccepted", "False", message="taken")), "failed: taken"),
        (of("v1/ConfigMap", {}, {}), "ready"),
        (of("keda.sh/v1alpha1/ScaledObject", {}, {}), "ready"),
        (of(CLAIM, {"storageClassName": "gp3"}, {"phase": "Bound"}), "ready"),
        (of(CLAIM, {}, {"phase": "Lost"}), "failed: its volume is lost"),
        (of(CLAIM, {}, {}), "ready"),
        (of(SERVICE, {"type": "ExternalName"}, {}), "ready"),
        (of(SERVICE, {"clusterIP": "None", "selector": {"app": "a"}}, {}), "ready"),
        (of(SERVICE, {"type": "LoadBalancer"}, {}), "its load balancer has no address"),
        (of(SERVICE, {"selector": {"app": "a"}}, {}), "no ready pod matches its selector app=a"),
    ],
)
def test_each_kind_is_ready_when_its_status_says_so(live: Object, says: str) -> None:
    verdict = judge(live, nothing)
    assert f"{'failed: ' if verdict.failed else ''}{verdict.reason}".startswith(says)
    assert verdict.ready is (says in ("ready", "paused as its steps say"))


@pytest.mark.parametrize(
    ("settings", "ready"),
    [
        ({"volumeBindingMode": "Immediate", "provisioner": "ebs.csi.aws.com"}, False),
        ({"volumeBindingMode": "WaitForFirstConsumer", "provisioner": "ebs.csi.aws.com"}, True),
        ({"volumeBindingMode": "Immediate", "provisioner": "kubernetes.io/no-provisioner"}, True),
    ],
)
def test_a_claim_waits_for_its_volume_only_where_its_class_provides_one_now(
    settings: Object, ready: bool
) -> None:
    storage = {**of("storage.k8s.io/v1/StorageClass", {}, {}, name="gp3"), **settings}
    assert judge(of(CLAIM, {"storageClassName": "gp3"}, {}), holding(storage)).ready is ready


@pytest.mark.parametrize(("endpoint_ready", "ready"), [(True, True), (False, False)])
def test_a_service_waits_for_a_ready_pod_behind_it(endpoint_ready: bool, ready: bool) -> None:
    behind = of("discovery.k8s.io/v1/EndpointSlice", {}, {})
    behind["endpoints"] = [{"addresses": ["10.0.0.1"], "conditions": {"ready": endpoint_ready}}]
    assert judge(of(SERVICE, {"selector": {"app": "a"}}, {}), holding(behind)).ready is ready


@pytest.mark.parametrize(
    ("expression", "ready"),
    [
        ("condition=Ready", True),
        ("condition=Ready=False", False),
        ("condition=Other", False),
        ("jsonpath={.status.phase}=Bound", True),
        ("jsonpath={.status.phase}=Lost", False),
        ("jsonpath={.status.none}", False),
        ('["condition=Ready", "jsonpath={.status.phase}"]', True),
    ],
)
def test_an_annotation_says_what_to_wait_for_instead(expression: str, ready: bool) -> None:
    live = of("a.b/v1/Thing", {}, {"phase": "Bound", **condition("Ready")})
    live["metadata"]["annotations"] = {"pulumi.com/waitFor": expression}
    assert judge(live, nothing).ready is ready


def test_a_wait_that_is_not_understood_fails_with_what_is() -> None:
    live = of("a.b/v1/Thing", {}, {}, annotations={"pulumi.com/waitFor": "ready"})
    verdict = judge(live, nothing)
    assert verdict.failed
    assert "takes condition=… or jsonpath=…, not 'ready'" in verdict.reason


def pod(name: str, status: Object) -> Object:
    return of(POD, {}, status, name=name)


def crashed(reason: str, **more: Any) -> Object:
    return {"name": "main", "ready": False, "state": {"waiting": {"reason": reason, **more}}}


WORKLOAD = of(STATEFUL, {"selector": {"matchLabels": {"app": "a"}}}, {})


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (
            {"containerStatuses": [crashed("ImagePullBackOff", message="no such image")]},
            "pod a-0: container main is in ImagePullBackOff: no such image",
        ),
        (
            {
                "containerStatuses": [
                    {"name": "main", "state": {"terminated": {"reason": "Error", "exitCode": 3}}}
                ]
            },
            "pod a-0: container main is in Error with exit code 3",
        ),
        (condition("PodScheduled", "False", message="0/3 nodes"), "pod a-0: not scheduled: 0/3 nodes"),
        ({"phase": "Running", **condition("Ready", "False", message="probe")}, "pod a-0: Running: probe"),
        (condition("Ready"), ""),
    ],
)
def test_the_pod_in_the_way_is_named_with_its_reason(status: Object, says: str) -> None:
    assert diagnose(WORKLOAD, holding(pod("a-0", status))) == says


def test_no_more_than_three_pods_are_named() -> None:
    pods = [pod(f"a-{n}", {"containerStatuses": [crashed("CrashLoopBackOff")]}) for n in range(5)]
    said = diagnose(WORKLOAD, holding(*pods))
    assert said.count("CrashLoopBackOff") == 3
    assert said.endswith("; and 2 more")


def test_a_workload_without_pods_tells_its_last_warning() -> None:
    def event(message: str, at: str) -> Object:
        about = {
            "involvedObject": {"uid": "1"},
            "lastTimestamp": at,
            "reason": "FailedCreate",
            "message": message,
        }
        return {**of("v1/Event", {}, {}), **about}

    events = [event("violates PodSecurity", "2026-01-02T00:00:00Z"), event("earlier", "2026-01-01T00:00:00Z")]
    assert diagnose(WORKLOAD, holding(*events)) == "FailedCreate: violates PodSecurity"
