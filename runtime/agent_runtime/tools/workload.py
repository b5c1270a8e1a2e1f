"""Who an agent is to its tool gateway: an access token of its own, by the client credentials grant.

https://www.rfc-editor.org/rfc/rfc6749#section-4.4, answered by Cognito, Auth0, Entra and Keycloak alike.
"""

import base64
import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from agent_runtime.errors import ToolGatewayUnavailable
from agent_runtime.secrets import SecretReader, SecretValue

SECRET: Final = "tool-gateway"  # noqa: S105  a secret's name
"""Name under which an agent's secrets hold its client secret."""
_SECONDS: Final = 5.0
_MARGIN_SECONDS: Final = 60.0
"""How long before its end a token is no longer used: a call begun with it ends with it."""
_MOST_BYTES: Final = 64 * 1024


class WorkloadTokens:
    """Fetches tokens, and keeps the one that is valid in memory alone. Safe for threads; `clock` is
    monotonic, in seconds."""

    def __init__(
        self,
        url: str,
        client_id: str,
        secrets: SecretReader,
        *,
        audience: str = "",
        scope: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`url` is the issuer's token endpoint; issuers that know no `audience` take no notice of it."""
        self._url = urlsplit(url)
        self._client_id = client_id
        self._secrets = secrets
        wanted = {"grant_type": "client_credentials", "audience": audience, "scope": scope}
        self._form = urlencode({name: value for name, value in wanted.items() if value})
        self._clock = clock
        self._lock = threading.Lock()
        self._held: tuple[float, SecretValue] | None = None

    def token(self, *, refused: SecretValue | None = None) -> SecretValue:
        """A token that is valid for a minute at least; `refused` is one that the gateway did not take, and is
        not given again. Raises `ToolGatewayUnavailable` and what the secret's reading raises."""
        with self._lock:
            held = self._held
            is_other = held is not None and (refused is None or held[1].reveal() != refused.reveal())
            if held is not None and is_other and self._clock() < held[0]:
                return held[1]
            status, document = self._ask(refresh=False)
            if status in (400, 401):  # the secret may have been rotated since it was read
                status, document = self._ask(refresh=True)
            found, seconds = document.get("access_token"), document.get("expires_in", 300)
            if status != 200 or not isinstance(found, str) or not isinstance(seconds, int | float):
                raise ToolGatewayUnavailable(f"the issuer gives no token: it answered {status or 'nothing'}")
            # A short token is used for half of its time at least.
            ends = self._clock() + max(seconds - _MARGIN_SECONDS, seconds / 2)
            self._held = (ends, SecretValue(found))
            return self._held[1]

    def _ask(self, *, refresh: bool) -> tuple[int, dict[str, Any]]:
        """Status, 0 where nothing answers, and the document. No redirect is followed: it would carry the
        secret elsewhere."""
        secret = self._secrets.get(SECRET, refresh=refresh)
        pair = f"{quote(self._client_id, safe='')}:{quote(secret.reveal(), safe='')}".encode()
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "accept": "application/json",
            "authorization": f"Basic {base64.b64encode(pair).decode()}",
        }
        host, port = self._url.hostname or "", self._url.port
        connection: http.client.HTTPConnection
        if self._url.scheme == "https":
            context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(host, port, timeout=_SECONDS, context=context)
        else:
            connection = http.client.HTTPConnection(host, port, timeout=_SECONDS)
        try:
            connection.request("POST", self._url.path or "/", self._form, headers)
            response = connection.getresponse()
            return response.status, _document(response.read(_MOST_BYTES))
        except (OSError, http.client.HTTPException):
            return 0, {}
        finally:
            connection.close()


def _document(body: bytes) -> dict[str, Any]:
    try:
        found: object = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
