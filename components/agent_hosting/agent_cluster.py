"""A Kubernetes cluster for agents: a private one of Amazon EKS, or one that is there already."""

from collections.abc import Sequence
from enum import Enum
from ipaddress import ip_network
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from agent_hosting import _eks_namespaces
from agent_hosting._eks_addons import after_nodes, before_nodes
from agent_hosting._eks_control_plane import ControlPlane
from agent_hosting._eks_limits import check_block, check_namespace
from agent_hosting._eks_operators import CHARTS, Operator, install
from agent_hosting._keys import deployer_arn
from agent_hosting._kubernetes import Objects, kubeconfig_of, provider_of
from agent_hosting._validation import Inputs
from agent_hosting.agent_network import INTERFACES, AgentNetwork
from agent_hosting.agent_platform import NetworkReference

_AGENTS = "agents"
_INTERFACES_OF_NODES = ("ec2", "eks", "eks-auth", "sts")
"""What nodes and pods call beside what workers do:
https://docs.aws.amazon.com/eks/latest/userguide/private-clusters.html"""
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


class ClusterReference(TypedDict):
    """An `AgentCluster` as the agents on it know it: its outputs by name."""

    cluster_name: pulumi.Input[str]
    """Name of the cluster in EKS."""
    endpoint: pulumi.Input[str]
    """Address of its API."""
    certificate_authority: pulumi.Input[str]
    """Who signed the certificate of that address, in base64."""
    kubeconfig: pulumi.Input[str]
    """How Pulumi enters it."""
    namespaces: pulumi.Input[Sequence[str]]
    """Namespaces that are ready for agents."""
    subnet_ids: pulumi.Input[Sequence[str]]
    """Subnets from which the API is reached."""
    security_group_ids: pulumi.Input[Sequence[str]]
    """Groups that the API lets in."""
    aws_cidr_blocks: pulumi.Input[Sequence[str]]
    """Where pods reach AWS."""


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


_DEFAULT_OPERATORS = (Operator.KEDA, Operator.GATEWAY, Operator.ARGO_ROLLOUTS)
_OF_OWN = (
    *("admin_arns", "boundary_arn", "kubernetes_version", "max_nodes", "min_nodes", "network"),
    *("node_instance_types", "public_access", "reached_from"),
)
"""Inputs that only a cluster that is made here uses."""


