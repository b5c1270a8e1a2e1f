"""Amazon CloudWatch Logs: log groups."""

from typing import Any

from embedded_aws.provider.rows import AutoName, Client, Row, Setting
from embedded_aws.provider.values import Properties
from embedded_aws.tables.common import tagging


def _group(client: Client, name: str, _state: Properties) -> Any:
    said = client.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return next((g for g in said if g["logGroupName"] == name), None)


def _outputs(found: Any) -> Properties:
    return {
        "name": found["logGroupName"],
        "arn": found["arn"].removesuffix(":*"),
        "retentionInDays": found.get("retentionInDays", 0),
        "kmsKeyId": found.get("kmsKeyId", ""),
    }


def _write_retention(client: Client, name: str, properties: Properties) -> None:
    days = properties.get("retentionInDays")
    if days:
        client.put_retention_policy(logGroupName=name, retentionInDays=days)
    else:
        client.delete_retention_policy(logGroupName=name)


ROWS = (
    Row(
        token="aws:cloudwatch/logGroup:LogGroup",
        service="logs",
        create="CreateLogGroup",
        id="{name}",
        delete="DeleteLogGroup",
        key={"logGroupName": "{id}"},
        find=_group,
        renames={"name": "logGroupName", "kmsKeyId": "kmsKeyId"},
        outputs=_outputs,
        name=AutoName(longest=512),
        settings=(
            Setting(("retentionInDays",), _write_retention),
            tagging(
                *("tag_resource", "untag_resource", "list_tags_for_resource"),
                arn=lambda _id, p: str(p["arn"]),
                member="resourceArn",
                as_map=True,
                lower=True,
            ),
        ),
        recorded=frozenset({"skipDestroy", "deletionProtectionEnabled"}),
        defaults={"retentionInDays": 0},
    ),
)
