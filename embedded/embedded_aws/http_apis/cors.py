"""CORS as the API declares it: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html"""

from collections.abc import Mapping
from typing import Any

from embedded_aws.http_apis.request import HttpRequest
from embedded_aws.http_apis.response import HttpResponse


def is_preflight(request: HttpRequest) -> bool:
    headers = request.headers
    return request.method == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers


def preflight(cors: Mapping[str, Any], request: HttpRequest) -> HttpResponse:
    """Answered by API Gateway itself, also without a route for OPTIONS."""
    headers = _common(cors, request)
    if headers:
        for member, name in (("allowMethods", "methods"), ("allowHeaders", "headers")):
            if cors.get(member):
                headers.append((f"access-control-allow-{name}", ",".join(cors[member])))
        if cors.get("maxAge") is not None:
            headers.append(("access-control-max-age", str(cors["maxAge"])))
    return HttpResponse(204, headers)


def apply(cors: Mapping[str, Any], request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """The API's headers replace those of the integration."""
    kept = [(name, value) for name, value in response.headers if not name.startswith("access-control-")]
    return HttpResponse(response.status, kept + _common(cors, request), response.body)


def _common(cors: Mapping[str, Any], request: HttpRequest) -> list[tuple[str, str]]:
    origin = request.headers.get("origin")
    allowed = [str(value) for value in cors.get("allowOrigins") or []]
    if origin is None or not any(_covers(pattern, origin) for pattern in allowed):
        return []
    headers = [("access-control-allow-origin", "*" if "*" in allowed else origin)]
    if cors.get("allowCredentials"):
        headers.append(("access-control-allow-credentials", "true"))
    if cors.get("exposeHeaders"):
        headers.append(("access-control-expose-headers", ",".join(cors["exposeHeaders"])))
    return headers


def _covers(pattern: str, origin: str) -> bool:
    """`*`, `https://*` or one origin."""
    if pattern.endswith("*"):
        return origin.startswith(pattern[:-1])
    return pattern == origin
