"""An OpenID issuer for this machine: signs tokens with a key of its own and publishes the public half."""

import base64
import binascii
import hmac
import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import parse_qs, unquote

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

DISCOVERY = "/.well-known/openid-configuration"
KEYS = "/.well-known/jwks.json"
TOKENS = "/oauth2/token"
CLIENT_SECRET = "local-key"  # noqa: S105  what `agent-hosting up` gives every secret of the stack local
"""Of every client: who may call what, the declarations of the stack say."""
_LIFETIME_SECONDS = 3600
_ALGORITHM = "RS256"
"""HTTP APIs accept RSA alone: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html"""


class Issuer:
    """Each token has the key's thumbprint as `kid`."""

    def __init__(self, url: str, key_path: Path, clock: Callable[[], float] = time.time) -> None:
        self.url = url.rstrip("/")
        self._key = _kept_key(key_path)
        self._clock = clock

    def __repr__(self) -> str:
        return f"Issuer({self.url!r})"

    @property
    def keys(self) -> KeySet:
        """Public keys, as an authorizer reads them."""
        return KeySet.import_key_set(KeySet([self._key]).as_dict(private=False, use="sig", alg=_ALGORITHM))

    def token(
        self,
        *,
        audience: str | None,
        subject: str,
        claims: Mapping[str, object],
        lifetime_seconds: int = 3600,
    ) -> str:
        """`claims` adds to the registered claims and cannot replace them."""
        now = int(self._clock())
        registered = {
            "iss": self.url,
            **({"aud": audience} if audience is not None else {}),
            "sub": subject,
            "iat": now,
            "nbf": now,
            "exp": now + lifetime_seconds,
        }
        header = {"alg": _ALGORITHM, "typ": "JWT", "kid": self._key.kid}
        return jwt.encode(header, {**claims, **registered}, self._key)

    def workload_token(self, authorization: str, body: bytes) -> tuple[str, dict[str, object]]:
        """(status line, document) of a token request by the client credentials grant; like Cognito's, such a
        token has a `client_id` and, unless one is asked for, no `aud`.

        https://docs.aws.amazon.com/cognito/latest/developerguide/token-endpoint.html
        """
        try:
            form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
            pair = base64.b64decode(authorization.removeprefix("Basic "), validate=True).decode()
        except (UnicodeDecodeError, binascii.Error, ValueError):
            form, pair = {}, ""
        client, _, secret = (unquote(part) for part in pair.partition(":"))
        if not client or not hmac.compare_digest(secret.encode(), CLIENT_SECRET.encode()):
            return "401 Unauthorized", {"error": "invalid_client"}
        if form.get("grant_type") != "client_credentials":
            return "400 Bad Request", {"error": "unsupported_grant_type"}
        claims: dict[str, object] = {"client_id": client, "token_use": "access"}
        claims |= {"scope": form["scope"]} if "scope" in form else {}
        token = self.token(
            audience=form.get("audience"), subject=client, claims=claims, lifetime_seconds=_LIFETIME_SECONDS
        )
        return "200 OK", {"access_token": token, "token_type": "Bearer", "expires_in": _LIFETIME_SECONDS}

    def documents(self) -> dict[str, bytes]:
        """What to serve, by path below the issuer's URL; each is `application/json`."""
        discovery = {
            "issuer": self.url,
            "jwks_uri": f"{self.url}{KEYS}",
            "token_endpoint": f"{self.url}{TOKENS}",
            "grant_types_supported": ["client_credentials"],
            "id_token_signing_alg_values_supported": [_ALGORITHM],
            "response_types_supported": ["token"],
            "subject_types_supported": ["public"],
        }
        keys = KeySet([self._key]).as_dict(private=False, use="sig", alg=_ALGORITHM)
        return {DISCOVERY: json.dumps(discovery).encode(), KEYS: json.dumps(keys).encode()}


def _kept_key(path: Path) -> RSAKey:
    """The key in `path`, made there when there is none yet."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(dir=path.parent)  # mkstemp makes files that others cannot read
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(RSAKey.generate_key(2048).as_pem(private=True))
            # A link, unlike a rename, never replaces the key that another process made in the meantime.
            os.link(partial, path)
        except FileExistsError:
            pass
        finally:
            Path(partial).unlink()
    key = RSAKey.import_key(path.read_bytes())
    key.ensure_kid()
    return key
