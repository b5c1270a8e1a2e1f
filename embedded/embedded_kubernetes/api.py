"""The few requests to the API server that the cluster itself makes, through the package `kubernetes`."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import urllib3
from kubernetes import config
from kubernetes.client import ApiClient
from kubernetes.client.exceptions import ApiException

_REQUEST_SECONDS = 20
_POLL_SECONDS = 0.05
_UNREACHABLE = (OSError, urllib3.exceptions.HTTPError)


class Api:
    def __init__(self, kubeconfig: Path) -> None:
        self._client: ApiClient = config.new_client_from_config(str(kubeconfig))

    def close(self) -> None:
        self._client.close()

    def get(self, path: str, *, accept: str = "application/json") -> Any:
        """The JSON at `path`; None where nothing is there."""
        try:
            return json.loads(self._send("GET", path, accept=accept))
        except ApiException as error:
            if error.status == 404:
                return None
            raise

    def create(self, path: str, body: str, kind: str = "application/json") -> bool:
        """False where it is there already."""
        try:
            self._send("POST", path, body, kind)
        except ApiException as error:
            if error.status == 409:
                return False
            raise
        return True

    def apply(self, path: str, body: str) -> None:
        """Server-side apply of `body`, as YAML."""
        self._send("PATCH", f"{path}?fieldManager=embedded&force=true", body, "application/apply-patch+yaml")

    def is_ready(self) -> bool:
        try:
            return self._send("GET", "/readyz") == "ok"
        except (ApiException, *_UNREACHABLE):
            return False

    def _send(
        self, method: str, path: str, body: str | None = None, kind: str = "", *, accept: str = "*/*"
    ) -> str:
        headers = {"Accept": accept, **({"Content-Type": kind} if kind else {})}
        answer: Any = self._client.rest_client.pool_manager.request(
            method,
            f"{self._client.configuration.host}{path}",
            body=body.encode() if body is not None else None,
            headers=headers,
            timeout=_REQUEST_SECONDS,
            retries=False,
        )
        if answer.status >= 300:
            raise ApiException(status=answer.status, reason=answer.data.decode(errors="replace"))
        return answer.data.decode()


def until(
    done: Callable[[], bool], *, seconds: float, check: Callable[[], None], late: Callable[[], Exception]
) -> None:
    """Asks `done` until it says so. `check` raises where waiting is pointless, `late` makes the error."""
    end = time.monotonic() + seconds
    while not done():
        check()
        if time.monotonic() > end:
            raise late()
        time.sleep(_POLL_SECONDS)
