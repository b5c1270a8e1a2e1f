"""Operators that agents on EKS use, as pinned Helm releases: each in a namespace of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

from agent_hosting import _run_statements as runs
from agent_hosting import statements
from agent_hosting._eks_addons import PODS
from agent_hosting._eks_control_plane import ControlPlane
from agent_hosting._keys import account_id


class Operator(str, Enum):
    """An operator that an agent may need."""

    KEDA = "keda"
    """Scales pods by queue and sessions, to none and back. Every agent needs it."""
    GATEWAY = "gateway"
    """Divides calls by the weights of HTTP routes. Agents with `gateway` need one."""
    ARGO_ROLLOUTS = "argo-rollouts"
    """Walks through the steps of a rollout. Agents with `workload: rollout` need it."""
    AGENT_SANDBOX = "agent-sandbox"
    """Keeps one pod with its disk. Agents with `workload: sandbox` need it, and you its chart: its maker
    publishes none, so that `charts` must say where yours is."""
    EXTERNAL_SECRETS = "external-secrets"
    """Copies secrets into the cluster. No agent of ours needs it: theirs are read just in time."""


@dataclass(frozen=True)
class Chart:
    """A Helm chart, by version. `repository` is empty where `chart` is a whole address."""

    chart: str
    version: str
    repository: str
    namespace: str
    values: Mapping[str, Any]


_GATEWAY_PLUGIN = {
    "name": "argoproj-labs/gatewayAPI",
    "location": "https://github.com/argoproj-labs/rollouts-plugin-trafficrouter-gatewayapi/releases/download/"
    "v0.8.0/gatewayapi-plugin-linux-arm64",
}
"""By which Argo moves the weights of HTTP routes; its controller gets it when it starts."""
_GATEWAY_RIGHTS = {"enabled": True, "providers": {"gatewayAPI": True}}
CHARTS: Mapping[Operator, Chart] = {
    Operator.KEDA: Chart("keda", "2.18.1", "https://kedacore.github.io/charts", "keda", {}),
    Operator.GATEWAY: Chart(
        "oci://docker.io/envoyproxy/gateway-helm", "v1.5.4", "", "envoy-gateway-system", {}
    ),
    Operator.ARGO_ROLLOUTS: Chart(
        "argo-rollouts",
        "2.40.5",
        "https://argoproj.github.io/argo-helm",
        "argo-rollouts",
        {"controller": {"trafficRouterPlugins": [_GATEWAY_PLUGIN]}, "providerRBAC": _GATEWAY_RIGHTS},
    ),
    Operator.AGENT_SANDBOX: Chart(
        "",  # its maker publishes none: https://github.com/kubernetes-sigs/agent-sandbox/issues/1726
        "0.4.6",  # 0.5 keeps no number of pods, by which KEDA puts a sandbox to sleep
        "",
        "agent-sandbox-system",
        {"controller": {"extensions": True}},
    ),
    Operator.EXTERNAL_SECRETS: Chart(
        "external-secrets", "1.0.0", "https://charts.external-secrets.io", "external-secrets", {}
    ),
}
"""Versions that were current when this version was written; `charts` of AgentCluster replaces any."""


def install(
    plane: ControlPlane,
    cluster_name: pulumi.Input[str],
    provider: kubernetes.Provider,
    wanted: Sequence[Operator],
    charts: Mapping[str, Mapping[str, Any]],
    after: Sequence[pulumi.Resource],
) -> list[pulumi.Resource]:
    made: list[pulumi.Resource] = []
    for operator in wanted:
        chart, given = CHARTS[operator], charts.get(operator.value, {})
        repository = given.get("repository", chart.repository)
        looks = _identity(plane, cluster_name, operator)
        made.append(
            kubernetes.helm.v3.Release(
                f"{plane.name}-{operator.value}",
                chart=given.get("chart", chart.chart),
                version=given.get("version", chart.version),
                repository_opts={"repo": repository} if repository else None,
                name=operator.value,
                namespace=chart.namespace,
                create_namespace=True,
                atomic=True,  # one that does not become ready is taken away again
                timeout=600,
                values={**chart.values, **given.get("values", {})},
                opts=pulumi.ResourceOptions(
                    parent=plane.parent, provider=provider, depends_on=[*after, *looks]
                ),
            )
        )
    return made


def _identity(
    plane: ControlPlane, cluster_name: pulumi.Input[str], operator: Operator
) -> list[pulumi.Resource]:
    """Who an operator is to AWS. It is there before the operator: a pod learns it when it is made."""
    if operator is Operator.KEDA:
        allowed = [_queues(plane), runs.read_metrics()]
        return _let_look(plane, cluster_name, operator, "keda-operator", allowed)
    if operator is Operator.ARGO_ROLLOUTS:
        return _let_look(plane, cluster_name, operator, "argo-rollouts", [runs.read_metrics()])
    return []


def _let_look(
    plane: ControlPlane,
    cluster_name: pulumi.Input[str],
    operator: Operator,
    service_account: str,
    allowed: list[statements.Statement],
) -> list[pulumi.Resource]:
    """An operator reads numbers in its own name, so that pods of agents need no right to."""
    label = operator.value.partition("-")[0]  # a role's name has 64 characters
    role = plane.role(label, statements.trust(PODS), ())
    child = pulumi.ResourceOptions(parent=plane.parent)
    looks = aws.iam.RolePolicy(
        f"{plane.name}-{operator.value}-looks", role=role.name, policy=statements.policy(allowed), opts=child
    )
    known = aws.eks.PodIdentityAssociation(
        f"{plane.name}-{operator.value}",
        cluster_name=cluster_name,
        namespace=CHARTS[operator].namespace,
        service_account=service_account,
        role_arn=role.arn,
        tags=plane.tags,
        opts=child,
    )
    return [looks, known]


def _queues(plane: ControlPlane) -> statements.Statement:
    region = aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=plane.parent)).region
    queues = pulumi.Output.concat("arn:aws:sqs:", region, ":", account_id(plane.parent), ":*")
    return {
        "Sid": "LookAtQueuesOfAgents",
        "Effect": "Allow",
        "Action": "sqs:GetQueueAttributes",
        "Resource": queues,
        # Queues come and go with releases; each that belongs to an agent says so.
        "Condition": {"StringLike": {"aws:ResourceTag/agent": "?*"}},
    }
