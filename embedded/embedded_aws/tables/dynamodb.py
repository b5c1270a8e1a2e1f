"""Amazon DynamoDB: tables and single items."""

import json
from typing import Any

from embedded_aws.provider.fit import fit
from embedded_aws.provider.rows import AutoName, Client, Row, Setting
from embedded_aws.provider.values import UNKNOWN, Properties
from embedded_aws.tables.common import by_arn, tagging


def _key_schema(properties: Properties) -> list[Any]:
    kinds = (("HASH", properties.get("hashKey")), ("RANGE", properties.get("rangeKey")))
    return [{"attributeName": name, "keyType": kind} for kind, name in kinds if name]


def _index(given: Properties) -> Properties:
    projection = {"projectionType": given["projectionType"]}
    if given.get("nonKeyAttributes"):
        projection["nonKeyAttributes"] = given["nonKeyAttributes"]
    keys = given.get("keySchemas") or _key_schema(given)
    return {"indexName": given["name"], "keySchema": keys, "projection": projection}


def _prepare(properties: Properties) -> Properties:
    given = dict(properties)
    given["keySchema"] = _key_schema(given)
    given["attributeDefinitions"] = [
        {"attributeName": a.get("name"), "attributeType": a.get("type")} for a in given.pop("attributes", [])
    ]
    if given.get("globalSecondaryIndexes"):
        given["globalSecondaryIndexes"] = [_index(i) for i in given["globalSecondaryIndexes"]]
    encryption = given.pop("serverSideEncryption", None)
    if isinstance(encryption, dict):
        key = encryption.get("kmsKeyArn")
        given["SSESpecification"] = {"enabled": bool(encryption.get("enabled")), "SSEType": "KMS"} | (
            {"KMSMasterKeyId": key} if key else {}
        )
    if given.pop("streamEnabled", None):
        given["streamSpecification"] = {
            "streamEnabled": True,
            "streamViewType": given.pop("streamViewType", None),
        }
    capacity = (given.pop("readCapacity", None), given.pop("writeCapacity", None))
    if given.setdefault("billingMode", "PROVISIONED") == "PROVISIONED":
        given["provisionedThroughput"] = {
            "readCapacityUnits": capacity[0] or 1,
            "writeCapacityUnits": capacity[1] or 1,
        }
    for name in ("hashKey", "rangeKey"):
        given.pop(name, None)
    return given


def _outputs(table: Any) -> Properties:
    keys = {k["KeyType"]: k["AttributeName"] for k in table["KeySchema"]}
    encryption = table.get("SSEDescription", {})
    billing = table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    found: Properties = {
        "arn": table["TableArn"],
        "name": table["TableName"],
        "hashKey": keys["HASH"],
        "rangeKey": keys.get("RANGE"),
        "billingMode": billing,
        "deletionProtectionEnabled": table.get("DeletionProtectionEnabled", False),
        "attributes": [
            {"name": a["AttributeName"], "type": a["AttributeType"]} for a in table["AttributeDefinitions"]
        ],
    }
    if encryption.get("Status") == "ENABLED":
        found["serverSideEncryption"] = {"enabled": True, "kmsKeyArn": encryption.get("KMSMasterKeyArn")}
    if billing == "PROVISIONED":
        capacity = table["ProvisionedThroughput"]
        found |= {
            "readCapacity": capacity["ReadCapacityUnits"],
            "writeCapacity": capacity["WriteCapacityUnits"],
        }
    if table.get("LatestStreamArn"):
        found["streamArn"] = table["LatestStreamArn"]
    return {k: v for k, v in found.items() if v is not None}


def _fitted(client: Client, properties: Properties, names: tuple[str, ...]) -> Properties:
    """The members `names` of a request to make or to change a table."""
    made = _prepare(properties)
    shape = client.meta.service_model.operation_model("CreateTable").input_shape
    return fit({k: made[k] for k in names if made.get(k) is not None}, shape, "", {}, [])


def _write_table(client: Client, table: str, properties: Properties) -> None:
    members = ("billingMode", "provisionedThroughput", "deletionProtectionEnabled", "SSESpecification")
    client.update_table(TableName=table, **_fitted(client, properties, (*members, "tableClass")))


def _write_stream(client: Client, table: str, properties: Properties) -> None:
    """A stream that runs takes no change: it ends, and another begins."""
    held = client.describe_table(TableName=table)["Table"].get("StreamSpecification", {})
    if held.get("StreamEnabled"):
        client.update_table(TableName=table, StreamSpecification={"StreamEnabled": False})
    if properties.get("streamEnabled"):
        client.update_table(TableName=table, **_fitted(client, properties, ("streamSpecification",)))


