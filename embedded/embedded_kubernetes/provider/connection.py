"""One API server as a kubeconfig names it: requests, and its refusals as errors."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3
import yaml
from kubernetes.client import ApiClient
from kubernetes.config import ConfigException, new_client_from_config_dict

from embedded_aws.provider.protocol import Refused

Object = dict[str, Any]
"""An object of the API, as JSON has it."""

_SECONDS = 30.0


class ApiError(Exception):
    """An answer of the API server that is no success."""

    def __init__(self, status: int, reason: str, message: str, causes: tuple[Mapping[str, str], ...]) -> None:
        super().__init__(message)
        self.status, self.reason, self.message, self.causes = status, reason, message, causes


def kubeconfig_of(given: Path | str) -> Object:
    """The kubeconfig that a path or a text (YAML or JSON) holds."""
    text = str(given)
    try:
        if "\n" not in text and "{" not in text:
            text = Path(text).expanduser().read_text()
        found = yaml.safe_load(text)
    except (OSError, yaml.YAMLError) as error:
        raise Refused(f"the kubeconfig cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise Refused("the kubeconfig is neither a file nor the text of one: it has no clusters and contexts")
    return found


class Connection:
    """Authenticated requests to the server of one context."""

    def __init__(self, kubeconfig: Object, context: str | None = None) -> None:
        try:
            self._client: ApiClient = new_client_from_config_dict(
                kubeconfig, context=context, persist_config=False
            )
        except (ConfigException, KeyError, TypeError) as error:
            raise Refused(f"the kubeconfig is not usable: {error}") from error

    @property
    def server(self) -> str:
        return str(self._client.configuration.host).rstrip("/")

    def request(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: Any = None, kind: str = ""
    ) -> Object:
        """The answer's object. Raises ApiError for a refusal and Refused where nobody answers."""
        headers = {"Accept": "application/json", "Content-Type": kind or "application/json"}
        self._client.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
        url = f"{self.server}{path}" + (f"?{urlencode(query)}" if query else "")
        content = None if body is None else json.dumps(body).encode()
        try:
            answer = self._client.rest_client.pool_manager.request(
                method, url, body=content, headers=headers, timeout=_SECONDS, retries=_RETRIES
            )
        except urllib3.exceptions.HTTPError as error:
            raise Refused(
                f"the Kubernetes API at {self.server} does not answer: {error}. Start the embedded cloud, "
                f"or see whether KUBECONFIG names a cluster that is up."
            ) from error
        if answer.status >= 400:
            raise _error(answer.status, answer.data)
        return json.loads(answer.data)


_RETRIES = urllib3.Retry(total=None, connect=2, read=0, redirect=0, status=0, backoff_factor=0.2)
"""A refused connection is tried again; a request that was sent is not sent twice."""


def _error(status: int, content: bytes) -> ApiError:
    try:
        said = json.loads(content)
    except ValueError:
        return ApiError(status, "", content.decode(errors="replace").strip() or f"HTTP {status}", ())
    causes = tuple((said.get("details") or {}).get("causes") or ())
    return ApiError(status, str(said.get("reason", "")), str(said.get("message", f"HTTP {status}")), causes)
