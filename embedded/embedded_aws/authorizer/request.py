"""What an HTTP request asks of AWS: service, operation and parameters.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
https://smithy.io/2.0/aws/protocols/index.html
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from botocore.parsers import BaseCBORParser

from embedded_aws.authorizer import query_protocol, rest
from embedded_aws.authorizer.service_models import Service, model, signed_as


@dataclass(frozen=True)
class Signature:
    """What a request says of its signer. The signature itself is not verified."""

    access_key_id: str
    region: str
    signing_name: str
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class ApiCall:
    service: str
    """botocore's name; the signing name where no model fits."""
    operation: str | None
    """None where no operation fits."""
    params: dict[str, Any] = field(repr=False)
    region: str
    access_key_id: str
    session_token: str | None = field(default=None, repr=False)
    signing_name: str = ""
    protocol: str = ""
    body: bytes = field(default=b"", repr=False)


_SCOPE = re.compile(r"([^/\s]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
_RPC = re.compile(r"/service/([^/]+)/operation/([^/]+)")
_BUCKET_HOST = re.compile(r"([a-z0-9.-]+)\.(?:localhost|s3[.-][a-z0-9.-]+)(?::\d+)?")


def signature(query: str, headers: Mapping[str, str]) -> Signature | None:
    """From the Authorization header or a presigned URL; `headers` have lower-case names."""
    given = parse_qs(query)
    token = headers.get("x-amz-security-token") or _one(given, "X-Amz-Security-Token", "x-amz-security-token")
    scope = _SCOPE.search(headers.get("authorization", "")) or _SCOPE.search(
        _one(given, "X-Amz-Credential") or ""
    )
    if scope:
        return Signature(scope[1].removeprefix("Credential="), scope[2], scope[3], token)
    if old := _one(given, "AWSAccessKeyId"):  # a presigned URL of S3 as botocore makes it by default
        return Signature(old, "", "s3", token)
    return None


def parse(
    method: str, path: str, query: str, headers: Mapping[str, str], body: bytes, signed: Signature
) -> ApiCall:
    """`path` is percent-encoded, as it came; `headers` have lower-case names."""
    services = signed_as(signed.signing_name)
    asked = _Asked(method, path, parse_qs(query, keep_blank_values=True), headers, body)
    found = asked.by_target(services) or asked.by_action(services) or asked.by_path(services)
    service, operation, params, protocol = found or (services[0] if services else None, None, {}, None)
    return ApiCall(
        service=service.name if service else signed.signing_name,
        operation=operation,
        params=params,
        region=signed.region,
        access_key_id=signed.access_key_id,
        session_token=signed.session_token,
        signing_name=signed.signing_name,
        protocol=protocol or asked.protocol(service),
        body=body,
    )


_Found = tuple[Service, str, dict[str, Any], str | None]


@dataclass(frozen=True)
class _Asked:
    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    def protocol(self, service: Service | None) -> str:
        if "x-amz-target" in self.headers:
            return "json"
        if _RPC.fullmatch(self.path):
            return "smithy-rpc-v2-cbor"
        return "query" if self._form() else service.protocol if service else "rest-json"

    def by_target(self, services: tuple[Service, ...]) -> _Found | None:
        """JSON by `X-Amz-Target`, CBOR by its path: both name a service and an operation."""
        rpc = _RPC.fullmatch(self.path)
        if not rpc and "x-amz-target" not in self.headers:
            return None
        prefix, _, operation = self.headers.get("x-amz-target", "").rpartition(".")
        if rpc:
            prefix, operation = rpc[1], rpc[2]
        for service in services:
            if service.target_prefix == prefix and operation in model(service.name).operation_names:
                return service, operation, self._cbor() if rpc else self._json(), None
        return None

    def by_action(self, services: tuple[Service, ...]) -> _Found | None:
        form = self._form()
        operation = form.get("Action", "")
        if not operation:
            return None
        for service in services:
            if form.get("Version", service.api_version) != service.api_version:
                continue
            if operation in model(service.name).operation_names:
                shape = model(service.name).operation_model(operation).input_shape
                protocol = service.protocol if service.protocol == "ec2" else "query"
                return service, operation, query_protocol.decode(form, shape), protocol
        return None

    def by_path(self, services: tuple[Service, ...]) -> _Found | None:
        for service in services:
            if service.protocol.startswith("rest-"):
                path = self._s3_path() if service.name == "s3" else self.path
                found = rest.find(service.name, self.method, path, self.query, self.headers, self.body)
                if found:
                    return service, *found, service.protocol
        return None

    def _s3_path(self) -> str:
        """Path style; a bucket in the host's name is put in front."""
        bucket = _BUCKET_HOST.fullmatch(self.headers.get("host", ""))
        path = f"/{bucket[1]}{self.path}" if bucket else self.path
        return path.rstrip("/") or "/" if path.count("/") <= 2 else path

    def _form(self) -> dict[str, str]:
        text = ""
        if self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            text = self.body.decode(errors="replace")
        given = parse_qs(text, keep_blank_values=True)
        if "Action" in given and "Action" in self.query:
            return {}  # two answers to one question: no operation fits
        pairs = {**self.query, **given}
        return {key: values[-1] for key, values in pairs.items()} if "Action" in pairs else {}

    def _json(self) -> dict[str, Any]:
        try:
            content: Any = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return content if isinstance(content, dict) else {}

    def _cbor(self) -> dict[str, Any]:
        parser = BaseCBORParser()
        try:
            stream = parser.get_peekable_stream_from_bytes(self.body or b"\xa0")
            content: Any = parser.parse_data_item(stream)
        except Exception:  # noqa: BLE001 - a body that is not CBOR fails in as many ways as it has bytes
            return {}
        return content if isinstance(content, dict) else {}


def _one(query: Mapping[str, list[str]], *names: str) -> str | None:
    return next((query[name][-1] for name in names if name in query), None)
