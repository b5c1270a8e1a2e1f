"""What the access entries of a cluster make of a role.

https://docs.aws.amazon.com/eks/latest/userguide/access-entries.html
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

ENTRY = "aws:eks/accessEntry:AccessEntry"
ASSOCIATION = "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"
CLUSTER_ADMIN = "AmazonEKSClusterAdminPolicy"
MASTERS = "system:masters"


@dataclass(frozen=True)
class User:
    name: str
    groups: tuple[str, ...]


def user_of(
    cluster: str,
    role_arn: str,
    session_name: str,
    *,
    entries: Iterable[Mapping[str, Any]],
    associations: Iterable[Mapping[str, Any]],
) -> User | None:
    """None where the cluster has no entry for the role. Of the access policies the cluster administrator's is
    the one that Kubernetes knows as a group."""

    def concerns(recorded: Mapping[str, Any]) -> bool:
        return recorded["clusterName"] == cluster and _same(recorded["principalArn"], role_arn)

    entry = next((one for one in entries if concerns(one)), None)
    if entry is None:
        return None
    is_admin = any(
        concerns(one)
        and one["policyArn"].endswith(f"/{CLUSTER_ADMIN}")
        and (one.get("accessScope") or {}).get("type", "cluster") == "cluster"
        for one in associations
    )
    groups = (*(entry.get("kubernetesGroups") or ()), *((MASTERS,) if is_admin else ()))
    named = entry.get("userName") or ""
    template = default_name(role_arn) if named in ("", entry["principalArn"]) else named
    return User(template.replace("{{SessionName}}", session_name), groups)


def default_name(role_arn: str) -> str:
    """As EKS names a role's sessions unless the entry says otherwise."""
    head, _, rest = role_arn.partition(":role/")
    return f"{head.replace(':iam:', ':sts:')}:assumed-role/{rest.split('/')[-1]}/{{{{SessionName}}}}"


def _same(one: str, other: str) -> bool:
    """STS leaves the path of a role out, and no account has two roles of one name."""

    def bare(arn: str) -> tuple[str, str]:
        head, _, rest = arn.partition(":role/")
        return head, rest.split("/")[-1]

    return bare(one) == bare(other)
