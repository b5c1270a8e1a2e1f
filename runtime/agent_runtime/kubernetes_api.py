"""The API of an EKS cluster, for the two calls that moving traffic takes: no client library in a Lambda."""

import base64
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from typing import Any, Final

from agent_runtime.errors import ClusterUnavailable

_SECONDS: Final = 10
_TOKEN_SECONDS: Final = 60
"""EKS takes a token for 15 minutes, of which its signature holds this long."""


class StaleObject(Exception):
    """Somebody changed the object since it was read."""


class KubernetesApi:
    """`endpoint` is an https address, `certificate_authority` who signed it, in base64; `token` proves who
    calls. Raises `ClusterUnavailable`."""

    def __init__(self, endpoint: str, certificate_authority: str, token: Callable[[], str]) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._trusted = ssl.create_default_context(
            cadata=base64.b64decode(certificate_authority).decode() if certificate_authority else None
        )
        self._token = token

    def get(self, path: str) -> dict[str, Any]:
        """The object at `path`."""
        return self._call("GET", path)

    def merge(self, path: str, changes: dict[str, Any]) -> dict[str, Any]:
        """Merge `changes` into the object at `path`. With `metadata.resourceVersion` in them they count for
        that version alone: raises `StaleObject`.

        https://kubernetes.io/docs/reference/using-api/api-concepts/#patch-and-apply
        """
        return self._call("PATCH", path, changes)

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310  the address is EKS's own
            f"{self._endpoint}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "accept": "application/json",
                "authorization": f"Bearer {self._token()}",
                "content-type": "application/merge-patch+json",
                "user-agent": "agent-runtime",
            },
        )
        try:
            opened = urllib.request.urlopen(request, timeout=_SECONDS, context=self._trusted)  # noqa: S310
            with opened as answer:
                return dict(json.loads(answer.read()))
        except urllib.error.HTTPError as error:
            said = _message(error)
            if error.code == 409:
                raise StaleObject(said) from None
            raise ClusterUnavailable(f"{method} {path}: {error.code} {said}", error.code) from error
        except (OSError, HTTPException, TypeError, ValueError) as error:
            raise ClusterUnavailable(f"{method} {path}: {error}", 0) from error


def eks_token(sts: Any, cluster_name: str) -> str:
    """A token of EKS: a signed question who one is, which EKS asks in our name. `sts` is boto3's client.

    https://github.com/kubernetes-sigs/aws-iam-authenticator#api-authorization-from-outside-a-cluster
    """

    def name_cluster(request: Any, **_: Any) -> None:
        request.headers["x-k8s-aws-id"] = cluster_name  # signed: the token opens this cluster alone

    event = "before-sign.sts.GetCallerIdentity"
    sts.meta.events.register(event, name_cluster)
    try:
        url = sts.generate_presigned_url("get_caller_identity", ExpiresIn=_TOKEN_SECONDS, HttpMethod="GET")
    finally:
        sts.meta.events.unregister(event, name_cluster)
    return "k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


def _message(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read())["message"])
    except (OSError, ValueError, KeyError, TypeError):
        return str(error.reason)
