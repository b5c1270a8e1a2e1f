"""Which keys a KMS call touches.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awskeymanagementservice.html
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from embedded_aws.authorizer import sources
from embedded_aws.authorizer.needs import ACCOUNT, Need, arn
from embedded_aws.authorizer.request import ApiCall

_KEY_ID_LENGTH = 36
"""moto's ciphertext begins with the id of its key."""


def kms_needs(call: ApiCall) -> list[Need]:
    params, action = call.params, f"kms:{call.operation}"
    match call.operation:
        case "Decrypt":
            key_id = params.get("KeyId") or _key_of(params.get("CiphertextBlob"))
            return [Need(action, _key_arn(call, key_id), _context(params, key_id))]
        case "ReEncrypt":
            source = params.get("SourceKeyId") or _key_of(params.get("CiphertextBlob"))
            target = params.get("DestinationKeyId")
            return [
                Need("kms:ReEncryptFrom", _key_arn(call, source), _context(params, source)),
                Need("kms:ReEncryptTo", _key_arn(call, target), _context(params, target)),
            ]
        case "CreateAlias" | "DeleteAlias" | "UpdateAlias":
            alias = str(params.get("AliasName"))
            target = params.get("TargetKeyId") or alias
            return [
                Need(action, arn("kms", call.region, alias), _context(params, None)),
                Need(action, _key_arn(call, target), _context(params, None)),
            ]
        case _:
            key_id = params.get("KeyId")
            return [Need(action, _key_arn(call, key_id) if key_id else "*", _context(params, key_id))]


def _key_arn(call: ApiCall, key_id: Any) -> str:
    """A key is judged by its own ARN, however it was named."""
    found = sources.kms_key(call.region, str(key_id or ""))
    if found is not None:
        return str(found.arn)
    named = str(key_id or "*")
    return named if named.startswith("arn:") or named == "*" else arn("kms", call.region, f"key/{named}")


def _key_of(ciphertext: Any) -> str | None:
    try:
        blob = ciphertext if isinstance(ciphertext, bytes) else base64.b64decode(str(ciphertext))
        return blob[:_KEY_ID_LENGTH].decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _context(params: Mapping[str, Any], key_id: Any) -> dict[str, tuple[str, ...]]:
    """https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html"""
    context: dict[str, tuple[str, ...]] = {"kms:calleraccount": (ACCOUNT,)}
    given: Mapping[str, str] = params.get("EncryptionContext") or {}
    for name, value in given.items():
        context[f"kms:encryptioncontext:{name.lower()}"] = (str(value),)
    if given:
        context["kms:encryptioncontextkeys"] = tuple(given)
    alias = str(key_id or "").split(":", 5)[-1]
    if alias.startswith("alias/"):
        context["kms:requestalias"] = (alias,)
    return context
