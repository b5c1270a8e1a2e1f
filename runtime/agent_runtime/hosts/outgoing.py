"""Calls over HTTP to other pods and to the tokens' issuer: bounded in time and size, no redirects, no
retries.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3

CONNECT_SECONDS: Final = 2


@dataclass(frozen=True)
class Received:
    """What came back; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def send(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | None,
    *,
    read_seconds: float,
    most_bytes: int,
) -> Received:
    """Send a request, through the proxy of the environment if it names one. A redirect is given back and not
    followed, since it could carry a token to another host. Raises urllib3's errors and `ValueError`."""
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=read_seconds)
    with _pool(url) as pool:
        reply = pool.request(
            method,
            url,
            body=body,
            headers={**headers, "connection": "close"},
            timeout=timeout,
            retries=False,
            redirect=False,
            preload_content=False,
        )
        with reply:
            content = reply.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise ValueError(f"{url} gives more than {most_bytes} bytes")
    return Received(reply.status, {name.lower(): value for name, value in reply.headers.items()}, content)


def _pool(url: str) -> urllib3.PoolManager:
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    is_direct = proxy is None or proxy_bypass(parts.netloc)
    return urllib3.PoolManager(1) if is_direct or proxy is None else urllib3.ProxyManager(proxy, 1)
