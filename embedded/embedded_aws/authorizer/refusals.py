"""Refusals as AWS words them in each protocol, so that boto3 raises what it would raise there."""

import json
import secrets
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

ACCESS_DENIED, UNKNOWN_CALLER, UNSIGNED = "AccessDenied", "InvalidClientTokenId", "MissingAuthenticationToken"

_JSON_CODES = {
    ACCESS_DENIED: "AccessDeniedException",
    UNKNOWN_CALLER: "UnrecognizedClientException",
    UNSIGNED: "MissingAuthenticationTokenException",
}

_OWN_CODES = {
    ("ec2", ACCESS_DENIED): "UnauthorizedOperation",
    ("s3", UNKNOWN_CALLER): "InvalidAccessKeyId",
    ("sns", ACCESS_DENIED): "AuthorizationError",
}
"""Services that name an error their own way."""


@dataclass(frozen=True)
class Refusal:
    status: int
    headers: dict[str, str]
    body: bytes = field(repr=False)


def refuse(code: str, message: str, *, service: str, protocol: str, method: str, query_mode: bool) -> Refusal:
    """`query_mode` is for clients that once spoke the query protocol and expect its codes in a header."""
    request_id = secrets.token_hex(16)
    headers = {"x-amzn-requestid": request_id}
    own = _OWN_CODES.get((service, code), code)
    if protocol in {"json", "rest-json", "smithy-rpc-v2-cbor"}:
        if query_mode:
            headers["x-amzn-query-error"] = f"{own};Sender"
        return _in_json(_JSON_CODES[code], message, protocol, headers)
    headers |= {"content-type": "text/xml", "x-amz-request-id": request_id}
    body = _in_xml(own, message, service, protocol, request_id)
    return Refusal(403, headers, b"" if method == "HEAD" else body.encode())


def _in_json(code: str, message: str, protocol: str, headers: dict[str, str]) -> Refusal:
    headers["x-amzn-errortype"] = code
    if protocol == "smithy-rpc-v2-cbor":
        headers |= {"content-type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}
        return Refusal(400, headers, _cbor({"__type": code, "message": message}))
    body = json.dumps({"__type": code, "Message": message, "message": message}).encode()
    if protocol == "rest-json":
        return Refusal(403, {**headers, "content-type": "application/json"}, body)
    status = 400 if code == _JSON_CODES[ACCESS_DENIED] else 403
    return Refusal(status, {**headers, "content-type": "application/x-amz-json-1.1"}, body)


def _in_xml(code: str, message: str, service: str, protocol: str, request_id: str) -> str:
    error = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    if service == "s3":
        error = f"<Error>{error}<RequestId>{request_id}</RequestId></Error>"
    elif protocol == "ec2":
        error = (
            f"<Response><Errors><Error>{error}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
        )
    else:
        error = f"<Error><Type>Sender</Type>{error}</Error><RequestId>{request_id}</RequestId>"
        error = f"<ErrorResponse>{error}</ErrorResponse>"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{error}'


def _cbor(texts: dict[str, str]) -> bytes:
    """A map of texts: https://www.rfc-editor.org/rfc/rfc8949#section-3.1"""
    encoded = bytes([0xA0 | len(texts)])
    for text in (part for item in texts.items() for part in item):
        content = text.encode()
        encoded += b"\x7a" + len(content).to_bytes(4, "big") + content
    return encoded
