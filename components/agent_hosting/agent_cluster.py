"""A Kubernetes cluster for agents: a private one of Amazon EKS, or one that is there already."""

from collections.abc import Sequence
from ipaddress import ip_network
from typing import TypedDict

import pulumi
import pulumi_aws as aws

from agent_hosting import _eks_namespaces
from agent_hosting._cluster_args import AgentClusterArgs, ExistingClusterArgs, Nodes, check_cluster
from agent_hosting._eks_addons import after_nodes, before_nodes
from agent_hosting._eks_control_plane import ControlPlane
from agent_hosting._eks_operators import Operator, install
from agent_hosting._keys import deployer_arn
from agent_hosting._kubernetes import Objects, kubeconfig_of, provider_of
from agent_hosting._validation import Inputs
from agent_hosting.agent_network import INTERFACES, AgentNetwork

_AGENTS = "agents"
_INTERFACES_OF_NODES = ("ec2", "eks", "eks-auth", "sts")
"""What nodes and pods call beside what workers do:
https://docs.aws.amazon.com/eks/latest/userguide/private-clusters.html"""


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


_DEFAULT_OPERATORS = (Operator.KEDA, Operator.GATEWAY, Operator.ARGO_ROLLOUTS)


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
        check_cluster(self._inputs, args)
        plane = self._plane()
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

    def _plane(self) -> ControlPlane:
        inputs, args = self._inputs, self._args
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
