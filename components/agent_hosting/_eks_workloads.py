"""What keeps the pods of a release, and what stands beside it: pure documents."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from agent_hosting._container_releases import WorkerRelease
from agent_hosting._eks_limits import EksLimits, Workload
from agent_hosting._eks_namespaces import STORAGE_CLASS
from agent_hosting._eks_pods import PORT, Pods, selector
from agent_hosting._kubernetes import Document
from agent_hosting._rollout_watch import NAMESPACE

_DNS_OF_EKS = ("10.100.0.10/32", "172.20.0.10/32")
"""Names in EKS Auto Mode, whose DNS is on the node and no pod: the service's address in the two blocks of
which EKS takes one, https://docs.aws.amazon.com/eks/latest/APIReference/API_KubernetesNetworkConfigRequest.html"""
_LONGEST_LOOK_BACK_SECONDS = 3600
"""https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#stabilization-window"""
KINDS: Mapping[Workload, tuple[str, str]] = {
    Workload.STATEFUL_SET: ("apps/v1", "StatefulSet"),
    Workload.SANDBOX: ("agents.x-k8s.io/v1alpha1", "Sandbox"),
    Workload.ROLLOUT: ("argoproj.io/v1alpha1", "Rollout"),
}


def metadata(name: str, pods: Pods, labels: Mapping[str, str] | None = None) -> Document:
    return {"name": name, "namespace": pods.namespace, "labels": {**selector(pods.agent), **(labels or {})}}


def service_name(agent: str, bundle_id: str) -> str:
    """Name in front of the pods of a release. Not the workload's own, which a sandbox's operator takes."""
    return f"{agent}-{bundle_id}-http"


def stateful_set(name: str, pods: Pods, release: WorkerRelease, template: Document) -> Document:
    """Pods by name, each with its disk, which stays when the pod or all of it goes.

    No workload says how many pods it has: it begins with one, by which it proves itself, and then the scaled
    object owns the number.
    """
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": metadata(name, pods, selector(pods.agent, release.bundle_id)),
        "spec": {
            "serviceName": name,
            "podManagementPolicy": "Parallel",
            "minReadySeconds": 5,
            "selector": {"matchLabels": selector(pods.agent, release.bundle_id)},
            "updateStrategy": {"type": "RollingUpdate"},
            "template": template,
            "volumeClaimTemplates": pods.volume_claims(STORAGE_CLASS),
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
        },
    }


def sandbox(name: str, pods: Pods, release: WorkerRelease, template: Document) -> Document:
    """One pod with its disk, which its operator can put to sleep and wake."""
    return {
        "apiVersion": KINDS[Workload.SANDBOX][0],
        "kind": "Sandbox",
        "metadata": metadata(name, pods, selector(pods.agent, release.bundle_id)),
        "spec": {
            "podTemplate": template,
            "volumeClaimTemplates": pods.volume_claims(STORAGE_CLASS),
        },
    }


WORKLOADS = {Workload.STATEFUL_SET: stateful_set, Workload.SANDBOX: sandbox}
"""What makes the document of each workload."""


def service(name: str, pods: Pods, bundle_id: str | None, *, headless: bool) -> Document:
    """Pods of a release, or of all, under one name; headless where each has a name of its own below it."""
    named = metadata(name, pods, selector(pods.agent, bundle_id))
    # It is there before its pods are, and stays when there are none.
    named["annotations"] = {"pulumi.com/skipAwait": "true"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": named,
        "spec": {
            **({"clusterIP": "None"} if headless else {}),
            "selector": selector(pods.agent, bundle_id),
            "ports": [{"name": "http", "port": PORT, "targetPort": "http", "protocol": "TCP"}],
        },
    }


