"""Namespaces for agents: nothing privileged runs in them, and nobody speaks with anybody unasked."""

from collections.abc import Sequence
from typing import Any

import pulumi

from agent_hosting._kubernetes import Document, Objects

STORAGE_CLASS = "agent-hosting"
GATEWAY = "agents"
"""The Gateway of a cluster whose gateway operator we install, in its first namespace."""
_POD_SECURITY = "pod-security.kubernetes.io"


def namespace(name: str) -> Document:
    """Pod Security `restricted`, enforced:
    https://kubernetes.io/docs/concepts/security/pod-security-standards/"""
    modes = {f"{_POD_SECURITY}/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/managed-by": "agent-hosting", **modes}},
    }


def default_deny(name: str) -> Document:
    """What a pod may speak with, its agent's own policy adds."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "default-deny", "namespace": name},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
    }


def storage_class(*, auto: bool) -> Document:
    """Encrypted disks that outlive their claims. Nodes of EKS Auto Mode have a driver of their own:
    https://docs.aws.amazon.com/eks/latest/userguide/create-storage-class.html"""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": STORAGE_CLASS},
        "provisioner": "ebs.csi.eks.amazonaws.com" if auto else "ebs.csi.aws.com",
        "parameters": {"type": "gp3", "encrypted": "true"},
        "reclaimPolicy": "Retain",
        "volumeBindingMode": "WaitForFirstConsumer",
        "allowVolumeExpansion": True,
    }


def network_policies_on(*, auto: bool) -> list[Document]:
    """Nodes of EKS Auto Mode enforce network policies once this says so:
    https://docs.aws.amazon.com/eks/latest/userguide/auto-net-pol.html"""
    if not auto:
        return []
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "amazon-vpc-cni", "namespace": "kube-system"},
            "data": {"enable-network-policy-controller": "true"},
        }
    ]


def arm64_nodes(*, auto: bool) -> list[Document]:
    """Of the pools of EKS Auto Mode the one for everybody has x86_64 alone, and the other is for the
    cluster's own: https://docs.aws.amazon.com/eks/latest/userguide/set-builtin-node-pools.html"""
    if not auto:
        return []
    wanted = {
        "kubernetes.io/arch": ["arm64"],
        "karpenter.sh/capacity-type": ["on-demand"],
        "eks.amazonaws.com/instance-category": ["c", "m", "r"],
    }
    return [
        {
            "apiVersion": "karpenter.sh/v1",
            "kind": "NodePool",
            "metadata": {"name": "agents-arm64"},
            "spec": {
                "template": {
                    "spec": {
                        "nodeClassRef": {
                            "group": "eks.amazonaws.com",
                            "kind": "NodeClass",
                            "name": "default",
                        },
                        "requirements": [
                            {"key": key, "operator": "In", "values": values} for key, values in wanted.items()
                        ],
                    }
                },
                "limits": {"cpu": "1000", "memory": "4000Gi"},
            },
        }
    ]


def gateway(class_name: str, namespace_name: str) -> list[Document]:
    """A Gateway of the network's own, with the operator that AgentCluster installs. What is said to it is not
    encrypted: bring a Gateway with a certificate of yours where the network is shared."""
    internal = {
        "service.beta.kubernetes.io/aws-load-balancer-internal": "true",
        "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal",
    }
    group = "gateway.networking.k8s.io"
    return [
        {
            "apiVersion": f"{group}/v1",
            "kind": "GatewayClass",
            "metadata": {"name": class_name},
            "spec": {"controllerName": "gateway.envoyproxy.io/gatewayclass-controller"},
        },
        {
            "apiVersion": f"{group}/v1",
            "kind": "Gateway",
            # No address comes before the network has one, and agents need not wait for it.
            "metadata": {
                "name": GATEWAY,
                "namespace": namespace_name,
                "annotations": {"pulumi.com/skipAwait": "true"},
            },
            "spec": {
                "gatewayClassName": class_name,
                "infrastructure": {"annotations": internal},
                "listeners": [
                    {
                        "name": "http",
                        "port": 80,
                        "protocol": "HTTP",
                        "allowedRoutes": {"namespaces": {"from": "All"}},
                    }
                ],
            },
        },
    ]


def make(
    objects: Objects,
    name: str,
    namespaces: Sequence[str],
    *,
    auto: bool,
    has_gateway: bool,
    after: Sequence[pulumi.Resource],
) -> dict[str, pulumi.CustomResource]:
    """The namespaces by name, each ready for an agent."""
    for document in (storage_class(auto=auto), *network_policies_on(auto=auto), *arm64_nodes(auto=auto)):
        # One cluster may have agents of several stacks, which share these.
        objects.apply(f"{name}-{_label(document)}", document, after=after, stays=True)
    ready: dict[str, pulumi.CustomResource] = {}
    for each in namespaces:
        made = objects.apply(f"{name}-namespace-{each}", namespace(each), after=after)
        ready[each] = objects.apply(f"{name}-default-deny-{each}", default_deny(each), after=[made])
    for document in gateway("agent-hosting", namespaces[0]) if has_gateway else ():
        kind = document["kind"].lower()
        objects.apply(f"{name}-{kind}", document, after=[*after, ready[namespaces[0]]])
    return ready


def _label(document: Any) -> str:
    return {"StorageClass": "disks", "ConfigMap": "network-policies", "NodePool": "arm64"}[document["kind"]]
