"""One request to a tool's server, bounded in size and time, that knows whether it may have arrived there."""

import http.client
import ssl
from collections.abc import Callable
from typing import Final
from urllib.parse import SplitResult, urlsplit

MOST_RESULT_BYTES: Final = 256 * 1024
"""As JSON: what the answer's item of 400 KB has room for, and a model has no use for more."""


class ToolError(Exception):
    """A tool gave no result. `acted` says whether it may have acted all the same."""

    def __init__(self, kind: str, detail: str, *, acted: bool) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.acted = acted


def send(
    clock: Callable[[], float],
    method: str,
    url: str,
    body: bytes | None,
    headers: dict[str, str],
    seconds: float,
    sends: Callable[[], None] = lambda: None,
) -> tuple[int, bytes]:
    """Status and body. A socket's timeout begins anew with each byte, so that the end is looked at."""
    parts, ends = urlsplit(url), clock() + seconds
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    connection, was_sent = _connection(parts, seconds), False
    try:
        _write_head(connection, method, path or "/", body, headers)
        connection.connect()
        sends()
        was_sent = True
        connection.endheaders(body)
        response, held = connection.getresponse(), bytearray()
        while chunk := response.read1(65_536):
            held += chunk
            if len(held) > MOST_RESULT_BYTES:
                raise too_large()
            if clock() > ends:
                raise TimeoutError
        return response.status, bytes(held)
    except TimeoutError as error:
        raise ToolError("tool-timeout", f"no answer within {seconds:g} s", acted=was_sent) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ToolError("tool-unavailable", "the tool does not answer", acted=was_sent) from error
    finally:
        connection.close()


def _connection(parts: SplitResult, seconds: float) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    if parts.scheme != "https":
        return http.client.HTTPConnection(host, parts.port, timeout=seconds)
    context = ssl.create_default_context()
    return http.client.HTTPSConnection(host, parts.port, timeout=seconds, context=context)


def _write_head(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | None,
    headers: dict[str, str],
) -> None:
    """Without sending it yet. The standard library's own words would show what it cannot write: a secret."""
    try:
        connection.putrequest(method, path)
        for name, value in headers.items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("content-length", str(len(body)))
    except ValueError:
        detail = "the key, the token or the tool's secret has characters that no header may have"
        raise ToolError("tool-failed", detail, acted=False) from None


def too_large() -> ToolError:
    return ToolError("tool-failed", f"the answer has more than {MOST_RESULT_BYTES} bytes", acted=True)
