"""Pieces that rows of several services share."""

import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from embedded_aws.provider.calls import is_gone
from embedded_aws.provider.rows import Client, Setting
from embedded_aws.provider.values import Properties

ACCOUNT = "123456789012"
"""The account of the embedded cloud: moto's default."""

REGION = "eu-west-1"
"""The one region that the embedded cloud holds."""

NameOf = Callable[[str, Properties], str]


def tagging(
    tag: str, untag: str, listed: str, *, arn: NameOf, member: str, as_map: bool = False, lower: bool = False
) -> Setting:
    """Tags by the three calls that most services have; `member` is the name of their ARN argument.

    `lower` is for services whose lists hold `key`/`value` instead of `Key`/`Value`.
    """
    key, value = ("key", "value") if lower else ("Key", "Value")
    tags, keys = ("tags", "tagKeys") if lower or member == "resourceArn" else ("Tags", "TagKeys")

    def current(client: Client, name: str) -> dict[str, str]:
        said = getattr(client, listed)(**{member: name})
        found = said.get("Tags") or said.get("tags") or said.get("TagList") or {}
        return dict(found) if isinstance(found, dict) else {t[key]: t[value] for t in found}

    def write(client: Client, resource_id: str, properties: Properties) -> None:
        name, wanted = arn(resource_id, properties), properties.get("tags") or {}
        gone = sorted(current(client, name).keys() - wanted.keys())
        if gone:
            getattr(client, untag)(**{member: name, keys: gone})
        if wanted:
            form: Any = wanted if as_map else [{key: k, value: v} for k, v in sorted(wanted.items())]
            getattr(client, tag)(**{member: name, tags: form})

    def read(client: Client, resource_id: str, state: Properties) -> Properties:
        found = current(client, arn(resource_id, state))
        return {"tags": found, "tagsAll": found}

    return Setting(("tags",), write, read, on_create=False)


def by_id(resource_id: str, _properties: Properties) -> str:
    return resource_id


def by_arn(_resource_id: str, properties: Properties) -> str:
    return str(properties["arn"])


def document(text: Any) -> str:
    """A policy as one JSON text, however the API hands it out."""
    return text if isinstance(text, str) else json.dumps(text)


def or_none(call: Callable[[], Any]) -> Any:
    """The answer of `call`, or None where AWS says that there is no such thing."""
    try:
        return call()
    except ClientError as error:
        if is_gone(error):
            return None
        raise


def awsvpc(flat: Any) -> Any:
    """The network of a task as ECS nests it, where Pulumi holds it flat."""
    if not isinstance(flat, dict):
        return flat
    public = flat.get("assignPublicIp")
    said = ("ENABLED" if public else "DISABLED") if isinstance(public, bool) else public
    return {"awsvpcConfiguration": {**flat, "assignPublicIp": said}}
