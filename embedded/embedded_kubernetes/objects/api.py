"""The API server by its paths and JSON, with the connection that a kubeconfig describes."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3

Object = dict[str, Any]
_CONNECT_SECONDS, _ANSWER_SECONDS = 5.0, 30.0


class ApiError(Exception):
    """What the API server refused, in its own words."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class Gone(ApiError):
    """The version that a watch asked for is no longer held: list again."""


class Api:
    """Safe to call from any thread."""

    def __init__(self, kubeconfig: Path) -> None:
        # Only a cloud with a cluster pays for this import, which takes most of a second.
        from kubernetes.config import new_client_from_config

        client: Any = new_client_from_config(str(kubeconfig))
        self._host = str(client.configuration.host).rstrip("/")
        self._pool: Any = client.rest_client.pool_manager
        held = client.configuration.auth_settings().values()
        self._headers = {one["key"]: str(one["value"]) for one in held if one["in"] == "header"}

    def get(self, path: str, **query: str) -> Object:
        return self._json("GET", path, query)

    def find(self, path: str) -> Object | None:
        """None where there is none."""
        try:
            return self.get(path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def post(self, path: str, body: Object) -> Object:
        return self._json("POST", path, {}, body)

    def patch(self, path: str, body: Object, *, strategic: bool = False) -> Object:
        """Strategic merge knows the lists of built-in kinds by the names of their items."""
        kind = "strategic-merge-patch" if strategic else "merge-patch"
        return self._json("PATCH", path, {}, body, f"application/{kind}+json")

    def delete(self, path: str, body: Object | None = None) -> None:
        """It is well if there is none."""
        with contextlib.suppress(Missing):
            self._json("DELETE", path, {}, body or {})

    def watch(self, path: str, resource_version: str, seconds: int) -> "Watch":
        query = {
            "watch": "true",
            "resourceVersion": resource_version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(seconds),
        }
        return Watch(self._send("GET", path, query, timeout=seconds + _ANSWER_SECONDS))

    def _json(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Object | None = None,
        content_type: str = "application/json",
    ) -> Object:
        answer = self._send(method, path, query, body, content_type)
        return json.loads(answer.data)

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Object | None = None,
        content_type: str = "application/json",
        timeout: float = _ANSWER_SECONDS,
    ) -> Any:
        answer = self._pool.request(
            method,
            f"{self._host}{path}" + (f"?{urlencode(query)}" if query else ""),
            body=None if body is None else json.dumps(body),
            headers={**self._headers, "accept": "application/json", "content-type": content_type},
            timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=timeout),
            retries=False,
            preload_content=False,
        )
        if answer.status >= 400:
            raise _error(answer.status, answer.data.decode(errors="replace"))
        return answer


class Missing(ApiError):
    """There is no such object, or no such kind."""


class Watch:
    """The events of one watch; `close` from another thread ends it."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[tuple[str, Object]]:
        """(ADDED, MODIFIED, DELETED or BOOKMARK, object). Raises Gone."""
        partial = b""
        for chunk in self._answer.stream(amt=None):
            *lines, partial = (partial + chunk).split(b"\n")
            for line in filter(None, lines):
                event = json.loads(line)
                if event["type"] == "ERROR":
                    said = event["object"]
                    raise _error(int(said.get("code", 500)), str(said.get("message")))
                yield event["type"], event["object"]

    def close(self) -> None:
        # The answer may have ended by itself a moment ago.
        with contextlib.suppress(Exception):
            self._answer.shutdown()


def _error(status: int, body: str) -> ApiError:
    try:
        message = str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        message = body[:500]
    return {404: Missing, 410: Gone}.get(status, ApiError)(status, message)


def name_of(thing: Object) -> tuple[str, str]:
    """(namespace, name)."""
    return thing["metadata"].get("namespace", ""), thing["metadata"]["name"]
