"""Calls the function behind a route, and words what goes wrong as API Gateway does."""

import json
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from typing import Any, Protocol

from moto.awslambda.exceptions import LambdaClientError
from moto.backends import get_backend

from embedded_aws.functions.names import FunctionName, parse
from embedded_aws.http_apis.access_log import Facts
from embedded_aws.http_apis.event import Context
from embedded_aws.http_apis.permission import permits, source_arns
from embedded_aws.http_apis.response import HttpResponse, Malformed, from_function, message

TIMEOUT_LIMIT_SECONDS = 30.0
"""https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html: 30 s at most."""
_CALLS = 128
_INVOKE_ARN = re.compile(
    r"arn:aws[a-z-]*:apigateway:[a-z0-9-]+:lambda:path/[^/]+/functions/(?P<function>.+)/invocations"
)
_NOT_PERMITTED = (
    "The IAM role configured on the integration or API Gateway doesn't have permissions to call the"
    " integration. Check the permissions and try again."
)


class Answer(Protocol):
    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def payload(self) -> bytes: ...


class Invoker(Protocol):
    def invoke(self, region: str, function: str, qualifier: str | None, payload: bytes, /) -> Answer: ...


class LambdaIntegration:
    """A function that outlives the timeout keeps running, as on AWS."""

    def __init__(self, functions: Invoker, account: str, log: Callable[[str], None]) -> None:
        self._functions, self._account, self._log = functions, account, log
        self._calls = ThreadPoolExecutor(_CALLS, thread_name_prefix="http-api")

    def close(self) -> None:
        self._calls.shutdown(cancel_futures=True)

    def call(
        self, integration: Any, event: Mapping[str, Any], context: Context, method: str, facts: Facts
    ) -> HttpResponse:
        """`integration` is moto's record of it."""
        named = _function(integration)
        if named is None:
            return self._failed(
                facts, f"the embedded AWS does not emulate integration {_described(integration)}"
            )
        region = named.region or context.region
        # With a role of its own the integration needs no statement in the function's policy.
        if not integration.credentials_arn and not self._permitted(named, region, context, method):
            return self._failed(facts, _NOT_PERMITTED)
        limit = min(TIMEOUT_LIMIT_SECONDS, (integration.timeout_in_millis or 30_000) / 1000)
        begun = time.monotonic()
        sent = json.dumps(event).encode()
        running = self._calls.submit(self._functions.invoke, region, named.name, named.qualifier, sent)
        try:
            answer = running.result(limit)
        except TookTooLong:
            facts.integration_error = f"Endpoint request timed out after {limit:g} seconds"
            self._log(f"{context.api_id} {context.route_key}: {facts.integration_error}")
            # HTTP APIs say 503 where REST APIs say 504: github.com/serverless/serverless/issues/11222.
            return message(503, "Service Unavailable")
        finally:
            facts.integration_seconds = time.monotonic() - begun
        facts.integration_status = answer.status
        if answer.status != 200 or answer.headers.get("X-Amz-Function-Error"):
            # A throttled function is a 500 too, and no 429: https://repost.aws/knowledge-center/api-gateway-5xx-error
            return self._failed(facts, answer.payload.decode(errors="replace"))
        try:
            response = from_function(answer.payload)
        except Malformed as error:
            return self._failed(
                facts, f"The response from the Lambda function doesn't match the format: {error}"
            )
        facts.function_status = response.status
        return response

    def _failed(self, facts: Facts, reason: str) -> HttpResponse:
        facts.integration_error = facts.error = reason
        self._log(f"the HTTP API answers 500: {reason}")
        return message(500, "Internal Server Error")

    def _permitted(self, named: FunctionName, region: str, context: Context, method: str) -> bool:
        try:
            # All versions share the policy of `$LATEST`.
            policy = get_backend("lambda")[self._account][region].get_function(named.name).policy
        except LambdaClientError:
            return False
        arn = f"arn:aws:lambda:{region}:{self._account}:function:{named.name}"
        qualified = f"{arn}:{named.qualifier}" if named.qualifier not in (None, "$LATEST") else arn
        sources = source_arns(
            context.region, self._account, context.api_id, context.stage, method, context.route_key
        )
        return permits(policy.statements, qualified, sources, self._account)


def _function(integration: Any) -> FunctionName | None:
    if integration.integration_type != "AWS_PROXY" or integration.payload_format_version != "2.0":
        return None
    uri = str(integration.integration_uri)
    found = _INVOKE_ARN.fullmatch(uri)
    return parse(found["function"] if found else uri)


def _described(integration: Any) -> str:
    version = integration.payload_format_version or "1.0"
    return f"{integration.integration_type} {integration.integration_uri} with payload format {version}"
