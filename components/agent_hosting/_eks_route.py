"""How calls inside of the network are divided between an agent's releases, and who may move their weights."""

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from agent_hosting._eks_limits import GatewayArgs
from agent_hosting._eks_pods import PORT, Pods
from agent_hosting._eks_rollout import CANDIDATE, STABLE
from agent_hosting._eks_workloads import metadata, service_name
from agent_hosting._kubernetes import Document, Objects
from agent_hosting._traffic import Traffic
from agent_hosting.agent_cluster import ClusterReference
from agent_runtime.rollout.plan import WHOLE

_FORWARD_SECONDS = 5


def http_route(
    pods: Pods, gateway: GatewayArgs, releases: pulumi.Input[Sequence[str]], traffic: pulumi.Output[Traffic]
) -> Document:
    """One rule with each release's Service, by the weights of the traffic record: the controller moves them
    together with the record, and so a deployment writes what they are already."""
    weights = pulumi.Output.all(releases, traffic).apply(
        lambda found: [
            {
                "name": service_name(pods.agent, bundle_id),
                "port": PORT,
                "weight": round(found[1].shares.get(bundle_id, 0) * WHOLE),
            }
            for bundle_id in found[0]
        ]
    )
    return _route(pods, gateway, weights)


def _route(pods: Pods, gateway: GatewayArgs, backends: pulumi.Input[Any]) -> Document:
    parent: Document = {"name": gateway["name"]}
    if namespace := gateway.get("namespace"):
        parent["namespace"] = namespace
    # A gateway of Envoy ends a call after 15 s unless the route says otherwise; a turn may be forwarded once.
    longest = {"request": f"{pods.limits.turn_seconds + _FORWARD_SECONDS}s"}
    spec: Document = {"parentRefs": [parent], "rules": [{"backendRefs": backends, "timeouts": longest}]}
    if hostnames := gateway.get("hostnames"):
        spec["hostnames"] = list(hostnames)
    named = metadata(pods.agent, pods)
    # Between two deployments the controller owns the weights.
    named["annotations"] = {"pulumi.com/patchForce": "true"}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": named,
        "spec": spec,
    }


def argo_route(pods: Pods, gateway: GatewayArgs) -> Document:
    """The route of a Rollout: Argo's plugin owns its weights."""
    both = [
        {"name": f"{pods.agent}-{STABLE}", "port": PORT, "weight": 100},
        {"name": f"{pods.agent}-{CANDIDATE}", "port": PORT, "weight": 0},
    ]
    return _route(pods, gateway, both)


def let_move(
    pods: Pods,
    objects: Objects,
    cluster: ClusterReference,
    controller_role_arn: pulumi.Input[str],
    rules: Sequence[Document],
    tags: object,
    after: Sequence[pulumi.Resource],
) -> None:
    """The controller may do what `rules` say, and nothing else in the cluster."""
    name = f"{pods.agent}-traffic"
    group = f"agent-hosting:{pods.namespace}:{pods.agent}"
    aws.eks.AccessEntry(
        name,
        cluster_name=cluster["cluster_name"],
        principal_arn=controller_role_arn,
        kubernetes_groups=[group],
        tags=tags,  # type: ignore[arg-type]
        opts=pulumi.ResourceOptions(parent=objects.parent),
    )
    role: Document = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": metadata(name, pods),
        "rules": list(rules),
    }
    binding: Document = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": metadata(name, pods),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": group}],
    }
    made = objects.apply(f"{name}-role", role, after=after)
    objects.apply(f"{name}-binding", binding, after=[made])


def move_route(agent: str) -> list[Document]:
    """Weights of the agent's own route."""
    return [_rule("gateway.networking.k8s.io", "httproutes", ["get", "patch"], [agent])]


def follow_rollout(agent: str) -> list[Document]:
    """How far Argo is with the agent's own Rollout. The name of the stable revision's ReplicaSet is known to
    the Rollout alone."""
    return [
        _rule("argoproj.io", "rollouts", ["get"], [agent]),
        _rule("apps", "replicasets", ["get"], []),
    ]


def _rule(group: str, resources: str, verbs: list[str], names: list[str]) -> Document:
    named = {"resourceNames": names} if names else {}
    return {"apiGroups": [group], "resources": [resources], "verbs": verbs, **named}
