"""The public keys of the issuers that authorizers trust."""

import json
import threading
import time
import urllib.error
import urllib.request
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from embedded_aws.http_apis.issuer import DISCOVERY, Issuer

_FETCH_SECONDS = 5.0
_DOCUMENT_LIMIT_BYTES = 150_000
_ISSUERS = 64


class NoKeys(Exception):
    """The issuer cannot be asked for its keys."""


def fetch(url: str) -> Mapping[str, Any]:
    """A JSON document over HTTP."""
    if not url.startswith(("http://", "https://")):
        raise NoKeys(f"{url} is no HTTP address")
    try:
        with urllib.request.urlopen(url, timeout=_FETCH_SECONDS) as answer:
            document = json.loads(answer.read(_DOCUMENT_LIMIT_BYTES))
    except (OSError, urllib.error.URLError, ValueError) as error:
        raise NoKeys(f"{url} cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise NoKeys(f"{url} holds no JSON object")
    return document


class KeySets:
    """AWS may cache keys for two hours; here it is minutes, since a restarted issuer has new keys.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
    """

    def __init__(
        self,
        local: Issuer,
        *,
        fetch: Callable[[str], Mapping[str, Any]] = fetch,
        lifetime_seconds: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._local, self._fetch, self._lifetime, self._clock = local, fetch, lifetime_seconds, clock
        self._lock = threading.Lock()
        self._cached: OrderedDict[str, tuple[float, KeySet]] = OrderedDict()

    def of(self, issuer: str) -> KeySet:
        if issuer.rstrip("/") == self._local.url:
            # The gateway that serves the local issuer may be the one thread that asks.
            return self._local.keys
        with self._lock:
            fetched, keys = self._cached.get(issuer, (0.0, None))
        if keys is not None and self._clock() - fetched < self._lifetime:
            return keys
        keys = self._read(issuer)
        with self._lock:
            self._cached[issuer] = (self._clock(), keys)
            self._cached.move_to_end(issuer)
            while len(self._cached) > _ISSUERS:
                self._cached.popitem(last=False)
        return keys

    def _read(self, issuer: str) -> KeySet:
        discovery = self._fetch(issuer.rstrip("/") + DISCOVERY)
        if "jwks_uri" not in discovery:
            raise NoKeys(f"{issuer} publishes no jwks_uri")
        document: Any = self._fetch(str(discovery["jwks_uri"]))
        try:
            return KeySet.import_key_set(document)
        except (JoseError, KeyError, TypeError, ValueError) as error:
            raise NoKeys(f"{issuer} publishes no key set: {error}") from error
