"""The public keys of the tokens' issuer: read when they are first needed, and again for a key that is new."""

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import urllib3.exceptions
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from agent_runtime.hosts.outgoing import send

_log = logging.getLogger("agent_runtime.hosts.key_sets")
DISCOVERY: Final = "/.well-known/openid-configuration"
LIFETIME_SECONDS: Final = 3600
"""How long a key that the issuer has withdrawn still counts here; AWS's HTTP APIs keep theirs for two hours:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html"""
PAUSE_SECONDS: Final = 10
"""Between two times that the issuer is asked: anybody can send a token that names an unknown key."""
_READ_SECONDS: Final = 3
_MOST_BYTES: Final = 256 * 1024
_UNREADABLE: Final = (
    *(OSError, urllib3.exceptions.HTTPError, JoseError),
    *(AttributeError, LookupError, TypeError, ValueError),
)
_PUBLIC: Final = ("RSA", "EC", "OKP")


class IssuerUnavailable(Exception):
    """The issuer cannot be asked for its keys, and none are at hand."""


class KeySets:
    """The keys of one issuer. `fetch` gives the JSON object at a URL; `clock` is monotonic, in seconds."""

    def __init__(
        self,
        issuer: str,
        *,
        fetch: Callable[[str], Mapping[str, Any]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = issuer
        self._fetch = fetch or fetch_json
        self._clock = clock
        self._keys: dict[str, KeySet] = {}
        self._read_at = self._asked_at = -float(LIFETIME_SECONDS)
        self._reading = threading.Lock()

    def find(self, key_id: str) -> KeySet | None:
        """A set with the one key of this id, or None where the issuer has none such. Raises
        `IssuerUnavailable`."""
        is_old = self._clock() - self._read_at >= LIFETIME_SECONDS
        is_wanted = (is_old or key_id not in self._keys) and self._may_ask()
        # One thread asks. While there are keys the others go on with those, and else they wait.
        if is_wanted and self._reading.acquire(blocking=not self._keys):
            try:
                if self._may_ask():
                    self._read()
            finally:
                self._reading.release()
        if not self._keys:
            raise IssuerUnavailable(f"the keys of {self._issuer} cannot be read")
        return self._keys.get(key_id)

    def _may_ask(self) -> bool:
        return self._clock() - self._asked_at >= PAUSE_SECONDS

    def _read(self) -> None:
        try:
            discovery = self._fetch(self._issuer.rstrip("/") + DISCOVERY)
            if discovery.get("issuer") != self._issuer:
                raise ValueError(f"the document of {self._issuer} names another issuer")
            found = self._fetch(str(discovery["jwks_uri"]))["keys"]
            self._keys = {
                str(key["kid"]): KeySet.import_key_set({"keys": [key]})
                for key in found
                if key.get("kid") and key.get("kty") in _PUBLIC and key.get("use", "sig") == "sig"
            }
            self._read_at = self._clock()
        except _UNREADABLE as error:
            # Keys that are at hand count on: an issuer that is down must not lock every caller out.
            _log.warning("keys not read", extra={"issuer": self._issuer}, exc_info=error)
        finally:
            self._asked_at = self._clock()


def fetch_json(url: str) -> Mapping[str, Any]:
    """The JSON object at a URL. Raises urllib3's errors and `ValueError`."""
    reply = send("GET", url, {}, None, read_seconds=_READ_SECONDS, most_bytes=_MOST_BYTES)
    document: object = json.loads(reply.body) if reply.status == 200 else None
    if not isinstance(document, dict):
        raise ValueError(f"{url} gives no JSON object, with status {reply.status}")
    return document