def disruption_budget(name: str, pods: Pods, bundle_id: str | None) -> Document:
    """A drained node takes one pod at a time."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(name, pods, selector(pods.agent, bundle_id)),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": selector(pods.agent, bundle_id)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def triggers(
    pods: Pods, bundle_id: str, queue_url: pulumi.Input[str], region: pulumi.Input[str]
) -> list[Document]:
    """As many pods as runs wait and sessions talk: https://keda.sh/docs/latest/scalers/aws-sqs/"""
    limits: EksLimits = pods.limits
    sessions = {
        "namespace": NAMESPACE,
        "metricName": "ActiveSessions",
        "dimensionName": "agent;bundle",
        "dimensionValue": f"{pods.agent};{bundle_id}",
        "targetMetricValue": f"{limits.sessions_per_pod:g}",
        "activationTargetMetricValue": "0",
        "minMetricValue": "0",
        "metricStat": "Sum",
        "metricStatPeriod": "60",
        "metricCollectionTime": "300",
        "awsRegion": region,
    }
    waiting = {
        "queueURL": queue_url,
        "queueLength": str(limits.concurrency),
        "activationQueueLength": "0",
        "awsRegion": region,
    }
    operator_looks = {"kind": "TriggerAuthentication", "name": pods.agent}
    return [
        {"type": kind, "metadata": held, "authenticationRef": operator_looks}
        for kind, held in (("aws-sqs-queue", waiting), ("aws-cloudwatch", sessions))
    ]


def scaled_object(
    name: str,
    pods: Pods,
    workload: Workload,
    least: pulumi.Input[int],
    judged: pulumi.Input[Sequence[Document]],
    bundle_id: str | None,
) -> Document:
    """Pods of a workload by what is `judged`, down to `least`."""
    limits: EksLimits = pods.limits
    version, kind = KINDS[workload]
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": metadata(name, pods, selector(pods.agent, bundle_id)),
        "spec": {
            "scaleTargetRef": {"apiVersion": version, "kind": kind, "name": name},
            "minReplicaCount": least,
            "maxReplicaCount": limits.max_pods,
            "pollingInterval": 15,
            # The first counts for the last pod alone, the second for those before it.
            "cooldownPeriod": limits.idle_seconds,
            "advanced": {
                "horizontalPodAutoscalerConfig": {
                    "behavior": {
                        "scaleDown": {
                            "stabilizationWindowSeconds": min(limits.idle_seconds, _LONGEST_LOOK_BACK_SECONDS)
                        }
                    }
                }
            },
            "triggers": judged,
        },
    }


def trigger_authentication(pods: Pods) -> Document:
    """KEDA looks with its own role, so that pods need no right to look at queues."""
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "TriggerAuthentication",
        "metadata": metadata(pods.agent, pods),
        "spec": {"podIdentity": {"provider": "aws"}},
    }


def network_policy(
    pods: Pods,
    aws_cidr_blocks: pulumi.Input[Sequence[str]],
    destinations: Sequence[Mapping[str, Any]],
    gateway_namespace: str | None,
) -> Document:
    """Names, AWS and what was declared, and nothing else; in come the gateway and the agent's own pods."""
    own = {"podSelector": {"matchLabels": selector(pods.agent)}}
    from_gateway = [_namespace(gateway_namespace)] if gateway_namespace else []
    http = [{"protocol": "TCP", "port": PORT}]
    names = [
        {"podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}, **_namespace("kube-system")},
        *({"ipBlock": {"cidr": address}} for address in _DNS_OF_EKS),
    ]
    declared = [
        {
            "to": [{"ipBlock": {"cidr": destination["cidr_block"]}}],
            "ports": [{"protocol": "TCP", "port": destination.get("port", 443)}],
        }
        for destination in destinations
    ]
    aws_too = pulumi.Output.from_input(aws_cidr_blocks).apply(
        lambda blocks: [{"ipBlock": {"cidr": block}} for block in blocks]
    )
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(pods.agent, pods),
        "spec": {
            "podSelector": {"matchLabels": selector(pods.agent)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [own, *from_gateway], "ports": http}],
            "egress": [
                {
                    "to": names,
                    "ports": [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")],
                },
                # The Pod Identity agent of the node, by which pods get their role:
                # https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html
                {
                    "to": [{"ipBlock": {"cidr": "169.254.170.23/32"}}],
                    "ports": [{"protocol": "TCP", "port": 80}],
                },
                {"to": aws_too, "ports": [{"protocol": "TCP", "port": 443}]},
                {"to": [own], "ports": http},
                *declared,
            ],
        },
    }


def _namespace(name: str) -> Document:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}
