"""A cluster of Amazon EKS: its control plane, who may enter it, and the nodes below it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from agent_hosting import statements
from agent_hosting._keys import delegate_to_account, encrypt_logs

CONTROL_PLANE_LOGS = ("api", "audit", "authenticator", "controllerManager", "scheduler")
"""https://docs.aws.amazon.com/eks/latest/userguide/control-plane-logs.html"""
_CLUSTER_ADMIN = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
_MANAGED = "arn:aws:iam::aws:policy/"
_OF_CLUSTER = ("AmazonEKSClusterPolicy",)
_OF_AUTO_CLUSTER = (
    *_OF_CLUSTER,
    "AmazonEKSBlockStoragePolicy",
    "AmazonEKSComputePolicy",
    "AmazonEKSLoadBalancingPolicy",
    "AmazonEKSNetworkingPolicy",
)
"""https://docs.aws.amazon.com/eks/latest/userguide/auto-cluster-iam-role.html"""
_OF_NODES = ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly")
_OF_AUTO_NODES = ("AmazonEKSWorkerNodeMinimalPolicy", "AmazonEC2ContainerRegistryPullOnly")
_AUTO_POOLS = ("general-purpose", "system")


@dataclass(frozen=True)
class PlaneRole:
    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    """Known once its policies are attached: what takes the role before them fails, and what loses them first
    cannot be taken down."""


