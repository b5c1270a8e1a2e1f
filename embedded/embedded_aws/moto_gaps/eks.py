"""Amazon EKS: where a cluster's API server answers. moto makes an address and a certificate up,
and says nothing of its network.

Here one API server stands for all of them once it was started.
"""

from typing import Any

from moto.ec2.models import ec2_backends
from moto.eks.models import Cluster, EKSBackend

from embedded_aws.patches import Replacement


class Shown:
    """An attribute of every cluster: `value` once it is known, until then what moto set."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.value: Any = None

    def __get__(self, cluster: Any, _owner: type) -> Any:
        return self if cluster is None else self.value or cluster.__dict__[self._name]

    def __set__(self, cluster: Any, value: Any) -> None:
        cluster.__dict__[self._name] = value


def show(endpoint: str, certificate_authority: str) -> None:
    """From now on clusters, old and new, have this API server."""
    shown: Any = Cluster
    shown.endpoint.value = endpoint
    shown.certificate_authority.value = {"data": certificate_authority}


def replacements() -> list[Replacement]:
    create = EKSBackend.create_cluster

    def create_cluster(backend: EKSBackend, *, resources_vpc_config: dict[str, Any], **given: Any) -> Cluster:
        placed = {**resources_vpc_config, **_place(backend, resources_vpc_config.get("subnetIds") or [])}
        return create(backend, resources_vpc_config=placed, **given)

    names = ("endpoint", "certificate_authority")
    shown: list[Replacement] = [(Cluster, name, Shown(name)) for name in names]
    return [*shown, (EKSBackend, "create_cluster", create_cluster)]


def _place(backend: EKSBackend, subnet_ids: list[str]) -> dict[str, str]:
    """EKS tells the network of the subnets, and the group that it makes for the cluster there:
    https://docs.aws.amazon.com/eks/latest/userguide/sec-group-reqs.html"""
    ec2 = ec2_backends[backend.account_id][backend.region_name]
    found = {
        subnet.vpc_id for zone in ec2.subnets.values() for key, subnet in zone.items() if key in subnet_ids
    }
    if len(found) != 1:
        return {}
    (vpc_id,) = found
    group: Any = ec2.get_default_security_group(vpc_id)
    return {"vpcId": vpc_id, "clusterSecurityGroupId": group.id}
