"""Access logs: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html"""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from embedded_aws.functions.log_stream import write_line
from embedded_aws.http_apis.event import Context
from embedded_aws.http_apis.request import HttpRequest
from embedded_aws.http_apis.response import HttpResponse

_VARIABLE = re.compile(r"\$context\.(\w+(?:\.[\w:-]*\w)*)")


@dataclass
class Facts:
    """What a call leaves to be logged beside request and response."""

    integration_status: int | None = None
    function_status: int | None = None
    integration_seconds: float | None = None
    integration_error: str | None = None
    authorizer_error: str | None = None
    error: str | None = None
    claims: Mapping[str, str] = field(default_factory=dict[str, str])


def formatted(
    form: str, request: HttpRequest, context: Context, response: HttpResponse, facts: Facts, seconds: float
) -> str:
    """A variable without a value, and one that is not known here, is a dash."""
    latency = None if facts.integration_seconds is None else int(facts.integration_seconds * 1000)
    values: dict[str, object] = {
        "accountId": context.account,
        "apiId": context.api_id,
        "authorizer.error": facts.authorizer_error,
        "domainName": context.domain_name,
        "domainPrefix": context.api_id,
        "error.message": facts.error,
        "error.messageString": facts.error and f'"{facts.error}"',
        "extendedRequestId": context.request_id,
        "httpMethod": request.method,
        "identity.sourceIp": request.source_ip,
        "identity.userAgent": request.headers.get("user-agent"),
        "integration.error": facts.integration_error,
        "integration.integrationStatus": facts.integration_status,
        "integration.latency": latency,
        "integration.status": facts.function_status,
        "integrationErrorMessage": facts.integration_error,
        "integrationLatency": latency,
        "integrationStatus": facts.integration_status,
        "path": request.path,
        "protocol": request.protocol,
        "requestId": context.request_id,
        "requestTime": context.time,
        "requestTimeEpoch": int(context.now),
        "responseLatency": int(seconds * 1000),
        "responseLength": len(response.body),
        "routeKey": context.route_key,
        "stage": context.stage,
        "status": response.status,
        **{f"authorizer.claims.{name}": value for name, value in facts.claims.items()},
    }

    def value(found: re.Match[str]) -> str:
        known = values.get(found[1])
        return "-" if known is None else str(known)

    return _VARIABLE.sub(value, form)


def write(settings: Mapping[str, str], context: Context, line: str) -> None:
    """To the log group that the stage names by ARN."""
    arn = settings["destinationArn"].split(":")
    region, account, group = arn[3], arn[4], arn[6]
    write_line(account, region, group, f"{context.api_id}/{context.stage}", line, time.time())
