"""Who calls: the claims of a bearer token that the agent's issuer has signed."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from joserfc import jws, jwt
from joserfc.errors import JoseError

from agent_runtime.hosts.key_sets import IssuerUnavailable, KeySets
from agent_runtime.hosts.problems import Problem

ALGORITHMS: Final = [f"{family}{bits}" for family in ("RS", "PS", "ES") for bits in (256, 384, 512)]
"""Asymmetric ones alone. With a shared key among them a public key, which everybody has, could sign."""
LEEWAY_SECONDS: Final = 30
"""How far the issuer's clock and ours may differ."""
_LONGEST_TOKEN: Final = 8192


class Tokens:
    """Verifies tokens of one issuer for one of `audiences`. `clock` gives seconds since 1970."""

    def __init__(
        self,
        keys: KeySets,
        issuer: str,
        audiences: frozenset[str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audiences = audiences
        self._clock = clock
        # Headers that joserfc does not know say nothing about the signature; other edges let them pass, too.
        self._registry = jws.JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)

    def claims(self, authorization: str) -> Mapping[str, Any]:
        """The claims of an `Authorization` header, numbers as texts, as API Gateway hands them on. Raises
        `Problem` 401, and 503 where the issuer's keys cannot be had."""
        scheme, _, token = authorization.strip().partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Problem(401, "unauthorized", "A token is needed", "send `Authorization: Bearer TOKEN`")
        claims = self._signed(token.strip())
        self._check(claims)
        return {
            name: str(value) if isinstance(value, int) and not isinstance(value, bool) else value
            for name, value in claims.items()
        }

    def _signed(self, token: str) -> dict[str, Any]:
        if len(token) > _LONGEST_TOKEN:
            raise _refused(f"it is longer than {_LONGEST_TOKEN} characters")
        try:
            header = jws.extract_compact(token.encode()).headers()
            algorithm, key_id = header.get("alg"), header.get("kid")
            if algorithm not in ALGORITHMS:
                raise _refused(f"it is not signed with one of {', '.join(ALGORITHMS)}")
            key = self._keys.find(key_id) if isinstance(key_id, str) and key_id else None
            if key is None:
                raise _refused("it names no key (`kid`) of the issuer")
            return jwt.decode(token, key, algorithms=ALGORITHMS, registry=self._registry).claims
        except IssuerUnavailable as error:
            raise Problem(
                503, "issuer-unavailable", "Tokens cannot be verified", str(error), retry_after=10
            ) from error
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise _refused("its signature or form is wrong") from error

    def _check(self, claims: Mapping[str, Any]) -> None:
        now = self._clock()
        if claims.get("iss") != self._issuer:
            raise _refused(f"it is not of the issuer {self._issuer}")
        # As API Gateway does it, `client_id` counts where there is no `aud`: Cognito's access tokens.
        meant = claims["aud"] if "aud" in claims else claims.get("client_id")
        named = meant if isinstance(meant, list) else [meant]
        if not self._audiences.intersection(name for name in named if isinstance(name, str)):
            raise _refused("it is for another audience")
        if not (_is_time(claims.get("exp")) and claims["exp"] > now - LEEWAY_SECONDS):
            raise _refused("it has expired, or has no `exp`")
        for name in ("nbf", "iat"):
            if name in claims and not (_is_time(claims[name]) and claims[name] <= now + LEEWAY_SECONDS):
                raise _refused(f"it is not valid yet (`{name}`)")


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _refused(reason: str) -> Problem:
    return Problem(401, "unauthorized", "The token is refused", reason)
