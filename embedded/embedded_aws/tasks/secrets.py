"""The secrets of a container, fetched by the task's execution role before the container starts.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specifying-sensitive-data.html
"""

import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from embedded_aws.tasks.container import Container
from embedded_aws.tasks.errors import NotStarted

ClientOf = Callable[[str], Any]
"""A client of this service with the execution role's credentials."""
_ARN_PARTS = 7
"""arn:aws:secretsmanager:region:account:secret:name; json-key, version-stage and version-id may follow."""


def fetched(container: Container, client: ClientOf | None) -> dict[str, str]:
    """Variable -> value. Raises NotStarted; `client` is None where the task has no execution role."""
    return {name: _value(place, client) for name, place in container.secrets.items()}


def _value(place: str, client: ClientOf | None) -> str:
    if client is None:
        raise _failed(place, "the task definition has no executionRoleArn")
    try:
        return _secret(place, client) if ":secretsmanager:" in place else _parameter(place, client)
    except (ClientError, BotoCoreError) as error:
        raise _failed(place, str(error)) from error


def _secret(place: str, client: ClientOf) -> str:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html"""
    parts = place.split(":")
    key, stage, version = (*parts[_ARN_PARTS:], "", "", "")[:3]
    chosen = {k: v for k, v in (("VersionStage", stage), ("VersionId", version)) if v}
    found = client("secretsmanager").get_secret_value(SecretId=":".join(parts[:_ARN_PARTS]), **chosen)
    text = found.get("SecretString")
    if text is None:
        raise _failed(place, "it is binary")
    if not key:
        return str(text)
    try:
        value: Any = json.loads(text)[key]
    except (ValueError, KeyError, TypeError) as error:
        raise _failed(place, f"retrieved secret did not contain json key {key}") from error
    return value if isinstance(value, str) else json.dumps(value)


def _parameter(place: str, client: ClientOf) -> str:
    name = place.split(":parameter", 1)[-1]
    # The ARN of a name without levels has a slash that the name has not: parameter/key.
    plain = name.removeprefix("/") if place.startswith("arn:") and name.count("/") == 1 else name
    found = client("ssm").get_parameters(Names=[plain], WithDecryption=True)["Parameters"]
    if not found:
        raise _failed(place, "invalid ssm parameters: it does not exist")
    return str(found[0]["Value"])


def _failed(place: str, reason: str) -> NotStarted:
    return NotStarted(
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval "
        f"failed: unable to retrieve {place}: {reason}"
    )
