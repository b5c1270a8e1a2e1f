"""What EKS itself puts into a cluster whose nodes are ours: network, names, volumes and pod identities."""

import json

import pulumi
import pulumi_aws as aws

from agent_hosting import statements
from agent_hosting._eks_control_plane import ControlPlane, PlaneRole

PODS = "pods.eks.amazonaws.com"
_EBS_POLICY, _CNI_POLICY = "service-role/AmazonEBSCSIDriverPolicy", "AmazonEKS_CNI_Policy"


def before_nodes(plane: ControlPlane, cluster: aws.eks.Cluster) -> list[pulumi.Resource]:
    """Without these a node never becomes ready. The network one also enforces network policies.

    https://docs.aws.amazon.com/eks/latest/userguide/cni-network-policy-configure.html
    """
    network = {"enableNetworkPolicy": "true"}
    cni = plane.role("cni", statements.trust(PODS), (_CNI_POLICY,))
    return [
        _addon(plane, cluster, "eks-pod-identity-agent"),
        _addon(plane, cluster, "kube-proxy"),
        _addon(plane, cluster, "vpc-cni", network, ("aws-node", cni)),
    ]


def after_nodes(
    plane: ControlPlane, cluster: aws.eks.Cluster, nodes: aws.eks.NodeGroup
) -> list[pulumi.Resource]:
    """Add-ons whose pods need a node to be healthy."""
    disks = plane.role("disks", statements.trust(PODS), (_EBS_POLICY,))
    return [
        _addon(plane, cluster, "coredns", after=nodes),
        _addon(plane, cluster, "aws-ebs-csi-driver", None, ("ebs-csi-controller-sa", disks), after=nodes),
    ]


def _addon(
    plane: ControlPlane,
    cluster: aws.eks.Cluster,
    addon: str,
    configuration: object = None,
    identity: tuple[str, PlaneRole] | None = None,
    after: pulumi.Resource | None = None,
) -> aws.eks.Addon:
    return aws.eks.Addon(
        f"{plane.name}-{addon}",
        cluster_name=cluster.name,
        addon_name=addon,
        configuration_values=json.dumps(configuration) if configuration else None,
        pod_identity_associations=(
            [{"service_account": identity[0], "role_arn": identity[1].arn}] if identity else None
        ),
        resolve_conflicts_on_create="OVERWRITE",
        resolve_conflicts_on_update="OVERWRITE",
        tags=plane.tags,
        opts=pulumi.ResourceOptions(parent=plane.parent, depends_on=[after] if after else []),
    )
