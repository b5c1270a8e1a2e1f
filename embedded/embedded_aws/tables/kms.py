"""AWS KMS: customer managed keys and their aliases."""

from typing import Any

from embedded_aws.provider.rows import AutoName, Client, Row, Setting
from embedded_aws.provider.values import Properties


def _write_rotation(client: Client, key_id: str, properties: Properties) -> None:
    if properties.get("enableKeyRotation"):
        client.enable_key_rotation(KeyId=key_id)
    else:
        client.disable_key_rotation(KeyId=key_id)


def _read_rotation(client: Client, key_id: str, _state: Properties) -> Properties:
    return {"enableKeyRotation": client.get_key_rotation_status(KeyId=key_id)["KeyRotationEnabled"]}


def _write_policy(client: Client, key_id: str, properties: Properties) -> None:
    client.put_key_policy(KeyId=key_id, PolicyName="default", Policy=properties["policy"])


def _read_policy(client: Client, key_id: str, _state: Properties) -> Properties:
    return {"policy": client.get_key_policy(KeyId=key_id, PolicyName="default")["Policy"]}


def _write_tags(client: Client, key_id: str, properties: Properties) -> None:
    wanted = properties.get("tags") or {}
    gone = sorted(_read_tags(client, key_id, {})["tags"].keys() - wanted.keys())
    if gone:
        client.untag_resource(KeyId=key_id, TagKeys=gone)
    if wanted:
        client.tag_resource(
            KeyId=key_id, Tags=[{"TagKey": k, "TagValue": v} for k, v in sorted(wanted.items())]
        )


def _read_tags(client: Client, key_id: str, _state: Properties) -> Properties:
    tags = {t["TagKey"]: t["TagValue"] for t in client.list_resource_tags(KeyId=key_id)["Tags"]}
    return {"tags": tags, "tagsAll": tags}


def _usable_key(client: Client, key_id: str, _state: Properties) -> Any:
    """A key that waits for its deletion counts as gone."""
    key = client.describe_key(KeyId=key_id)["KeyMetadata"]
    return None if key["KeyState"] == "PendingDeletion" else key


def _schedule_deletion(client: Client, key_id: str, state: Properties) -> None:
    if _usable_key(client, key_id, state) is not None:
        client.schedule_key_deletion(
            KeyId=key_id, PendingWindowInDays=state.get("deletionWindowInDays") or 30
        )


def _find_alias(client: Client, name: str, _state: Properties) -> Any:
    pages = client.get_paginator("list_aliases").paginate()
    return next((a for page in pages for a in page["Aliases"] if a["AliasName"] == name), None)


def _alias_name(known: Properties) -> Properties:
    name = known.get("name")
    return {"name": f"alias/{name}"} if isinstance(name, str) and not name.startswith("alias/") else {}


def _alias_outputs(found: Any) -> Properties:
    return {
        "name": found["AliasName"],
        "arn": found["AliasArn"],
        "targetKeyId": found["TargetKeyId"],
    }


ROWS = (
    Row(
        token="aws:kms/key:Key",
        service="kms",
        create="CreateKey",
        id="{keyId}",
        created_at="KeyMetadata",
        update="UpdateKeyDescription",
        key={"KeyId": "{id}"},
        find=_usable_key,
        outputs=lambda key: {
            "arn": key["Arn"],
            "keyId": key["KeyId"],
            "description": key.get("Description", ""),
            "isEnabled": key["Enabled"],
        },
        before_delete=_schedule_deletion,
        settings=(
            Setting(("enableKeyRotation",), _write_rotation, _read_rotation),
            Setting(("policy",), _write_policy, _read_policy, on_create=False),
            Setting(("tags",), _write_tags, _read_tags, on_create=False),
        ),
        recorded=frozenset(
            {"deletionWindowInDays", "isEnabled", "rotationPeriodInDays", "bypassPolicyLockoutSafetyCheck"}
        ),
        defaults={"deletionWindowInDays": 30, "isEnabled": True, "keyUsage": "ENCRYPT_DECRYPT"},
    ),
    Row(
        token="aws:kms/alias:Alias",
        service="kms",
        create="CreateAlias",
        id="{name}",
        update="UpdateAlias",
        delete="DeleteAlias",
        key={"AliasName": "{id}"},
        find=_find_alias,
        renames={"name": "AliasName"},
        outputs=_alias_outputs,
        name=AutoName(longest=256),
        replaces=frozenset({"name"}),
        derived=_alias_name,
    ),
)
