"""Amazon EKS: clusters, node groups and Fargate profiles; what moto cannot hold is recorded, and so are the
tags of all but a cluster."""

import hashlib
from typing import Any

from embedded_aws.provider.rows import AutoName, Client, Recorded, Row, Setting
from embedded_aws.provider.values import UNKNOWN, Properties
from embedded_aws.tables.common import ACCOUNT, REGION, by_arn, tagging

_TAGS = tagging(
    *("tag_resource", "untag_resource", "list_tags_for_resource"),
    arn=by_arn,
    member="resourceArn",
    as_map=True,
    lower=True,
)
_LOGS = ("api", "audit", "authenticator", "controllerManager", "scheduler")


def _cluster(given: Properties) -> Properties:
    network = given.pop("vpcConfig", None)
    if isinstance(network, dict):
        answered = ("clusterSecurityGroupId", "vpcId")
        given["resourcesVpcConfig"] = {k: v for k, v in network.items() if k not in answered}
    else:
        given["resourcesVpcConfig"] = network
    on = given.pop("enabledClusterLogTypes", None)
    if on is UNKNOWN:
        given["logging"] = on
    elif on is not None:
        off = [kind for kind in _LOGS if kind not in on]
        sets = (("enabled", True, on), ("disabled", False, off))
        given["logging"] = {
            "clusterLogging": [{"types": types, "enabled": flag} for _, flag, types in sets if types]
        }
    return given


def _cluster_outputs(found: Any) -> Properties:
    logged = (found.get("logging") or {}).get("clusterLogging") or []
    issuer = ((found.get("identity") or {}).get("oidc") or {}).get("issuer", "")
    network = found.get("resourcesVpcConfig") or {}
    return {
        "vpcConfig": {k: v for k, v in network.items() if v is not None},
        "enabledClusterLogTypes": [t for entry in logged if entry.get("enabled") for t in entry["types"]],
        "identities": [{"oidcs": [{"issuer": issuer}]}],
        "certificateAuthority": {"data": (found.get("certificateAuthority") or {}).get("data", "")},
    }


def _node_outputs(found: Any) -> Properties:
    made = found.get("resources") or {}
    groups = [{"name": group["name"]} for group in made.get("autoScalingGroups") or []]
    access = made.get("remoteAccessSecurityGroup") or ""
    return {"resources": [{"autoscalingGroups": groups, "remoteAccessSecurityGroupId": access}]}


def _no_upgrade(_client: Client, resource: str, _properties: Properties) -> None:
    raise ValueError(
        f"the embedded AWS cannot upgrade {resource} in place, as EKS does: destroy it first, or try the "
        f"upgrade in an AWS account"
    )


def _update_nodes(client: Client, node_group: str, properties: Properties) -> None:
    """EKS changes labels and taints by what joins them and what leaves them."""
    cluster, name = node_group.split(":", 1)
    place = {"clusterName": cluster, "nodegroupName": name}
    held = client.describe_nodegroup(**place)["nodegroup"]
    labels, taints = properties.get("labels") or {}, properties.get("taints") or []
    changes: Properties = {
        "labels": {
            "addOrUpdateLabels": labels,
            "removeLabels": sorted((held.get("labels") or {}).keys() - labels.keys()),
        },
        "taints": {
            "addOrUpdateTaints": taints,
            "removeTaints": [t for t in held.get("taints") or [] if t not in taints],
        },
    }
    changes |= {name: properties[name] for name in _NODES if properties.get(name)}
    client.update_nodegroup_config(**place, **changes)


_NODES = ("scalingConfig", "updateConfig", "nodeRepairConfig")


def _tagged(properties: Properties) -> Properties:
    return {"tagsAll": properties.get("tags") or {}}


def _arn(kind: str, *parts: str) -> str:
    return f"arn:aws:eks:{REGION}:{ACCOUNT}:{kind}/{'/'.join(parts)}"


def _mark(*parts: str) -> str:
    """Stands for the random part of an id: the same for the same resource, so that it can be named again."""
    return hashlib.sha256("/".join(parts).encode()).hexdigest()[:17]


def _addon(properties: Properties) -> Properties:
    cluster, name = properties["clusterName"], properties["addonName"]
    return {"arn": _arn("addon", cluster, name, _mark(cluster, name)), **_tagged(properties)}


