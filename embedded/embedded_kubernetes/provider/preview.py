"""What can be said of a change before it is made: the API server judges it in a dry run."""

from typing import Any

from embedded_aws.provider.protocol import Refused
from embedded_aws.provider.values import Properties, Unknown
from embedded_kubernetes.provider.api import Api, Endpoint
from embedded_kubernetes.provider.connection import ApiError, Object
from embedded_kubernetes.provider.explain import explain, unknown_fields
from embedded_kubernetes.provider.manifests import body_is_known, manifest_of, metadata_of, without_unknown

_ELSEWHERE = "default"
"""A namespace that every cluster has: its schema is every namespace's."""
_INVALID = (400, 422)
_NO_SUCH_TYPE = "failed to create typed patch object"
"""How the server begins to tell of fields that do not fit the schema, with a status of its own fault."""


def dry_run(
    api: Api, endpoint: Endpoint, inputs: Properties, where: str, options: dict[str, Any]
) -> Object | None:
    """The object as the server would have it; None where that cannot be known yet. Raises Refused for what
    it would not take."""
    manifest = manifest_of(inputs)
    if not body_is_known(inputs):
        _judge_known_part(api, endpoint, manifest, where)
        return None
    try:
        return api.apply(endpoint, manifest, dry_run=True, **options)
    except ApiError as error:
        if error.status == 404 and "namespaces" in error.message:
            _judge_elsewhere(api, endpoint, manifest, where)
            return None
        raise


def _judge_known_part(api: Api, endpoint: Endpoint, manifest: Object, where: str) -> None:
    """Only fields that do not exist are mistakes for sure: all else may be complete with what is unknown."""
    if isinstance(manifest.get("metadata"), Unknown):
        return
    try:
        api.apply(endpoint, _moved(without_unknown(manifest), endpoint), dry_run=True)
    except ApiError as error:
        found = unknown_fields(error)
        if found:
            raise Refused(f"{where}: no such field: {', '.join(found)}") from error


def _judge_elsewhere(api: Api, endpoint: Endpoint, manifest: Object, where: str) -> None:
    """The namespace is not there, perhaps not yet: what no namespace would take is a mistake all the same."""
    try:
        api.apply(endpoint, _moved(manifest, endpoint), dry_run=True)
    except ApiError as error:
        if error.status in _INVALID or error.message.startswith(_NO_SUCH_TYPE):
            raise Refused(explain(error, where)) from error


def _moved(manifest: Object, endpoint: Endpoint) -> Object:
    """Under a name that no object has, in a namespace that is there."""
    name = str(metadata_of(manifest).get("name") or "unnamed")
    metadata = {**metadata_of(manifest), "name": f"{name[:40].rstrip('-.')}-pulumi-preview"}
    if endpoint.namespaced:
        metadata["namespace"] = _ELSEWHERE
    return {**manifest, "metadata": metadata}
