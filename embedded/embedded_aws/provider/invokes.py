"""The look-ups that stacks commonly use, answered from the embedded cloud."""

import json
import re
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from embedded_aws.provider.rows import Client
from embedded_aws.provider.values import Properties

ClientFor = Callable[[str], Client]


def answer(token: str, given: Properties, client: ClientFor, region: str) -> Properties:
    """Result of the function `token`. Raises ValueError for one that has no answer here."""
    known = {
        "aws:index/getCallerIdentity:getCallerIdentity": _caller_identity,
        "aws:index/getRegion:getRegion": _region,
        "aws:index/getPartition:getPartition": _partition,
        "aws:index/getAvailabilityZones:getAvailabilityZones": _availability_zones,
        "aws:ec2/getManagedPrefixList:getManagedPrefixList": _prefix_list,
        "aws:ec2/getVpc:getVpc": _vpc,
        "aws:eks/getCluster:getCluster": _cluster,
        "aws:iam/getSessionContext:getSessionContext": _session_context,
        "aws:iam/getPolicyDocument:getPolicyDocument": _policy_document,
        "aws:dynamodb/getTableItem:getTableItem": _table_item,
        "aws:ecs/getService:getService": _ecs_service,
        "aws:lambda/getAlias:getAlias": _lambda_alias,
        "aws:lambda/getFunction:getFunction": _lambda_function,
        "aws:secretsmanager/getSecret:getSecret": _secret,
        "aws:ssm/getParameter:getParameter": _parameter,
    }
    if token not in known:
        raise ValueError(f"the embedded AWS does not answer {token}; it answers {', '.join(sorted(known))}")
    return known[token](given, client, region)


def _ecs_service(given: Properties, client: ClientFor, _region_name: str) -> Properties:
    cluster, name = given["clusterArn"], given["serviceName"]
    found = client("ecs").describe_services(cluster=cluster, services=[name])["services"]
    if not found:
        raise ValueError(f"ResourceNotFoundException: no ECS service {name} in {cluster}")
    service = found[0]
    events = [
        {"id": event["id"], "message": event["message"], "createdAt": str(event["createdAt"])}
        for event in service.get("events", [])
    ]
    arn = service["serviceArn"]
    held = {"taskDefinition": service["taskDefinition"], "desiredCount": service["desiredCount"]}
    return {"id": arn, "arn": arn, **held, "events": events, **given}


def _caller_identity(_given: Properties, client: ClientFor, _region_name: str) -> Properties:
    said = client("sts").get_caller_identity()
    return {"id": said["Account"], "accountId": said["Account"], "arn": said["Arn"], "userId": said["UserId"]}


def _region(given: Properties, _client: ClientFor, region: str) -> Properties:
    name = given.get("region") or given.get("name") or region
    return {
        "id": name,
        "name": name,
        "region": name,
        "description": name,
        "endpoint": f"ec2.{name}.amazonaws.com",
    }


def _partition(_given: Properties, _client: ClientFor, _region_name: str) -> Properties:
    return {
        "id": "aws",
        "partition": "aws",
        "dnsSuffix": "amazonaws.com",
        "reverseDnsPrefix": "com.amazonaws",
    }


def _availability_zones(given: Properties, client: ClientFor, region: str) -> Properties:
    zones = client("ec2").describe_availability_zones()["AvailabilityZones"]
    names, ids = [z["ZoneName"] for z in zones], [z["ZoneId"] for z in zones]
    return {"id": region, "names": names, "zoneIds": ids, "groupNames": [region], **given}


def _prefix_list(given: Properties, client: ClientFor, _region_name: str) -> Properties:
    """By its id or its name; others would have to be searched for."""
    asked = {"PrefixListIds": [given["id"]]} if given.get("id") else {}
    lists = client("ec2").describe_managed_prefix_lists(**asked)["PrefixLists"]
    found = [held for held in lists if given.get("name") in (None, held["PrefixListName"])]
    if len(found) != 1:
        raise ValueError(f"there is no one managed prefix list of {given}, but {len(found)}")
    (held,) = found
    entries = client("ec2").get_managed_prefix_list_entries(PrefixListId=held["PrefixListId"])["Entries"]
    return {
        "id": held["PrefixListId"],
        "arn": held["PrefixListArn"],
        "name": held["PrefixListName"],
        "addressFamily": held.get("AddressFamily", ""),
        "ownerId": held.get("OwnerId", ""),
        "entries": [{"cidr": e["Cidr"], "description": e.get("Description", "")} for e in entries],
        **given,
    }


def _vpc(given: Properties, client: ClientFor, _region_name: str) -> Properties:
    if not given.get("id"):
        raise ValueError("the embedded AWS finds a network by its id alone: give `id`")
    found = client("ec2").describe_vpcs(VpcIds=[given["id"]])["Vpcs"][0]
    return {
        "arn": f"arn:aws:ec2:{_region_name}:{found['OwnerId']}:vpc/{found['VpcId']}",
        "cidrBlock": found["CidrBlock"],
        "default": bool(found.get("IsDefault")),
        "instanceTenancy": found["InstanceTenancy"],
        "ownerId": found["OwnerId"],
        **given,
    }


