"""The HTTP APIs of a stack as one WSGI application: `/{api id}/...` or `/{api id}/{stage}/...`."""

import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from http.client import responses
from typing import Any

from moto.backends import get_backend

from embedded_aws.http_apis import access_log, cors, event
from embedded_aws.http_apis.access_log import Facts
from embedded_aws.http_apis.integration import Invoker, LambdaIntegration
from embedded_aws.http_apis.issuer import Issuer
from embedded_aws.http_apis.jwt_authorizer import Forbidden, Identity, JwtAuthorizer, Unauthorized
from embedded_aws.http_apis.key_sets import KeySets
from embedded_aws.http_apis.request import HttpRequest, TooLarge, read
from embedded_aws.http_apis.response import HttpResponse, message
from embedded_aws.http_apis.routes import DEFAULT, Match, choose
from embedded_aws.http_apis.throttle import Throttle

StartResponse = Callable[[str, list[tuple[str, str]]], object]


class HttpApis:
    """Reads what apigatewayv2 declared in moto at every call, so that an update counts at once."""

    def __init__(
        self,
        *,
        functions: Invoker,
        issuer: Issuer,
        log: Callable[[str], None],
        account: str = "123456789012",
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._account, self._log, self._clock = account, log, clock
        self._integration = LambdaIntegration(functions, account, log)
        self._authorizer = JwtAuthorizer(KeySets(issuer, clock=monotonic), clock)
        self._throttle = Throttle(monotonic)

    def __call__(self, environ: Mapping[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        response = self._respond(environ)
        headers = [*response.headers, ("content-length", str(len(response.body)))]
        start_response(f"{response.status} {responses.get(response.status, 'Status')}", headers)
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else response.body]

    def close(self) -> None:
        self._integration.close()

    def _respond(self, environ: Mapping[str, Any]) -> HttpResponse:
        # WSGI hands the path over as Latin-1.
        path = str(environ["PATH_INFO"]).encode("latin-1").decode(errors="replace")
        api_id, _, rest = path.removeprefix("/").partition("/")
        found = self._find(api_id)
        if found is None:
            return message(404, "Not Found")
        region, api = found
        stage, route_path = _stage(api, rest)
        if stage is None:
            return message(404, "Not Found")
        begun = time.monotonic()
        try:
            request = read(environ, f"/{rest}")
        except TooLarge:
            return message(413, "Request Entity Too Large")
        routes = {route.route_key: route for route in list(api.routes.values())}
        match = choose(list(routes), request.method, route_path)
        context = event.Context(
            account=self._account,
            api_id=api_id,
            region=region,
            stage=stage.name,
            route_key=match.key if match else "-",
            request_id=str(uuid.uuid4()),
            now=self._clock(),
        )
        facts = Facts()
        response = self._answered(api, stage, match, routes, request, context, facts)
        if api.cors_configuration and not cors.is_preflight(request):
            response = cors.apply(api.cors_configuration, request, response)
        response.headers.append(("apigw-requestid", context.request_id))
        if (stage.access_log_settings or {}).get("destinationArn"):
            settings, seconds = stage.access_log_settings, time.monotonic() - begun
            line = access_log.formatted(settings["format"], request, context, response, facts, seconds)
            access_log.write(settings, context, line)
        return response

    def _answered(
        self,
        api: Any,
        stage: Any,
        match: Match | None,
        routes: Mapping[str, Any],
        request: HttpRequest,
        context: event.Context,
        facts: Facts,
    ) -> HttpResponse:
        if api.cors_configuration and cors.is_preflight(request):
            return cors.preflight(api.cors_configuration, request)
        if match is None:
            return message(404, "Not Found")
        if not self._throttle.admits(api.api_id, stage, match.key):
            return message(429, "Too Many Requests")
        route = routes[match.key]
        try:
            identity = self._identified(api, route, request)
        except Unauthorized as error:
            facts.authorizer_error = facts.error = str(error)
            return message(401, "Unauthorized", ("www-authenticate", "Bearer"))
        except Forbidden as error:
            facts.authorizer_error = facts.error = str(error)
            return message(403, "Forbidden", ("www-authenticate", 'Bearer error="insufficient_scope"'))
        if identity is not None:
            facts.claims = identity.claims
        integration = api.integrations.get(str(route.target or "").removeprefix("integrations/"))
        if integration is None:
            facts.integration_error = f"route {match.key} has no integration"
            self._log(facts.integration_error)
            return message(500, "Internal Server Error")
        sent = event.payload(
            request,
            context,
            path_parameters=match.parameters,
            stage_variables=stage.stage_variables or {},
            authorizer=identity.for_event() if identity else None,
        )
        return self._integration.call(integration, sent, context, request.method, facts)

    def _identified(self, api: Any, route: Any, request: HttpRequest) -> Identity | None:
        if route.authorization_type in (None, "", "NONE"):
            return None
        authorizer = api.authorizers.get(route.authorizer_id)
        if route.authorization_type != "JWT" or authorizer is None:
            self._log(f"the embedded AWS refuses {route.route_key}: it emulates JWT authorizers alone")
            raise Forbidden(f"authorization {route.authorization_type} is not emulated")
        return self._authorizer.authorize(authorizer, route.authorization_scopes or [], request)

    def _find(self, api_id: str) -> tuple[str, Any] | None:
        for region, backend in list(get_backend("apigatewayv2")[self._account].items()):
            api = backend.apis.get(api_id)
            if api is not None and api.protocol_type == "HTTP" and not api.disable_execute_api_endpoint:
                return region, api
        return None


def _stage(api: Any, rest: str) -> tuple[Any, str]:
    """A named stage that the path begins with, else `$default`."""
    first, _, below = rest.partition("/")
    if first in api.stages and first != DEFAULT:
        return api.stages[first], f"/{below}"
    return api.stages.get(DEFAULT), f"/{rest}"
