"""What an AgentCluster may be asked for, checked before anything is made."""

from collections.abc import Sequence
from enum import Enum
from typing import Any, NotRequired, TypedDict

import pulumi

from agent_hosting._eks_limits import check_block, check_namespace
from agent_hosting._eks_operators import CHARTS, Operator
from agent_hosting._validation import Inputs
from agent_hosting.agent_platform import NetworkReference

_LONGEST_NAME = 47
"""With a label and a suffix behind it: names of roles have 64 characters."""


class Nodes(str, Enum):
    """Where pods run."""

    MANAGED = "managed"
    """A managed node group."""
    KARPENTER = "karpenter"
    """Nodes that Karpenter makes as pods need them: EKS Auto Mode, in which AWS runs it."""


class ChartArgs(TypedDict):
    chart: NotRequired[str]
    """Name of the chart in its repository, or its whole `oci://` address. Defaults to the maker's; needed
    for agent-sandbox, whose maker publishes none."""
    repository: NotRequired[str]
    """Address of the repository, such as a mirror of your own. Defaults to the maker's."""
    version: NotRequired[str]
    """Version of the chart. Defaults to the one that this version was written for."""
    values: NotRequired[dict[str, Any]]
    """Values of the chart, beside ours. Defaults to none."""


class ExistingClusterArgs(TypedDict):
    name: str
    """Name of the cluster in EKS."""
    kubeconfig: pulumi.Input[str]
    """Kubeconfig of somebody who may administer it, as text."""
    subnet_ids: NotRequired[Sequence[str]]
    """Private subnets from which its API and AWS are reached. Defaults to all of the cluster's."""


class AgentClusterArgs(TypedDict):
    admin_arns: NotRequired[Sequence[pulumi.Input[str]]]
    """Roles that administer the cluster. Defaults to whoever deploys now: name all that deploy."""
    aws_cidr_blocks: NotRequired[Sequence[str]]
    """Where pods reach AWS beside the network's own endpoints. Defaults to Amazon S3's and DynamoDB's
    addresses in the region, whose endpoints are no address of the network."""
    boundary_arn: NotRequired[pulumi.Input[str]]
    """Permission boundary of the role that writes the network's flow logs, such as
    `AgentPlatform.boundary_arn`. Needed unless `network` or `existing` is given."""
    charts: NotRequired[dict[str, ChartArgs]]
    """Other charts or versions of operators, by their names. Defaults to none."""
    existing: NotRequired[ExistingClusterArgs]
    """A cluster that is there: it gets namespaces and `operators`, and nothing else is made. Omit for a
    cluster of its own."""
    kubernetes_version: NotRequired[str]
    """Minor version of Kubernetes. Defaults to 1.35."""
    log_retention_days: NotRequired[int]
    """Days that the control plane's logs are kept. Defaults to 90."""
    max_nodes: NotRequired[int]
    """Most nodes of a managed group, 1 to 450. Defaults to 6."""
    min_nodes: NotRequired[int]
    """Fewest nodes of a managed group. Defaults to 2, in two zones."""
    namespaces: NotRequired[Sequence[str]]
    """Namespaces for agents. Defaults to `agents` alone."""
    network: NotRequired[NetworkReference]
    """A network of your own. Omit and an AgentNetwork is made."""
    node_instance_types: NotRequired[Sequence[str]]
    """Types of a managed group's nodes, all for arm64. Defaults to m7g.large."""
    nodes: NotRequired[Nodes]
    """Where pods run. Defaults to a managed node group. Of an `existing` cluster in Auto Mode say
    `karpenter`."""
    operators: NotRequired[Sequence[Operator]]
    """Operators to install: leave out what the cluster has. Defaults to keda, gateway and argo-rollouts; to
    none in an `existing` cluster."""
    public_access: NotRequired[bool]
    """Whether the API is reached from the internet, too, by those who may enter: from `reached_from`, or from
    everywhere where that names no block of the internet. Defaults to false: then Pulumi must run inside of
    the network, or in one that is connected to it."""
    reached_from: NotRequired[Sequence[str]]
    """Blocks of addresses, beside the cluster's own nodes, from which the API is reached: those of whoever
    runs Pulumi and `kubectl`. Those on the internet bound `public_access`. Defaults to none."""
    retain_data: NotRequired[bool]
    """Whether the cluster is protected from deletion. Defaults to true."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of every resource. Defaults to none."""


_OF_OWN = (
    *("admin_arns", "boundary_arn", "kubernetes_version", "max_nodes", "min_nodes", "network"),
    *("node_instance_types", "public_access", "reached_from"),
)
"""Inputs that only a cluster that is made here uses."""


def check_cluster(inputs: Inputs, args: AgentClusterArgs) -> None:
    """Raises the refusal of the first input that does not fit."""
    inputs.known(AgentClusterArgs.__annotations__)
    inputs.lists(
        "admin_arns", "aws_cidr_blocks", "namespaces", "reached_from", "node_instance_types", "operators"
    )
    if (existing := args.get("existing")) is not None:
        for given in _OF_OWN:
            if given in args:
                raise inputs.refuse(
                    given, args[given], "the cluster is there already", "Leave it out, or `existing`."
                )
        theirs = inputs.inside("existing")
        for field in existing.keys() - ExistingClusterArgs.__annotations__.keys():
            # What stands there may be the kubeconfig under a misspelt name.
            raise theirs.refuse(
                field, "…", "there is no such input", "Known are: kubeconfig, name, subnet_ids."
            )
        for field in ("name", "kubeconfig"):
            theirs.required(
                field, "Name the cluster as EKS does, and give a kubeconfig of its administrator."
            )
    elif args.get("network") is None:
        inputs.required("boundary_arn", "Take it from an AgentPlatform: platform.boundary_arn.")
    if args.get("namespaces") == []:
        raise inputs.refuse("namespaces", [], "agents need one at least", "Omit it for 'agents'.")
    for namespace in args.get("namespaces") or ():
        check_namespace(inputs, "namespaces", namespace)
    for field in ("aws_cidr_blocks", "reached_from"):
        for block in args.get(field) or ():
            check_block(inputs, field, block)
    known = [operator.value for operator in Operator]
    for given in ("operators", "charts"):
        for operator in args.get(given) or ():
            if operator not in known:
                raise inputs.refuse(
                    given, operator, f"it is one of {', '.join(known)}", "Install others yourself."
                )
    for operator in args.get("charts") or ():
        inputs.inside("charts").inside(operator).known(ChartArgs.__annotations__)
    for operator in args.get("operators") or ():
        chart = CHARTS[Operator(operator)].chart
        if not chart and not (args.get("charts") or {}).get(operator, {}).get("chart"):
            raise inputs.refuse(
                f"charts.{Operator(operator).value}",
                None,
                "its maker publishes no chart",
                f"Push the one in its source at v{CHARTS[Operator(operator)].version} to a registry of "
                "yours and give its oci:// address as `chart`.",
            )
    if len(inputs.name) > _LONGEST_NAME:
        raise inputs.refuse(
            "name",
            inputs.name,
            f"a cluster's name has {_LONGEST_NAME} characters at most",
            "Choose a shorter one.",
        )
