"""AWS Lambda: functions, aliases, permissions, event source mappings."""

import json
from typing import Any

from embedded_aws.provider.rows import AutoName, Client, Row, Setting
from embedded_aws.provider.values import Properties, archive_bytes, content_hash
from embedded_aws.tables.common import by_arn, or_none, tagging


def _code(properties: Properties) -> dict[str, Any]:
    if properties.get("code") is not None:
        return {"zipFile": archive_bytes(properties["code"])}
    names = {
        "s3Bucket": "s3Bucket",
        "s3Key": "s3Key",
        "s3ObjectVersion": "s3ObjectVersion",
        "imageUri": "imageUri",
    }
    return {member: properties[name] for name, member in names.items() if properties.get(name)}


def _prepare(properties: Properties) -> Properties:
    given = {k: v for k, v in properties.items() if k not in _CODE}
    given["code"] = _code(properties)
    given["functionName"] = given.pop("name", None)
    config = given.get("vpcConfig")
    if isinstance(config, dict):
        given["vpcConfig"] = {k: v for k, v in config.items() if k != "vpcId"}
    return given


def _write_code(client: Client, name: str, properties: Properties) -> None:
    members = {m[0].upper() + m[1:]: v for m, v in _code(properties).items()}
    architectures = properties.get("architectures")
    client.update_function_code(
        FunctionName=name, **members, **({"Architectures": architectures} if architectures else {})
    )


def _write_concurrency(client: Client, name: str, properties: Properties) -> None:
    reserved = properties.get("reservedConcurrentExecutions")
    if reserved is None or reserved < 0:
        client.delete_function_concurrency(FunctionName=name)
    else:
        client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=reserved)


def _read_concurrency(client: Client, name: str, _state: Properties) -> Properties:
    said = client.get_function_concurrency(FunctionName=name)
    return {"reservedConcurrentExecutions": said.get("ReservedConcurrentExecutions", -1)}


def _publish(client: Client, name: str, properties: Properties) -> None:
    if properties.get("publish"):
        client.publish_version(FunctionName=name, Description=properties.get("description") or "")


def _versions(client: Client, name: str, _state: Properties) -> Any:
    """The function with the number of its newest published version."""
    found = client.get_function(FunctionName=name)["Configuration"]
    pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=name)
    numbers = [int(v["Version"]) for page in pages for v in page["Versions"] if v["Version"] != "$LATEST"]
    return {**found, "Newest": str(max(numbers)) if numbers else "$LATEST"}


def _function(found: Any) -> Properties:
    arn, region = found["FunctionArn"], found["FunctionArn"].split(":")[3]
    invoke = f"arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions"
    variables = found.get("Environment", {}).get("Variables")
    concrete: Properties = {
        "name": found["FunctionName"],
        "arn": arn,
        "description": found.get("Description", ""),
        "version": found["Newest"],
        "qualifiedArn": f"{arn}:{found['Newest']}",
        "invokeArn": f"{invoke}/{arn}/invocations",
        "qualifiedInvokeArn": f"{invoke}/{arn}:{found['Newest']}/invocations",
        "codeSha256": found.get("CodeSha256", ""),
        "lastModified": found["LastModified"],
        "timeout": found["Timeout"],
        "memorySize": found["MemorySize"],
        "role": found["Role"],
    }
    for name, member in (("handler", "Handler"), ("runtime", "Runtime")):
        if found.get(member):
            concrete[name] = found[member]
    if variables:
        concrete["environment"] = {"variables": variables}
    return concrete