class AgentCluster(pulumi.ComponentResource):
    """A cluster whose control plane is private, logs everything and keeps its secrets encrypted, with
    namespaces in which agents are kept apart."""

    cluster_name: pulumi.Output[str]
    """Name of the cluster in EKS."""
    endpoint: pulumi.Output[str]
    """Address of its API."""
    certificate_authority: pulumi.Output[str]
    """Who signed the certificate of that address, in base64."""
    kubeconfig: pulumi.Output[str]
    """How `kubectl` and Pulumi enter it; a secret where one was given."""
    namespaces: pulumi.Output[Sequence[str]]
    """Namespaces, once they are ready for agents."""
    subnet_ids: pulumi.Output[Sequence[str]]
    """Subnets from which the API is reached."""
    security_group_ids: pulumi.Output[Sequence[str]]
    """Groups that the API lets in."""
    aws_cidr_blocks: pulumi.Output[Sequence[str]]
    """Where pods reach AWS."""

    def __init__(self, name: str, args: AgentClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("agent-hosting:index:AgentCluster", name, {}, opts)
        self._inputs, self._args, self._name = Inputs("AgentCluster", name, args), args, name
        plane = self._checked()
        ready: list[pulumi.Resource] = []
        existing = args.get("existing")
        if existing is not None:
            self._enter(existing)
        else:
            ready = self._make(plane)
        provider = provider_of(name, self.kubeconfig, self, ready)
        asked = args.get("operators")  # none at all may be asked for
        wanted = (() if existing is not None else _DEFAULT_OPERATORS) if asked is None else asked
        operators = install(
            plane,
            self.cluster_name,
            provider,
            [Operator(operator) for operator in wanted],
            args.get("charts") or {},
            ready,
        )
        names = list(args.get("namespaces") or [_AGENTS])
        made = _eks_namespaces.make(
            Objects(provider, self),
            name,
            names,
            auto=plane.auto,
            has_gateway=Operator.GATEWAY in wanted,
            after=[*ready, *operators],
        )
        self.namespaces = pulumi.Output.all(*(each.id for each in made.values())).apply(lambda _: names)
        self.register_outputs({output: getattr(self, output) for output in AgentCluster.__annotations__})

    def _checked(self) -> ControlPlane:
        inputs, args = self._inputs, self._args
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
        if len(self._name) > _LONGEST_NAME:
            raise inputs.refuse(
                "name",
                self._name,
                f"a cluster's name has {_LONGEST_NAME} characters at most",
                "Choose a shorter one.",
            )
        nodes = inputs.one_of("nodes", Nodes, "Omit it for a managed node group.") or Nodes.MANAGED
        return ControlPlane(
            name=self._name,
            auto=nodes is Nodes.KARPENTER,
            version=args.get("kubernetes_version") or "1.35",
            public=bool(args.get("public_access")),
            public_blocks=[block for block in args.get("reached_from") or () if ip_network(block).is_global],
            retain=args.get("retain_data", True),
            log_days=inputs.log_days("log_retention_days", 90),
            tags=args.get("tags"),
            parent=self,
        )

    def _enter(self, existing: ExistingClusterArgs) -> None:
        """The cluster that is there: EKS tells where it is."""
        found = aws.eks.get_cluster_output(
            name=existing["name"], opts=pulumi.InvokeOutputOptions(parent=self)
        )
        self.cluster_name = found.name
        self.endpoint = found.endpoint
        self.certificate_authority = found.certificate_authorities.apply(lambda held: held[0].data)
        self.kubeconfig = pulumi.Output.secret(existing["kubeconfig"])
        own = existing.get("subnet_ids")
        self.subnet_ids = found.vpc_config.apply(lambda held: list(own or held.subnet_ids))
        self.security_group_ids = found.vpc_config.apply(lambda held: [held.cluster_security_group_id])
        self.aws_cidr_blocks = self._aws_cidr_blocks(found.vpc_config.apply(lambda held: held.vpc_id))

    def _make(self, plane: ControlPlane) -> list[pulumi.Resource]:
        """A cluster of our own. Gives what must be there before anything is put into it."""
        args, options = self._args, pulumi.InvokeOutputOptions(parent=self)
        network, key = args.get("network"), plane.key()
        if network is None:
            made = AgentNetwork(
                self._name,
                {
                    "boundary_arn": args["boundary_arn"],  # type: ignore[typeddict-item]
                    "private_endpoints": [*INTERFACES, *_INTERFACES_OF_NODES],
                    "log_key_arn": key.arn,
                    "flow_log_retention_days": plane.log_days,
                    "tags": args.get("tags") or {},
                },
                opts=pulumi.ResourceOptions(parent=self),
            )
            network = {"subnet_ids": made.subnet_ids, "security_group_ids": made.security_group_ids}
        cluster = plane.make(network["subnet_ids"], key)
        entered = plane.let_in(cluster, args.get("admin_arns") or [deployer_arn(self)])
        entered += plane.open_to(cluster, args.get("reached_from") or ())
        ready = entered
        if not plane.auto:
            before = before_nodes(plane, cluster)
            least = int(
                self._inputs.number("min_nodes", 2, least=1, most=450, way_out="One node is no spare.")
            )
            most = int(
                self._inputs.number(
                    "max_nodes", 6, least=least, most=450, way_out="A node group has 450 nodes at most."
                )
            )
            types = list(args.get("node_instance_types") or ["m7g.large"])
            nodes = plane.nodes(cluster, network["subnet_ids"], types, least, most, [*entered, *before])
            ready = [*entered, *after_nodes(plane, cluster, nodes)]
        region = aws.get_region_output(opts=options).region
        self.cluster_name, self.endpoint = cluster.name, cluster.endpoint
        self.certificate_authority = cluster.certificate_authority.apply(lambda held: held.data or "")
        self.kubeconfig = kubeconfig_of(cluster.name, cluster.endpoint, self.certificate_authority, region)
        self.subnet_ids = pulumi.Output.from_input(network["subnet_ids"])
        inside = cluster.vpc_config
        self.security_group_ids = inside.apply(lambda held: [held.cluster_security_group_id or ""])
        self.aws_cidr_blocks = self._aws_cidr_blocks(inside.apply(lambda held: held.vpc_id or ""))
        return ready

    def _aws_cidr_blocks(self, vpc_id: pulumi.Output[str]) -> pulumi.Output[Sequence[str]]:
        """The network's own blocks, where its endpoints are, and the addresses of services whose endpoints
        are routes: https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html"""
        options = pulumi.InvokeOutputOptions(parent=self)
        vpc = vpc_id.apply(lambda known: aws.ec2.get_vpc_output(id=known, opts=options).cidr_block)
        given = self._args.get("aws_cidr_blocks")
        if given is not None:
            return vpc.apply(lambda block: [block, *given])
        if self._args.get("network") or self._args.get("existing"):
            pulumi.log.warn(
                "pods reach AWS within the network, at Amazon S3 and DynamoDB, and nowhere else: a network "
                "without endpoints for sqs, kms, secretsmanager, logs and the model needs `aws_cidr_blocks`",
                self,
            )
        region = aws.get_region_output(opts=options).region
        lists = [
            aws.ec2.get_managed_prefix_list_output(
                name=pulumi.Output.concat("com.amazonaws.", region, f".{service}"), opts=options
            ).entries.apply(lambda entries: [entry.cidr for entry in entries])
            for service in ("dynamodb", "s3")
        ]
        return pulumi.Output.all(vpc, *lists).apply(
            lambda found: [found[0], *(block for blocks in found[1:] for block in blocks)]
        )


def reference_to_cluster(cluster: AgentCluster) -> ClusterReference:
    """What an agent on `cluster` has to be given."""
    return {
        "cluster_name": cluster.cluster_name,
        "endpoint": cluster.endpoint,
        "certificate_authority": cluster.certificate_authority,
        "kubeconfig": cluster.kubeconfig,
        "namespaces": cluster.namespaces,
        "subnet_ids": cluster.subnet_ids,
        "security_group_ids": cluster.security_group_ids,
        "aws_cidr_blocks": cluster.aws_cidr_blocks,
    }
