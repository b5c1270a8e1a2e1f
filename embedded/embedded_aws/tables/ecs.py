"""Amazon ECS: clusters with their capacity providers, task definitions and services."""

import json
from typing import Any

from embedded_aws.provider.rows import AutoName, Client, Row
from embedded_aws.provider.values import UNKNOWN, Properties
from embedded_aws.tables.common import by_arn, tagging
from embedded_aws.tables.ecs_service import SERVICE

_TAGGING = ("tag_resource", "untag_resource", "list_tags_for_resource")


def _cluster(client: Client, cluster: str, _state: Properties) -> Any:
    """A deleted cluster stays behind as INACTIVE."""
    found = client.describe_clusters(clusters=[cluster], include=["SETTINGS", "CONFIGURATIONS"])["clusters"]
    return next((c for c in found if c["status"] != "INACTIVE"), None)


def _cluster_outputs(found: Any) -> Properties:
    held: Properties = {"arn": found["clusterArn"], "name": found["clusterName"]}
    return held | {k: found[k] for k in ("settings", "serviceConnectDefaults") if found.get(k)}


def _providers(client: Client, cluster: str, state: Properties) -> Any:
    """What a cluster has without this resource is no provider at all."""
    found = _cluster(client, cluster, state)
    return found if found and found.get("capacityProviders") else None


def _providers_outputs(found: Any) -> Properties:
    return {
        "clusterName": found["clusterName"],
        "capacityProviders": found["capacityProviders"],
        "defaultCapacityProviderStrategies": found.get("defaultCapacityProviderStrategy", []),
    }


def _no_providers(client: Client, cluster: str, state: Properties) -> None:
    if _cluster(client, cluster, state) is not None:
        client.put_cluster_capacity_providers(
            cluster=cluster, capacityProviders=[], defaultCapacityProviderStrategy=[]
        )


def _task(given: Properties) -> Properties:
    containers = given.get("containerDefinitions")
    if isinstance(containers, str):
        given["containerDefinitions"] = json.loads(containers)
    volumes = given.get("volumes")
    given["volumes"] = [_volume(v) for v in volumes] if isinstance(volumes, list) else volumes
    return given


def _volume(given: Any) -> Any:
    if given is UNKNOWN:
        return given
    volume = {k: v for k, v in given.items() if k != "hostPath"}
    return volume | ({"host": {"sourcePath": given["hostPath"]}} if given.get("hostPath") else {})


def _active_revision(client: Client, family: str, state: Properties) -> Any:
    """AWS keeps a deregistered revision as INACTIVE. Of one it never knew it says so in words alone."""
    try:
        found = client.describe_task_definition(taskDefinition=state.get("arn") or family)["taskDefinition"]
    except client.exceptions.ClientException:
        return None
    held = {} if "containerDefinitions" in state else _adopted(found)
    return {**found, "Adopted": held} if found["status"] == "ACTIVE" else None


def _adopted(found: Any) -> Properties:
    """A revision is immutable: what the program said of it holds, and AWS is asked at an import alone."""
    properties = {k: found[k] for k in _TASK if found.get(k) is not None}
    volumes = [
        {k: v for k, v in volume.items() if k != "host"}
        | ({"hostPath": volume["host"]["sourcePath"]} if volume.get("host", {}).get("sourcePath") else {})
        for volume in found.get("volumes") or []
    ]
    return {
        **properties,
        "containerDefinitions": json.dumps(found["containerDefinitions"]),
        "volumes": volumes,
    }


def _task_outputs(found: Any) -> Properties:
    arn = found["taskDefinitionArn"]
    named = {"arn": arn, "arnWithoutRevision": arn.rsplit(":", 1)[0], "family": found["family"]}
    return {**named, "revision": found["revision"], **found["Adopted"]}


def _deregister(client: Client, family: str, state: Properties) -> None:
    if not state.get("skipDestroy") and _active_revision(client, family, state) is not None:
        client.deregister_task_definition(taskDefinition=state["arn"])


_TASK = (
    *("cpu", "memory", "executionRoleArn", "taskRoleArn", "networkMode", "ipcMode", "pidMode"),
    *("requiresCompatibilities", "placementConstraints", "runtimePlatform"),
)

ROWS = (
    Row(
        token="aws:ecs/cluster:Cluster",
        service="ecs",
        create="CreateCluster",
        id="{arn}",
        imported="{name}",
        created_at="cluster",
        update="UpdateCluster",
        delete="DeleteCluster",
        key={"cluster": "{id}"},
        find=_cluster,
        renames={
            "arn": "clusterArn",
            "name": "clusterName",
            "s3BucketEncryptionEnabled": "s3EncryptionEnabled",
        },
        outputs=_cluster_outputs,
        name=AutoName(longest=255),
        replaces=frozenset({"name"}),
        settings=(tagging(*_TAGGING, arn=by_arn, member="resourceArn", lower=True),),
    ),
    Row(
        token="aws:ecs/clusterCapacityProviders:ClusterCapacityProviders",
        service="ecs",
        create="PutClusterCapacityProviders",
        id="{clusterName}",
        created_at="cluster",
        update="PutClusterCapacityProviders",
        key={"cluster": "{id}"},
        find=_providers,
        renames={
            "clusterName": "cluster",
            "defaultCapacityProviderStrategies": "defaultCapacityProviderStrategy",
        },
        prepare=lambda given: {"capacityProviders": [], "defaultCapacityProviderStrategies": [], **given},
        outputs=_providers_outputs,
        before_delete=_no_providers,
        replaces=frozenset({"clusterName"}),
    ),
    Row(
        token="aws:ecs/taskDefinition:TaskDefinition",
        service="ecs",
        create="RegisterTaskDefinition",
        id="{family}",
        imported="{arn}",
        created_at="taskDefinition",
        find=_active_revision,
        renames={"arn": "taskDefinitionArn"},
        prepare=_task,
        prepared=frozenset({"containerDefinitions", "volumes"}),
        outputs=_task_outputs,
        settings=(tagging(*_TAGGING, arn=by_arn, member="resourceArn", lower=True),),
        before_delete=_deregister,
        recorded=frozenset({"skipDestroy", "trackLatest"}),
    ),
    SERVICE,
)
