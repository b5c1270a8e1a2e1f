"""Asks agents over HTTP, many at a time within bounds."""

import json
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

QUESTION = "How often is the status page updated during a SEV1?"


def ask(
    url: str, token: str, body: Any = None, key: str | None = None, **more: str
) -> tuple[int, dict[str, Any]]:
    """(status, body) of one POST /runs; `more` are further headers."""
    asked = body if body is not None else {"input": {"question": QUESTION}}
    return call("POST", f"{url}/runs", token, asked, key, **more)


def call(
    method: str, url: str, token: str, body: Any = None, key: str | None = None, **more: str
) -> tuple[int, dict[str, Any]]:
    """(status, body) of one call with a token; `more` are further headers."""
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}", **more}
    if key:
        headers["idempotency-key"] = key
    payload = None if body is None else json.dumps(body).encode()
    return send(urllib.request.Request(url, payload, headers, method=method))


def send(request: urllib.request.Request) -> tuple[int, dict[str, Any]]:
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read() or b"{}")


def share_of(url: str, token: str, asks: int) -> Counter[Any]:
    """How often each bundle answered, or each error code."""
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda _: ask(url, token), range(asks))
        return Counter(body["bundle_id"] if status == 200 else status for status, body in answers)
