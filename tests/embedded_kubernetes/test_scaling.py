"""ScaledObjects move workloads to zero and back."""

from typing import Any

from tests.embedded.functions_world import REGION
from tests.embedded_kubernetes.live_world import LiveWorld


def scaled(live: LiveWorld, namespace: str, kind: str, trigger: Any, **spec: Any) -> None:
    body = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": "agent"},
        "spec": {
            "scaleTargetRef": {"kind": kind, "name": "agent"},
            "minReplicaCount": 0,
            "maxReplicaCount": 3,
            "pollingInterval": 3600,
            "triggers": [trigger],
            **spec,
        },
    }
    made = live.api.post(f"/apis/keda.sh/v1alpha1/namespaces/{namespace}/scaledobjects", body)
    assert live.workloads.scaler.cache.wait_for(made["metadata"]["resourceVersion"])


def changes(live: LiveWorld, namespace: str, *, idle: bool = False) -> list[tuple[int, int]]:
    found = live.workloads.scale(idle=idle)
    return [(one["before"], one["after"]) for one in found if one["namespace"] == namespace]


def test_a_queue_wakes_a_stateful_set_and_lets_it_sleep(live: LiveWorld) -> None:
    namespace = live.namespace()
    queues = live.aws("sqs")
    url = queues.create_queue(QueueName=f"q-{namespace}")["QueueUrl"]
    live.workload("statefulsets", namespace, "agent", replicas=0)
    metadata = {"queueURL": url, "queueLength": "2", "awsRegion": REGION}
    scaled(live, namespace, "StatefulSet", {"type": "aws-sqs-queue", "metadata": metadata})
    assert changes(live, namespace) == []
    for number in range(3):
        queues.send_message(QueueUrl=url, MessageBody=str(number))
    assert changes(live, namespace) == [(0, 2)]
    live.ready(namespace, "agent", 2)
    queues.receive_message(QueueUrl=url, MaxNumberOfMessages=3)
    assert changes(live, namespace) == []
    queues.purge_queue(QueueUrl=url)
    assert changes(live, namespace) == []
    assert changes(live, namespace, idle=True) == [(2, 0)]
    live.ready(namespace, "agent", 0)


def test_a_metric_scales_a_deployment_within_its_bounds(live: LiveWorld) -> None:
    namespace = live.namespace()
    live.workload("deployments", namespace, "agent", replicas=0)
    metadata = {
        "namespace": "Agents",
        "metricName": f"Sessions-{namespace}",
        "targetMetricValue": "4",
        "minMetricValue": "0",
        "awsRegion": REGION,
        "metricStat": "Maximum",
        "metricStatPeriod": "60",
    }
    scaled(live, namespace, "Deployment", {"type": "aws-cloudwatch", "metadata": metadata})
    assert changes(live, namespace) == []
    live.aws("cloudwatch").put_metric_data(
        Namespace="Agents", MetricData=[{"MetricName": f"Sessions-{namespace}", "Value": 100}]
    )
    assert changes(live, namespace) == [(0, 3)]


def test_a_rollout_is_scaled_through_its_scale_subresource(live: LiveWorld) -> None:
    namespace = live.namespace()
    url = live.aws("sqs").create_queue(QueueName=f"q-{namespace}")["QueueUrl"]
    spec = {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "agent"}},
        "template": live.template("agent"),
        "strategy": {"canary": {"steps": [{"setWeight": 20}]}},
    }
    body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "agent"}}
    path = f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/rollouts"
    live.api.post(path, {**body, "spec": spec})
    trigger = {"type": "aws-sqs-queue", "metadata": {"queueURL": url, "awsRegion": REGION}}
    target = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "agent"}
    scaled(live, namespace, "Rollout", trigger, scaleTargetRef=target)
    live.workloads.scale()
    assert live.api.get(f"{path}/agent")["spec"]["replicas"] == 0


def test_a_trigger_of_another_type_is_recorded_and_said(live: LiveWorld) -> None:
    namespace = live.namespace()
    live.workload("deployments", namespace, "agent", replicas=1)
    scaled(live, namespace, "Deployment", {"type": "cpu", "metadata": {"value": "60"}})
    assert changes(live, namespace) == []
    said = f"ScaledObject {namespace}/agent: trigger cpu: recorded, not emulated"
    assert said in live.log
