"""Amazon ECS: the row of a service, which nests much that Pulumi holds flat. `ecs` lists it."""

from typing import Any

from embedded_aws.provider.rows import AutoName, Client, Row
from embedded_aws.provider.values import Properties
from embedded_aws.tables.common import awsvpc, by_arn, tagging
from embedded_aws.tables.ecs_steady import until_drained, until_steady

_DEPLOYMENT = {
    "deploymentMaximumPercent": "maximumPercent",
    "deploymentMinimumHealthyPercent": "minimumHealthyPercent",
    "deploymentCircuitBreaker": "deploymentCircuitBreaker",
    "alarms": "alarms",
}


def _prepare(properties: Properties) -> Properties:
    given = {k: v for k, v in properties.items() if k not in _DEPLOYMENT}
    deployment = dict(given.pop("deploymentConfiguration", None) or {})
    deployment |= {m: properties[p] for p, m in _DEPLOYMENT.items() if properties.get(p) not in (None, {})}
    if deployment:
        given["deploymentConfiguration"] = deployment
    given["networkConfiguration"] = awsvpc(given.get("networkConfiguration"))
    return given


def _active(client: Client, service: str, state: Properties) -> Any:
    """A deleted service stays behind as INACTIVE. An ARN names the cluster too."""
    cluster = state.get("cluster") or (service.split("/")[1] if service.count("/") > 1 else "default")
    name = state["name"] if not service.startswith("arn:") else service
    found = client.describe_services(cluster=cluster, services=[name])["services"]
    held = next((s for s in found if s["status"] != "INACTIVE"), None)
    return held and {**held, "Given": state}


def _outputs(found: Any) -> Properties:
    given, deployment = found["Given"], found.get("deploymentConfiguration") or {}
    held: Properties = {
        "arn": found["serviceArn"],
        "name": found["serviceName"],
        "cluster": _as_given(given.get("cluster"), found["clusterArn"]),
        "taskDefinition": _as_given(given.get("taskDefinition"), found.get("taskDefinition") or ""),
        **{p: deployment[m] for p, m in _DEPLOYMENT.items() if m in deployment},
        **{name: found[name] for name in _HELD if found.get(name) is not None},
    }
    network = (found.get("networkConfiguration") or {}).get("awsvpcConfiguration")
    if network:
        public = {"assignPublicIp": network.get("assignPublicIp") == "ENABLED"}
        held["networkConfiguration"] = {**network, **public}
    return held


def _as_given(given: Any, held: str) -> str:
    """AWS answers with ARNs where a program may say a name, or a family without its revision."""
    if isinstance(given, str) and (
        held.endswith(f"/{given}") or held.rsplit(":", 1)[0].endswith(f"/{given}")
    ):
        return given
    return held


def _drain(client: Client, service: str, state: Properties) -> None:
    """As the official provider does it: no task is left when the service goes. `forceDelete` spares it."""
    held = _active(client, service, state)
    if held is None:
        return
    if held.get("schedulingStrategy") != "DAEMON" and not state.get("forceDelete"):
        client.update_service(cluster=held["clusterArn"], service=service, desiredCount=0)
    client.delete_service(cluster=held["clusterArn"], service=service, force=bool(state.get("forceDelete")))
    until_drained(client, held["clusterArn"], service)


_HELD = (
    *("desiredCount", "launchType", "platformVersion", "schedulingStrategy", "enableExecuteCommand"),
    *("healthCheckGracePeriodSeconds", "availabilityZoneRebalancing", "deploymentController"),
)

SERVICE = Row(
    token="aws:ecs/service:Service",
    service="ecs",
    create="CreateService",
    id="{arn}",
    imported="{cluster}/{name}",
    created_at="service",
    update="UpdateService",
    key={"cluster": "{cluster}", "service": "{id}"},
    find=_active,
    renames={
        "arn": "serviceArn",
        "name": "serviceName",
        "iamRole": "role",
        "capacityProviderStrategies": "capacityProviderStrategy",
        "orderedPlacementStrategies": "placementStrategy",
        "elbName": "loadBalancerName",
    },
    prepare=_prepare,
    prepared=frozenset(
        {"networkConfiguration", "deploymentConfiguration", "forceNewDeployment", *_DEPLOYMENT}
    ),
    updates=frozenset(
        {"networkConfiguration", "deploymentConfiguration", "forceNewDeployment", *_DEPLOYMENT}
    ),
    sent_if_changed=frozenset({"desiredCount"}),
    outputs=_outputs,
    name=AutoName(longest=255),
    replaces=frozenset({"name", "cluster"}),
    settings=(
        tagging(
            *("tag_resource", "untag_resource", "list_tags_for_resource"),
            arn=by_arn,
            member="resourceArn",
            lower=True,
        ),
    ),
    settle=until_steady,
    before_delete=_drain,
    recorded=frozenset({"forceDelete", "sigintRollback", "triggers", "waitForSteadyState"}),
    defaults={
        **{"desiredCount": 0, "deploymentMaximumPercent": 200, "deploymentMinimumHealthyPercent": 100},
        **{"enableExecuteCommand": False, "enableEcsManagedTags": False},
        "deploymentCircuitBreaker": {"enable": False, "rollback": False},
    },
)
