"""An OpenID issuer for this machine: signs tokens with a key of its own and publishes the public half."""

import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

DISCOVERY = "/.well-known/openid-configuration"
KEYS = "/.well-known/jwks.json"
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
        self, *, audience: str, subject: str, claims: Mapping[str, object], lifetime_seconds: int = 3600
    ) -> str:
        """`claims` adds to the registered claims and cannot replace them."""
        now = int(self._clock())
        registered = {
            "iss": self.url,
            "aud": audience,
            "sub": subject,
            "iat": now,
            "nbf": now,
            "exp": now + lifetime_seconds,
        }
        header = {"alg": _ALGORITHM, "typ": "JWT", "kid": self._key.kid}
        return jwt.encode(header, {**claims, **registered}, self._key)

    def documents(self) -> dict[str, bytes]:
        """What to serve, by path below the issuer's URL; each is `application/json`."""
        discovery = {
            "issuer": self.url,
            "jwks_uri": f"{self.url}{KEYS}",
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