def _alias_outputs(found: Any) -> Properties:
    weights = (found.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    region = found["AliasArn"].split(":")[3]
    path = f"arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions"
    return {
        "arn": found["AliasArn"],
        "functionVersion": found["FunctionVersion"],
        "description": found.get("Description", ""),
        "routingConfig": {"additionalVersionWeights": weights} if weights else None,
        "invokeArn": f"{path}/{found['AliasArn']}/invocations",
    }


def _statement_name(properties: Properties) -> Properties:
    """The function's name, whichever form of it the program gave."""
    return {**properties, "functionName": properties.get("function")}


def _permission(client: Client, permission: str, _state: Properties) -> Any:
    function, qualifier, statement = permission.split("/", 2)
    asked = {"FunctionName": function} | ({"Qualifier": qualifier} if qualifier else {})
    said = or_none(lambda: client.get_policy(**asked))
    statements = json.loads(said["Policy"])["Statement"] if said else []
    found = [s for s in statements if s.get("Sid") == statement]
    return {"statementId": statement} if found else None


def _remove_permission(client: Client, permission: str, _state: Properties) -> None:
    function, qualifier, statement = permission.split("/", 2)
    asked = {"FunctionName": function} | ({"Qualifier": qualifier} if qualifier else {})
    client.remove_permission(StatementId=statement, **asked)


def _mapping_outputs(found: Any) -> Properties:
    return {
        "uuid": found["UUID"],
        "functionArn": found["FunctionArn"],
        "state": found.get("State", "Enabled"),
    }


_CODE = ("code", "sourceCodeHash", "s3Bucket", "s3Key", "s3ObjectVersion", "imageUri")
_CONFIGURATION = (
    *("description", "handler", "timeout", "memorySize", "role", "runtime", "environment", "kmsKeyArn"),
    *("deadLetterConfig", "tracingConfig", "layers", "vpcConfig", "ephemeralStorage", "loggingConfig"),
)

ROWS = (
    Row(
        token="aws:lambda/function:Function",
        service="lambda",
        create="CreateFunction",
        id="{name}",
        created_at="",
        update="UpdateFunctionConfiguration",
        delete="DeleteFunction",
        key={"FunctionName": "{id}"},
        find=_versions,
        outputs=_function,
        prepare=_prepare,
        prepared=frozenset({*_CODE, "name"}),
        name=AutoName(),
        replaces=frozenset({"name", "packageType"}),
        settings=(
            Setting((*_CODE, "architectures"), _write_code, on_create=False),
            Setting(("reservedConcurrentExecutions",), _write_concurrency, _read_concurrency),
            tagging(
                "tag_resource", "untag_resource", "list_tags", arn=by_arn, member="Resource", as_map=True
            ),
            Setting((*_CODE, *_CONFIGURATION, "architectures", "publish"), _publish, on_create=False),
        ),
        derived=lambda p: (
            {"sourceCodeHash": content_hash(p["code"])}
            if p.get("code") and not p.get("sourceCodeHash")
            else {}
        ),
        owned=frozenset({"environment", "layers", "deadLetterConfig"}),
        volatile=frozenset(
            {"version", "qualifiedArn", "qualifiedInvokeArn", "lastModified", "codeSha256", "sourceCodeSize"}
        ),
        recorded=frozenset({"skipDestroy", "replaceSecurityGroupsOnDestroy", "sourceKmsKeyArn"}),
        defaults={
            **{"timeout": 3, "memorySize": 128, "reservedConcurrentExecutions": -1, "packageType": "Zip"},
            **{"tracingConfig": {"mode": "PassThrough"}, "environment": {"variables": {}}},
        },
    ),
    Row(
        token="aws:lambda/alias:Alias",
        service="lambda",
        create="CreateAlias",
        id="{arn}",
        imported="{functionName}/{name}",
        read="GetAlias",
        update="UpdateAlias",
        delete="DeleteAlias",
        key={"FunctionName": "{functionName}", "Name": "{name}"},
        renames={"arn": "AliasArn"},
        outputs=_alias_outputs,
        name=AutoName(longest=128),
        replaces=frozenset({"functionName", "name"}),
        owned=frozenset({"routingConfig"}),
        defaults={"routingConfig": {"additionalVersionWeights": {}}},
    ),
    Row(
        token="aws:lambda/permission:Permission",
        service="lambda",
        create="AddPermission",
        id=lambda p: f"{p['function']}/{p.get('qualifier') or ''}/{p['statementId']}",
        find=_permission,
        prepare=_statement_name,
        renames={"sourceArn": "SourceArn"},
        prepared=frozenset({"function"}),
        name=AutoName("statementId", longest=100),
        before_delete=_remove_permission,
        outputs=lambda found: found,
    ),
    Row(
        token="aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
        service="lambda",
        create="PutFunctionEventInvokeConfig",
        id="{functionName}",
        read="GetFunctionEventInvokeConfig",
        update="PutFunctionEventInvokeConfig",
        delete="DeleteFunctionEventInvokeConfig",
        key={"FunctionName": "{id}"},
        renames={"maximumEventAgeInSeconds": "MaximumEventAgeInSeconds"},
        outputs=lambda _found: {},
        replaces=frozenset({"functionName", "qualifier"}),
    ),
    Row(
        token="aws:lambda/eventSourceMapping:EventSourceMapping",
        service="lambda",
        create="CreateEventSourceMapping",
        id="{uuid}",
        read="GetEventSourceMapping",
        update="UpdateEventSourceMapping",
        delete="DeleteEventSourceMapping",
        key={"UUID": "{id}"},
        outputs=_mapping_outputs,
        replaces=frozenset({"eventSourceArn", "startingPosition"}),
        defaults={"batchSize": 10, "enabled": True},
    ),
)