def _pod_identity(properties: Properties) -> Properties:
    cluster = properties["clusterName"]
    association = f"a-{_mark(cluster, properties['namespace'], properties['serviceAccount'])}"
    return {
        "associationId": association,
        "associationArn": _arn("podidentityassociation", cluster, association),
        **_tagged(properties),
    }


def _access_entry(properties: Properties) -> Properties:
    cluster, principal = properties["clusterName"], properties["principalArn"]
    arn = _arn("access-entry", cluster, "role", ACCOUNT, principal.split("/")[-1], _mark(cluster, principal))
    return {"accessEntryArn": arn, "userName": properties.get("userName") or principal, **_tagged(properties)}


ROWS = (
    Row(
        token="aws:eks/cluster:Cluster",
        service="eks",
        create="CreateCluster",
        id="{name}",
        created_at="cluster",
        read="DescribeCluster",
        at="cluster",
        update="UpdateClusterConfig",
        delete="DeleteCluster",
        key={"name": "{id}"},
        prepare=_cluster,
        prepared=frozenset({"vpcConfig", "enabledClusterLogTypes"}),
        updates=frozenset({"vpcConfig", "enabledClusterLogTypes"}),
        outputs=_cluster_outputs,
        name=AutoName(longest=100),
        replaces=frozenset({"name"}),
        settings=(Setting(("version",), _no_upgrade, on_create=False), _TAGS),
        recorded=frozenset({"defaultAddonsToRemoves", "forceUpdateVersion"}),
        defaults={"deletionProtection": False, "bootstrapSelfManagedAddons": True},
    ),
    Row(
        token="aws:eks/nodeGroup:NodeGroup",
        service="eks",
        create="CreateNodegroup",
        id="{clusterName}:{nodeGroupName}",
        created_at="nodegroup",
        read="DescribeNodegroup",
        at="nodegroup",
        delete="DeleteNodegroup",
        key={"clusterName": "{clusterName}", "nodegroupName": "{nodeGroupName}"},
        renames={"arn": "nodegroupArn", "nodeRoleArn": "nodeRole", "subnetIds": "subnets"},
        outputs=_node_outputs,
        name=AutoName("nodeGroupName", longest=63),
        settings=(
            Setting(("labels", "taints", *_NODES), _update_nodes, on_create=False),
            Setting(("version", "releaseVersion", "launchTemplate"), _no_upgrade, on_create=False),
        ),
        recorded=frozenset({"forceUpdateVersion", "tags"}),
        defaults={"capacityType": "ON_DEMAND", "amiType": "AL2023_x86_64_STANDARD"},
    ),
    Row(
        token="aws:eks/fargateProfile:FargateProfile",
        service="eks",
        create="CreateFargateProfile",
        id="{clusterName}:{fargateProfileName}",
        created_at="fargateProfile",
        read="DescribeFargateProfile",
        at="fargateProfile",
        delete="DeleteFargateProfile",
        key={"clusterName": "{clusterName}", "fargateProfileName": "{fargateProfileName}"},
        renames={"arn": "fargateProfileArn", "subnetIds": "subnets"},
        name=AutoName("fargateProfileName", longest=63),
        recorded=frozenset({"tags"}),
    ),
    Recorded(
        token="aws:eks/addon:Addon",
        id="{clusterName}:{addonName}",
        outputs=_addon,
        replaces=frozenset({"clusterName", "addonName", "namespaceConfig"}),
    ),
    Recorded(
        token="aws:eks/podIdentityAssociation:PodIdentityAssociation",
        id="{associationId}",
        outputs=_pod_identity,
        replaces=frozenset({"clusterName", "namespace", "serviceAccount"}),
    ),
    Recorded(
        token="aws:eks/accessEntry:AccessEntry",
        id="{clusterName}:{principalArn}",
        outputs=_access_entry,
        replaces=frozenset({"clusterName", "principalArn", "type"}),
    ),
    Recorded(
        token="aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
        id="{clusterName}#{principalArn}#{policyArn}",
        replaces=frozenset({"clusterName", "principalArn", "policyArn", "accessScope"}),
    ),
)
