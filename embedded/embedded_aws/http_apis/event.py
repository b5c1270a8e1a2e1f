"""The event of payload format 2.0.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from embedded_aws.http_apis.request import HttpRequest

_TEXT = ("text/", "application/json", "application/xml", "application/javascript")


@dataclass(frozen=True)
class Context:
    """What belongs to the call and not to the request."""

    account: str
    api_id: str
    region: str
    stage: str
    route_key: str
    request_id: str
    now: float

    @property
    def domain_name(self) -> str:
        return f"{self.api_id}.execute-api.{self.region}.amazonaws.com"

    @property
    def time(self) -> str:
        return time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(self.now))


def payload(
    request: HttpRequest,
    context: Context,
    *,
    path_parameters: Mapping[str, str],
    stage_variables: Mapping[str, str],
    authorizer: Mapping[str, Any] | None,
) -> dict[str, Any]:
    text = _is_text(request)
    optional = {
        "cookies": list(request.cookies),
        "queryStringParameters": dict(request.parameters),
        "pathParameters": dict(path_parameters),
        "stageVariables": dict(stage_variables),
        "body": request.body.decode() if text else base64.b64encode(request.body).decode(),
    }
    return {
        "version": "2.0",
        "routeKey": context.route_key,
        "rawPath": request.path,
        "rawQueryString": request.query,
        "headers": _forwarded(request),
        "requestContext": _request_context(request, context, authorizer),
        "isBase64Encoded": not text,
        **{name: value for name, value in optional.items() if value},
    }


def _request_context(
    request: HttpRequest, context: Context, authorizer: Mapping[str, Any] | None
) -> dict[str, Any]:
    return {
        "accountId": context.account,
        "apiId": context.api_id,
        **({"authorizer": dict(authorizer)} if authorizer else {}),
        "domainName": context.domain_name,
        "domainPrefix": context.api_id,
        "http": {
            "method": request.method,
            "path": request.path,
            "protocol": request.protocol,
            "sourceIp": request.source_ip,
            "userAgent": request.headers.get("user-agent", ""),
        },
        "requestId": context.request_id,
        "routeKey": context.route_key,
        "stage": context.stage,
        "time": context.time,
        "timeEpoch": int(context.now * 1000),
    }


def _forwarded(request: HttpRequest) -> dict[str, str]:
    _, _, port = request.headers.get("host", "").partition(":")
    before = request.headers.get("x-forwarded-for")
    return {
        **request.headers,
        "x-forwarded-for": f"{before}, {request.source_ip}" if before else request.source_ip,
        "x-forwarded-port": port or "80",
        "x-forwarded-proto": "http",
    }


def _is_text(request: HttpRequest) -> bool:
    kind = request.headers.get("content-type", "text/plain").lower()
    if request.body and not kind.startswith(_TEXT):
        return False
    try:
        request.body.decode()
    except UnicodeDecodeError:
        return False
    return True