def _write_indexes(client: Client, table: str, properties: Properties) -> None:
    """AWS takes one index at a time; one that differs goes and comes anew, and the table stays."""
    names = ("attributeDefinitions", "globalSecondaryIndexes")
    made = _fitted(client, properties, names)
    wanted = {i["IndexName"]: i for i in made.get("GlobalSecondaryIndexes", [])}
    found = client.describe_table(TableName=table)["Table"].get("GlobalSecondaryIndexes", [])
    held = {i["IndexName"]: {k: i[k] for k in ("IndexName", "KeySchema", "Projection")} for i in found}
    changes = [{"Delete": {"IndexName": name}} for name, index in held.items() if wanted.get(name) != index]
    changes += [{"Create": index} for name, index in wanted.items() if held.get(name) != index]
    for change in changes:
        client.update_table(
            TableName=table,
            AttributeDefinitions=made["AttributeDefinitions"],
            GlobalSecondaryIndexUpdates=[change],
        )


def _write_recovery(client: Client, table: str, properties: Properties) -> None:
    recovery = properties.get("pointInTimeRecovery") or {}
    client.update_continuous_backups(
        TableName=table,
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": bool(recovery.get("enabled"))},
    )


def _read_recovery(client: Client, table: str, _state: Properties) -> Properties:
    said = client.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    return {
        "pointInTimeRecovery": {
            "enabled": said["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
        }
    }


def _write_expiry(client: Client, table: str, properties: Properties) -> None:
    ttl = properties.get("ttl") or {"enabled": False, "attributeName": "expires_at"}
    client.update_time_to_live(
        TableName=table,
        TimeToLiveSpecification={"Enabled": bool(ttl.get("enabled")), "AttributeName": ttl["attributeName"]},
    )


def _read_expiry(client: Client, table: str, _state: Properties) -> Properties:
    said = client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    enabled = said["TimeToLiveStatus"] == "ENABLED"
    return {"ttl": {"enabled": enabled, "attributeName": said.get("AttributeName")} if enabled else None}


def _item_id(properties: Properties) -> str:
    item = json.loads(properties["item"])
    names = [properties["hashKey"]] + ([properties["rangeKey"]] if properties.get("rangeKey") else [])
    return f"{properties['tableName']}|{json.dumps({name: item[name] for name in names}, sort_keys=True)}"


def _new_item(properties: Properties) -> Properties:
    """As the official provider does, an item that exists already is refused rather than overwritten."""
    item = properties["item"]
    return {
        "tableName": properties.get("tableName"),
        "item": item if item is UNKNOWN else json.loads(item),
        "conditionExpression": "attribute_not_exists(#hash)",
        "expressionAttributeNames": {"#hash": properties.get("hashKey")},
    }


def _put_item(client: Client, _item: str, properties: Properties) -> None:
    client.put_item(TableName=properties["tableName"], Item=json.loads(properties["item"]))


def _find_item(client: Client, item_id: str, _state: Properties) -> Any:
    table, key = item_id.split("|", 1)
    found = client.get_item(TableName=table, Key=json.loads(key), ConsistentRead=True)
    return found.get("Item")


def _delete_item(client: Client, item_id: str, _state: Properties) -> None:
    table, key = item_id.split("|", 1)
    client.delete_item(TableName=table, Key=json.loads(key))


_CHANGED = (
    *("billingMode", "readCapacity", "writeCapacity"),
    *("deletionProtectionEnabled", "serverSideEncryption", "tableClass"),
)

ROWS = (
    Row(
        token="aws:dynamodb/table:Table",
        service="dynamodb",
        create="CreateTable",
        id="{name}",
        read="DescribeTable",
        at="Table",
        created_at="TableDescription",
        delete="DeleteTable",
        key={"TableName": "{id}"},
        renames={"name": "TableName"},
        prepare=_prepare,
        prepared=frozenset(
            {
                "attributes",
                "hashKey",
                "rangeKey",
                "globalSecondaryIndexes",
                "serverSideEncryption",
                "billingMode",
            }
            | {"streamEnabled", "streamViewType", "readCapacity", "writeCapacity"}
        ),
        outputs=_outputs,
        name=AutoName(longest=255),
        replaces=frozenset({"name"}),
        settings=(
            Setting(_CHANGED, _write_table, on_create=False),
            Setting(("streamEnabled", "streamViewType"), _write_stream, on_create=False),
            Setting(("globalSecondaryIndexes", "attributes"), _write_indexes, on_create=False),
            Setting(("pointInTimeRecovery",), _write_recovery, _read_recovery),
            Setting(("ttl",), _write_expiry, _read_expiry),
            tagging(
                "tag_resource", "untag_resource", "list_tags_of_resource", arn=by_arn, member="ResourceArn"
            ),
        ),
        defaults={
            **{"deletionProtectionEnabled": False, "billingMode": "PROVISIONED"},
            **{"pointInTimeRecovery": {"enabled": False}},
            **{"warmThroughput": {"readUnitsPerSecond": 12000, "writeUnitsPerSecond": 4000}},
        },
    ),
    Row(
        token="aws:dynamodb/tableItem:TableItem",
        service="dynamodb",
        create="PutItem",
        id=_item_id,
        find=_find_item,
        outputs=lambda item: {"item": json.dumps(item)},
        prepare=_new_item,
        prepared=frozenset({"item", "hashKey", "rangeKey"}),
        settings=(Setting(("item",), _put_item, on_create=False),),
        replaces=frozenset({"tableName", "hashKey", "rangeKey"}),
        before_delete=_delete_item,
    ),
)
