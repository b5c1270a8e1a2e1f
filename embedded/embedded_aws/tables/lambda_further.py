"""AWS Lambda: layers, and provisioned concurrency, which is recorded."""

from typing import Any

from embedded_aws.provider.rows import Client, Recorded, Row
from embedded_aws.provider.values import Properties, archive_bytes, content_hash

_CODE = frozenset({"code", "s3Bucket", "s3Key", "s3ObjectVersion", "sourceCodeHash"})


def _layer(given: Properties) -> Properties:
    content = {name: given[name] for name in ("s3Bucket", "s3Key", "s3ObjectVersion") if given.get(name)}
    if given.get("code") is not None:
        content = {"zipFile": archive_bytes(given["code"])}
    return {**{k: v for k, v in given.items() if k not in _CODE}, "content": content}


def _find_layer(client: Client, arn: str, _state: Properties) -> Any:
    layer, version = arn.rsplit(":", 1)
    return client.get_layer_version(LayerName=layer, VersionNumber=int(version))


def _layer_outputs(found: Any) -> Properties:
    content = found.get("Content") or {}
    return {
        "arn": found["LayerVersionArn"],
        "layerArn": found["LayerArn"],
        "layerName": found["LayerArn"].rsplit(":", 1)[1],
        "version": str(found["Version"]),
        "createdDate": str(found.get("CreatedDate") or ""),
        "codeSha256": content.get("CodeSha256", ""),
        "sourceCodeSize": content.get("CodeSize", 0),
    }


def _delete_layer(client: Client, _arn: str, state: Properties) -> None:
    if not state.get("skipDestroy"):
        client.delete_layer_version(LayerName=state["layerName"], VersionNumber=int(state["version"]))


ROWS = (
    Row(
        token="aws:lambda/layerVersion:LayerVersion",
        service="lambda",
        create="PublishLayerVersion",
        id=lambda p: p.get("LayerVersionArn") or p["arn"],
        imported="{arn}",
        created_at="",
        find=_find_layer,
        prepare=_layer,
        prepared=_CODE,
        outputs=_layer_outputs,
        before_delete=_delete_layer,
        derived=lambda p: (
            {"sourceCodeHash": content_hash(p["code"])}
            if p.get("code") and not p.get("sourceCodeHash")
            else {}
        ),
        recorded=frozenset({"skipDestroy"}),
    ),
    Recorded(
        token="aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig",
        id="{functionName},{qualifier}",
        replaces=frozenset({"functionName", "qualifier"}),
    ),
)
