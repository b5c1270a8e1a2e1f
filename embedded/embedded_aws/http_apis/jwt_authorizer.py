"""JWT authorizers: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry

from embedded_aws.http_apis.key_sets import KeySets, NoKeys
from embedded_aws.http_apis.request import HttpRequest

_ALGORITHMS = ["RS256", "RS384", "RS512"]


class Unauthorized(Exception):
    """401: no token, or one that is not valid."""


class Forbidden(Exception):
    """403: a valid token without a scope of the route."""


@dataclass(frozen=True)
class Identity:
    """What the integration learns: claims as strings, and the scopes if the route asks for some."""

    claims: Mapping[str, str]
    scopes: Sequence[str] | None

    def for_event(self) -> dict[str, Any]:
        return {"jwt": {"claims": dict(self.claims), "scopes": self.scopes}}


class JwtAuthorizer:
    def __init__(self, keys: KeySets, clock: Callable[[], float] = time.time) -> None:
        self._keys, self._clock = keys, clock

    def authorize(self, authorizer: Any, route_scopes: Sequence[str], request: HttpRequest) -> Identity:
        """`authorizer` is moto's record of it."""
        trusted: Mapping[str, Any] = authorizer.jwt_config or {}
        claims = self._verified(_token(authorizer.identity_source, request), str(trusted.get("issuer")))
        self._check(claims, str(trusted.get("issuer")), list(trusted.get("audience") or []))
        scopes = _scopes(claims)
        if route_scopes and not set(route_scopes) & set(scopes):
            raise Forbidden(f"the token has none of the scopes {', '.join(route_scopes)}")
        return Identity(
            {name: _as_string(value) for name, value in claims.items()}, scopes if route_scopes else None
        )

    def _verified(self, token: str, issuer: str) -> dict[str, Any]:
        # joserfc refuses headers that it does not know; API Gateway does not mind them.
        registry = JWSRegistry(strict_check_header=False, algorithms=_ALGORITHMS)
        try:
            decoded = jwt.decode(token, self._keys.of(issuer), algorithms=_ALGORITHMS, registry=registry)
        except (JoseError, NoKeys, ValueError) as error:
            raise Unauthorized(str(error)) from error
        if not decoded.header.get("kid"):
            raise Unauthorized("the token names no key")
        return decoded.claims

    def _check(self, claims: dict[str, Any], issuer: str, audience: list[str]) -> None:
        options: Any = {"iss": {"essential": True, "value": issuer}, "exp": {"essential": True}}
        try:
            jwt.JWTClaimsRegistry(now=int(self._clock()), **options).validate(claims)
        except JoseError as error:
            raise Unauthorized(str(error)) from error
        # `client_id` counts only without `aud`.
        meant = claims["aud"] if "aud" in claims else claims.get("client_id")
        named = meant if isinstance(meant, list) else [meant]
        if not set(map(str, named)) & set(audience):
            raise Unauthorized(f"the token is for {meant!r}, not for {audience}")


def _token(identity_source: Any, request: HttpRequest) -> str:
    """The first of the sources that is there, with or without `Bearer`."""
    sources = [identity_source] if isinstance(identity_source, str) else list(identity_source or [])
    for source in sources or ["$request.header.Authorization"]:
        kind, _, name = source.removeprefix("$request.").partition(".")
        found = request.headers.get(name.lower()) if kind == "header" else request.parameters.get(name)
        if found:
            scheme, _, rest = found.partition(" ")
            return rest.strip() if scheme.lower() == "bearer" else found.strip()
    raise Unauthorized("the request has no token")


def _scopes(claims: Mapping[str, Any]) -> list[str]:
    found = claims.get("scope", claims.get("scp")) or []
    return found.split() if isinstance(found, str) else [str(scope) for scope in found]


def _as_string(value: Any) -> str:
    """Lists arrive as `[a b]`, the way API Gateway prints them."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return f"[{' '.join(_as_string(item) for item in value)}]"
    return json.dumps(value, separators=(",", ":"))