def _cluster(given: Properties, client: ClientFor, _region_name: str) -> Properties:
    found = client("eks").describe_cluster(name=given["name"])["cluster"]
    network = found.get("resourcesVpcConfig") or {}
    return {
        "id": found["name"],
        "arn": found["arn"],
        "endpoint": found["endpoint"],
        "version": found["version"],
        "status": found["status"],
        "roleArn": found["roleArn"],
        "certificateAuthorities": [{"data": found["certificateAuthority"]["data"]}],
        "vpcConfig": {key: held for key, held in network.items() if held is not None},
        **given,
    }


def _session_context(given: Properties, client: ClientFor, _region_name: str) -> Properties:
    """The role behind an assumed-role session; any other caller is its own issuer."""
    arn = str(given["arn"])
    session = re.fullmatch(r"arn:aws:sts::\d+:assumed-role/([^/]+)/(.+)", arn)
    if session is None:
        return {"id": arn, "issuerArn": arn, "issuerId": "", "issuerName": "", "sessionName": "", **given}
    role = client("iam").get_role(RoleName=session[1])["Role"]
    names = {"issuerArn": role["Arn"], "issuerId": role["RoleId"], "issuerName": role["RoleName"]}
    return {"id": arn, "sessionName": session[2], **names, **given}


def _policy_document(given: Properties, _client: ClientFor, _region_name: str) -> Properties:
    unknown = {k for k, v in given.items() if v} - {"version", "statements"}
    if unknown:
        raise ValueError(f"the embedded AWS composes no policy document from {', '.join(sorted(unknown))}")
    document = {
        "Version": given.get("version", "2012-10-17"),
        "Statement": [_statement(s) for s in given.get("statements", [])],
    }
    text = json.dumps(document, indent=2)
    return {
        "id": str(zlib.crc32(text.encode())),
        "json": text,
        "minifiedJson": json.dumps(document, separators=(",", ":")),
        **given,
    }


_STATEMENT = (
    *("sid", "effect", "actions", "notActions", "resources", "notResources"),
    *("principals", "notPrincipals", "conditions"),
)


def _statement(given: Mapping[str, Any]) -> dict[str, Any]:
    unknown = given.keys() - set(_STATEMENT)
    if unknown:  # leaving one out could turn a denial into nothing
        raise ValueError(f"a statement has no {', '.join(sorted(unknown))}; it has {', '.join(_STATEMENT)}")
    statement: dict[str, Any] = {"Effect": given.get("effect", "Allow")}
    if given.get("sid"):
        statement["Sid"] = given["sid"]
    for name in ("actions", "notActions", "resources", "notResources"):
        if given.get(name):
            statement[name[0].upper() + name[1:-1]] = given[name]
    for name in ("principals", "notPrincipals"):
        if given.get(name):
            statement[name[0].upper() + name[1:-1]] = {p["type"]: p["identifiers"] for p in given[name]}
    for condition in given.get("conditions") or []:
        operators = statement.setdefault("Condition", {})
        operators.setdefault(condition["test"], {})[condition["variable"]] = condition["values"]
    return statement


def _table_item(given: Properties, client: ClientFor, _region_name: str) -> Properties:
    found = client("dynamodb").get_item(
        TableName=given["tableName"], Key=json.loads(given["key"]), ConsistentRead=True
    )
    if "Item" not in found:
        raise ValueError(f"ResourceNotFoundException: no item {given['key']} in table {given['tableName']}")
    return {"id": f"{given['tableName']}|{given['key']}", "item": json.dumps(found["Item"]), **given}


def _lambda_alias(given: Properties, client: ClientFor, _region_name: str) -> Properties:
    found = client("lambda").get_alias(FunctionName=given["functionName"], Name=given["name"])
    weights = (found.get("RoutingConfig") or {}).get("AdditionalVersionWeights", {})
    return {
        "id": found["AliasArn"],
        "arn": found["AliasArn"],
        "description": found.get("Description", ""),
        "functionVersion": found["FunctionVersion"],
        "routingConfigs": [{"additionalVersionWeights": weights}] if weights else [],
        "invokeArn": "",
        **given,
    }


def _lambda_function(given: Properties, client: ClientFor, _region_name: str) -> Properties:
    asked = {"FunctionName": given["functionName"]} | (
        {"Qualifier": given["qualifier"]} if given.get("qualifier") else {}
    )
    found = client("lambda").get_function_configuration(**asked)
    return {
        "id": found["FunctionName"],
        "arn": found["FunctionArn"],
        "version": found["Version"],
        "description": found.get("Description", ""),
        "environment": {"variables": found.get("Environment", {}).get("Variables", {})},
        "role": found["Role"],
        **given,
    }


def _secret(given: Properties, client: ClientFor, _region_name: str) -> Properties:
    found = client("secretsmanager").describe_secret(SecretId=given.get("arn") or given["name"])
    return {
        "id": found["ARN"],
        "arn": found["ARN"],
        "name": found["Name"],
        "kmsKeyId": found.get("KmsKeyId", ""),
    }


def _parameter(given: Properties, client: ClientFor, _region_name: str) -> Properties:
    found = client("ssm").get_parameter(Name=given["name"], WithDecryption=True)["Parameter"]
    return {"id": found["Name"], "arn": found["ARN"], "value": found["Value"], "type": found["Type"], **given}
