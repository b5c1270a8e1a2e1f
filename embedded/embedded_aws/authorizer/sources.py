"""The policies, keys and names that moto holds. What does not exist is left for its service to report."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from moto.backends import get_backend

from embedded_aws.authorizer.needs import ACCOUNT


@dataclass(frozen=True)
class Role:
    arn: str
    role_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    policies: tuple[str, ...] = ()
    boundary: str | None = None


_NOTHING_ALLOWED = json.dumps({"Version": "2012-10-17", "Statement": []})


def role(role_arn: str) -> Role:
    """A role that is gone has no policies, and so no permissions."""
    backend: Any = get_backend("iam")[ACCOUNT]["aws"]
    found = _role(role_arn)
    if found is None:
        return Role(role_arn)
    managed = [_document(policy) for policy in list(found.managed_policies.values())]
    boundary = None
    if found.permissions_boundary_arn:
        policy = backend.managed_policies.get(found.permissions_boundary_arn)
        boundary = _document(policy) if policy else _NOTHING_ALLOWED
    return Role(
        arn=str(found.arn),
        role_id=str(found.id),
        tags={str(tag["Key"]): str(tag["Value"]) for tag in _tags(found.tags)},
        policies=(*map(str, list(found.policies.values())), *managed),
        boundary=boundary,
    )


def resource_policies(arn: str) -> Sequence[str]:
    """The policies attached to a resource; none where it has none or is none."""
    parts = arn.split(":", 5)
    read = _POLICIES.get(parts[2]) if len(parts) == 6 else None
    found = read(arn) if read else None
    return [found] if found else []


def roles() -> Sequence[Any]:
    return list(get_backend("iam")[ACCOUNT]["aws"].roles.values())


def _role(role_arn: str) -> Any:
    """By its name, which is unique in an account: a session's ARN does not tell the role's path."""
    name = role_arn.rsplit("/", 1)[-1]
    return next((r for r in roles() if r.name == name), None) if ":role/" in role_arn else None


def _document(policy: Any) -> str:
    return next(str(v.document) for v in policy.versions if v.version_id == policy.default_version_id)


def _tags(tags: Any) -> list[Mapping[str, Any]]:
    if isinstance(tags, dict):
        return [tag if isinstance(tag, dict) else {"Key": key, "Value": tag} for key, tag in tags.items()]
    return list(tags or [])


def secret(region: str, secret_id: str) -> Any:
    """By name, full ARN, or ARN without its random end."""
    secrets: Any = get_backend("secretsmanager")[ACCOUNT][region].secrets
    plain = secret_id.split(":secret:")[-1]
    return next(
        (s for s in list(secrets.values()) if secret_id == s.arn or plain == s.name),
        None,
    )


def kms_key(region: str, key_id: str | None) -> Any:
    """By id, ARN, alias or alias ARN."""
    if not key_id:
        return None
    named = key_id.split(":", 5)[-1].removeprefix("key/")
    keys: Any = get_backend("kms")[ACCOUNT][_region(key_id) or region].keys
    if named.startswith("alias/"):
        return next((k for k in list(keys.values()) if named in k.aliases), None)
    return keys.get(named)


def table(region: str, name: str) -> Any:
    """By name or ARN."""
    tables: Any = get_backend("dynamodb")[ACCOUNT][_region(name) or region].tables
    return tables.get(name.rsplit("table/", 1)[-1])


def bucket(name: str) -> Any:
    return get_backend("s3")[ACCOUNT]["aws"].buckets.get(name)


def topic(arn: str) -> Any:
    return get_backend("sns")[ACCOUNT][_region(arn) or ""].topics.get(arn)


def queue(arn: str) -> Any:
    return get_backend("sqs")[ACCOUNT][_region(arn) or ""].queues.get(arn.rsplit(":", 1)[-1])


def _region(arn: str) -> str | None:
    parts = arn.split(":", 5)
    return parts[3] if len(parts) == 6 and parts[0] == "arn" else None


def _of_secret(arn: str) -> str | None:
    found = secret(_region(arn) or "", arn)
    return getattr(found, "policy", None)


def _of_key(arn: str) -> str | None:
    found = kms_key("", arn)
    return None if found is None else str(found.policy)


def _of_bucket(arn: str) -> str | None:
    found = bucket(arn.split(":::", 1)[-1].split("/", 1)[0])
    return found.policy.decode() if found is not None and found.policy else None


def _of_topic(arn: str) -> str | None:
    found = topic(arn)
    return None if found is None else str(found.policy)


def _of_queue(arn: str) -> str | None:
    found = queue(arn)
    return None if found is None else found.policy


def _of_table(arn: str) -> str | None:
    held: Any = get_backend("dynamodb")[ACCOUNT][_region(arn) or ""].resource_policies
    found = held.get(arn.split("/index/", 1)[0])
    return None if found is None else str(found.policy_doc)


def _of_function(arn: str) -> str | None:
    """Permissions of all versions and aliases are held together; each statement names its own.

    moto writes an account or a role as a bare text, where AWS writes `{"AWS": ...}`.
    """
    backend: Any = get_backend("lambda")[ACCOUNT][_region(arn) or ""]
    try:
        held = list(backend.get_function(arn).policy.statements)
    except Exception:  # noqa: BLE001 - whatever moto says, Lambda itself answers for a missing function
        return None
    statements = [{**one, "Principal": _proper(one.get("Principal", "*"))} for one in held]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}) if statements else None


def _proper(principal: Any) -> Any:
    return {"AWS": principal} if isinstance(principal, str) else principal


def _of_role(arn: str) -> str | None:
    """A trust policy is the role's resource policy."""
    found = _role(arn)
    return None if found is None else str(found.assume_role_policy_document)


_POLICIES: Mapping[str, Callable[[str], str | None]] = {
    "dynamodb": _of_table,
    "iam": _of_role,
    "kms": _of_key,
    "lambda": _of_function,
    "s3": _of_bucket,
    "secretsmanager": _of_secret,
    "sns": _of_topic,
    "sqs": _of_queue,
}
