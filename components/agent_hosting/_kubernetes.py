"""Kubernetes objects as the documents that `kubectl` shows, so that a reader sees what the cluster gets."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

Document = dict[str, Any]
"""`{apiVersion, kind, metadata, …}`, in Kubernetes' own spelling. Values may be Pulumi outputs."""
_KINDS: Mapping[str, Any] = {
    "v1/ConfigMap": lambda: kubernetes.core.v1.ConfigMap,
    "v1/Namespace": lambda: kubernetes.core.v1.Namespace,
    "v1/Service": lambda: kubernetes.core.v1.Service,
    "v1/ServiceAccount": lambda: kubernetes.core.v1.ServiceAccount,
    "apps/v1/StatefulSet": lambda: kubernetes.apps.v1.StatefulSet,
    "networking.k8s.io/v1/NetworkPolicy": lambda: kubernetes.networking.v1.NetworkPolicy,
    "policy/v1/PodDisruptionBudget": lambda: kubernetes.policy.v1.PodDisruptionBudget,
    "rbac.authorization.k8s.io/v1/Role": lambda: kubernetes.rbac.v1.Role,
    "rbac.authorization.k8s.io/v1/RoleBinding": lambda: kubernetes.rbac.v1.RoleBinding,
    "storage.k8s.io/v1/StorageClass": lambda: kubernetes.storage.v1.StorageClass,
}
"""Classes of the kinds that Kubernetes itself has, each imported when it is used."""
_SNAKE = re.compile(r"(?<=[a-z])(?=[A-Z])")
"""Where a word begins: the classes spell the fields of the document itself as Python does."""


@dataclass(frozen=True)
class Objects:
    """Makes objects of one cluster below `parent`."""

    provider: kubernetes.Provider
    parent: pulumi.Resource

    def apply(
        self,
        name: str,
        document: Document,
        *,
        after: Sequence[pulumi.Resource] = (),
        ignore: Sequence[str] = (),
        stays: bool = False,
    ) -> pulumi.CustomResource:
        """The object of `document`; `name` is its Pulumi name, `ignore` are fields that somebody else
        owns, and one that `stays` is left behind when its stack goes."""
        held = dict(document)
        version, kind = held.pop("apiVersion"), held.pop("kind")
        opts = pulumi.ResourceOptions(
            parent=self.parent,
            provider=self.provider,
            depends_on=list(after),
            ignore_changes=list(ignore),
            retain_on_delete=stays,
        )
        if (known := _KINDS.get(f"{version}/{kind}")) is not None:
            return known()(name, opts=opts, **{_SNAKE.sub("_", key).lower(): held[key] for key in held})
        return kubernetes.apiextensions.CustomResource(
            name, api_version=version, kind=kind, metadata=held["metadata"], spec=held["spec"], opts=opts
        )


def provider_of(
    name: str, kubeconfig: pulumi.Input[str], parent: pulumi.Resource, after: Sequence[pulumi.Resource] = ()
) -> kubernetes.Provider:
    """Pulumi's way to the cluster of `kubeconfig`."""
    return kubernetes.Provider(
        f"{name}-kubernetes",
        kubeconfig=pulumi.Output.secret(kubeconfig),
        enable_server_side_apply=True,
        opts=pulumi.ResourceOptions(parent=parent, depends_on=list(after)),
    )


def kubeconfig_of(
    name: pulumi.Input[str],
    endpoint: pulumi.Input[str],
    certificate_authority: pulumi.Input[str],
    region: pulumi.Input[str],
) -> pulumi.Output[str]:
    """Holds no secret: whoever uses it proves who they are with credentials of AWS.

    https://docs.aws.amazon.com/eks/latest/userguide/create-kubeconfig.html
    """
    get_token: Document = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "aws",
        "args": ["eks", "get-token", "--cluster-name", name, "--region", region, "--output", "json"],
        "interactiveMode": "Never",
    }
    cluster: Document = {"server": endpoint, "certificate-authority-data": certificate_authority}
    return pulumi.Output.json_dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "eks", "cluster": cluster}],
            "users": [{"name": "aws", "user": {"exec": get_token}}],
            "contexts": [{"name": "eks", "context": {"cluster": "eks", "user": "aws"}}],
            "current-context": "eks",
        }
    )