@dataclass(frozen=True)
class ControlPlane:
    """What all parts of one cluster share. `auto` leaves nodes, network and volumes to EKS, which runs
    Karpenter for them: https://docs.aws.amazon.com/eks/latest/userguide/automode.html"""

    name: str
    auto: bool
    version: str
    public: bool
    public_blocks: Sequence[str]
    """Blocks of the internet that reach the API where it is public."""
    retain: bool
    log_days: int
    tags: Any
    parent: pulumi.Resource

    @property
    def _child(self) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self.parent)

    def role(self, label: str, trusted: statements.Statement, managed: Sequence[str]) -> PlaneRole:
        """A role of the cluster's own machinery. It has no boundary of agents: it makes network cards, disks
        and load balancers, which no agent may."""
        role = aws.iam.Role(
            f"{self.name}-{label}",
            assume_role_policy=statements.policy([trusted]),
            tags=self.tags,
            opts=self._child,
        )
        attached = [
            aws.iam.RolePolicyAttachment(
                f"{self.name}-{label}-{policy.rpartition('/')[2]}",
                role=role.name,
                policy_arn=f"{_MANAGED}{policy}",
                opts=self._child,
            ).id
            for policy in managed
        ]
        return PlaneRole(role.name, pulumi.Output.all(role.arn, *attached).apply(lambda known: known[0]))

    def key(self) -> aws.kms.Key:
        """What encrypts the cluster's secrets and logs."""
        return aws.kms.Key(
            f"{self.name}-secrets-key",
            description=f"Kubernetes secrets and logs of {self.name}",
            enable_key_rotation=True,
            deletion_window_in_days=7,
            policy=statements.policy([delegate_to_account(self.parent), encrypt_logs(self.parent)]),
            tags=self.tags,
            opts=self._child,
        )

    def make(self, subnet_ids: pulumi.Input[Sequence[str]], key: aws.kms.Key) -> aws.eks.Cluster:
        """The control plane. Nobody enters by having made it: access entries alone say who may."""
        trusted = statements.trust("eks.amazonaws.com")
        if self.auto:
            trusted["Action"] = ["sts:AssumeRole", "sts:TagSession"]
        role = self.role("plane", trusted, _OF_AUTO_CLUSTER if self.auto else _OF_CLUSTER)
        # The log group holds the cluster's name and must be there before the cluster is, since EKS would make
        # it without an end of retention: so the name is known before, unique by the suffix of the role's.
        called = role.name.apply(lambda made: f"{self.name}-{made.rpartition('-')[2]}")
        log = aws.cloudwatch.LogGroup(
            f"{self.name}-log",
            name=pulumi.Output.concat("/aws/eks/", called, "/cluster"),
            retention_in_days=self.log_days,
            kms_key_id=key.arn,
            tags=self.tags,
            opts=self._child,
        )
        network: Any = {
            "subnet_ids": subnet_ids,
            "endpoint_private_access": True,
            "endpoint_public_access": self.public,
        }
        if self.public and self.public_blocks:  # else EKS takes everywhere
            network["public_access_cidrs"] = self.public_blocks
        return aws.eks.Cluster(
            self.name,
            name=called,
            role_arn=role.arn,
            version=self.version,
            vpc_config=network,
            enabled_cluster_log_types=list(CONTROL_PLANE_LOGS),
            encryption_config={"provider": {"key_arn": key.arn}, "resources": ["secrets"]},
            access_config={
                "authentication_mode": "API",
                "bootstrap_cluster_creator_admin_permissions": False,
            },
            bootstrap_self_managed_addons=False,
            deletion_protection=self.retain,
            upgrade_policy={"support_type": "STANDARD"},
            tags=self.tags,
            opts=pulumi.ResourceOptions(parent=self.parent, depends_on=[log]),
            **self._auto_mode(),
        )

    def _auto_mode(self) -> dict[str, Any]:
        """All three switches go together:
        https://docs.aws.amazon.com/eks/latest/userguide/automode-get-started-cli.html"""
        if not self.auto:
            return {}
        nodes = self.role("nodes", statements.trust("ec2.amazonaws.com"), _OF_AUTO_NODES)
        return {
            "compute_config": {
                "enabled": True,
                "node_pools": list(_AUTO_POOLS),
                "node_role_arn": nodes.arn,
            },
            "kubernetes_network_config": {"elastic_load_balancing": {"enabled": True}},
            "storage_config": {"block_storage": {"enabled": True}},
        }

    def let_in(
        self, cluster: aws.eks.Cluster, admin_arns: Sequence[pulumi.Input[str]]
    ) -> list[pulumi.Resource]:
        """Access entries of those who administer the cluster."""
        made: list[pulumi.Resource] = []
        for index, arn in enumerate(admin_arns):
            entry = aws.eks.AccessEntry(
                f"{self.name}-admin-{index}",
                cluster_name=cluster.name,
                principal_arn=arn,
                tags=self.tags,
                opts=self._child,
            )
            made.append(
                aws.eks.AccessPolicyAssociation(
                    f"{self.name}-admin-{index}",
                    cluster_name=cluster.name,
                    principal_arn=entry.principal_arn,
                    policy_arn=_CLUSTER_ADMIN,
                    access_scope={"type": "cluster"},
                    opts=self._child,
                )
            )
        return made

    def open_to(self, cluster: aws.eks.Cluster, blocks: Sequence[str]) -> list[pulumi.Resource]:
        """EKS's own group lets nobody in but its members:
        https://docs.aws.amazon.com/eks/latest/userguide/sec-group-reqs.html"""
        group = cluster.vpc_config.apply(lambda held: held.cluster_security_group_id or "")
        return [
            aws.vpc.SecurityGroupIngressRule(
                f"{self.name}-reached-from-{index}",
                security_group_id=group,
                description="The cluster's API",
                cidr_ipv4=block,
                ip_protocol="tcp",
                from_port=443,
                to_port=443,
                tags=self.tags,
                opts=self._child,
            )
            for index, block in enumerate(blocks)
        ]

    def nodes(
        self,
        cluster: aws.eks.Cluster,
        subnet_ids: pulumi.Input[Sequence[str]],
        instance_types: Sequence[str],
        least: int,
        most: int,
        after: Sequence[pulumi.Resource],
    ) -> aws.eks.NodeGroup:
        """A managed node group whose pods cannot reach the node's own credentials, and that no key opens."""
        role = self.role("nodes", statements.trust("ec2.amazonaws.com"), _OF_NODES)
        template = aws.ec2.LaunchTemplate(
            f"{self.name}-nodes",
            # Version 2 alone, and one hop: a container is the second.
            metadata_options={"http_tokens": "required", "http_put_response_hop_limit": 1},
            block_device_mappings=[
                {
                    "device_name": "/dev/xvda",
                    "ebs": {"encrypted": "true", "volume_type": "gp3", "volume_size": 50},
                }
            ],
            update_default_version=True,
            tags=self.tags,
            opts=self._child,
        )
        return aws.eks.NodeGroup(
            f"{self.name}-nodes",
            cluster_name=cluster.name,
            node_role_arn=role.arn,
            subnet_ids=subnet_ids,
            version=self.version,  # else nodes stay behind when the cluster goes on
            instance_types=list(instance_types),
            ami_type="AL2023_ARM_64_STANDARD",
            launch_template={
                "id": template.id,
                "version": template.latest_version.apply(lambda version: str(version)),
            },
            scaling_config={"min_size": least, "max_size": most, "desired_size": least},
            update_config={"max_unavailable": 1},
            node_repair_config={"enabled": True},
            tags=self.tags,
            opts=pulumi.ResourceOptions(
                parent=self.parent, depends_on=list(after), ignore_changes=["scalingConfig.desiredSize"]
            ),
        )
