"""What can be said of a change before it is made: the API server judges it in a dry run."""

import re
from dataclasses import dataclass
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
_TAKEN = re.compile("already allocated")
"""What two objects cannot have at once, such as an address: right for one that takes another's place."""


@dataclass(frozen=True)
class Trial:
    api: Api
    endpoint: Endpoint
    where: str
    options: dict[str, Any]
    """Of the application that it foretells."""

    def run(self, inputs: Properties, creating: bool) -> Object | None:
        """The object as the server would have it; None where that cannot be known yet.

        Raises ApiError or Refused for what the server would not take.
        """
        manifest = manifest_of(inputs)
        if not body_is_known(inputs):
            self._judge_known_part(manifest)
            return None
        try:
            return self.api.apply(self.endpoint, manifest, dry_run=True, **self.options)
        except ApiError as error:
            if error.status == 404 and "namespaces" in error.message:
                self._judge_elsewhere(manifest, _ELSEWHERE)
                return None
            if creating and error.status in (409, 422) and self._replaces_our_own(manifest):
                self._judge_elsewhere(manifest, metadata_of(manifest).get("namespace", ""))
                return None
            raise

    def _judge_known_part(self, manifest: Object) -> None:
        """Only fields that do not exist are mistakes for sure: what is unknown may complete all else."""
        if isinstance(manifest.get("metadata"), Unknown):
            return
        try:
            self.api.apply(self.endpoint, self._moved(without_unknown(manifest), _ELSEWHERE), dry_run=True)
        except ApiError as error:
            found = unknown_fields(error)
            if found:
                raise Refused(f"{self.where}: no such field: {', '.join(found)}") from error

    def _judge_elsewhere(self, manifest: Object, namespace: str) -> None:
        """Its place is not there yet, or still taken: what no place would take is a mistake all the same."""
        if not self.endpoint.namespaced:  # the names of some are prescribed
            return
        try:
            self.api.apply(self.endpoint, self._moved(manifest, namespace), dry_run=True)
        except ApiError as error:
            invalid = error.status in _INVALID or error.message.startswith(_NO_SUCH_TYPE)
            if invalid and not _TAKEN.search(error.message):
                raise Refused(explain(error, self.where)) from error

    def _replaces_our_own(self, manifest: Object) -> bool:
        """The engine asks for a new object while the old one, which it will delete first, is still there."""
        metadata = manifest["metadata"]
        live = self.api.read(self.endpoint, metadata.get("namespace", ""), metadata["name"])
        written = live["metadata"].get("managedFields", []) if live else []
        return any(
            entry.get("manager") == self.options["manager"] and entry.get("operation") == "Apply"
            for entry in written
        )

    def _moved(self, manifest: Object, namespace: str) -> Object:
        """Under a name that no object has."""
        name = str(metadata_of(manifest).get("name") or "unnamed")
        metadata = {**metadata_of(manifest), "name": f"{name[:40].rstrip('-.')}-pulumi-preview"}
        if self.endpoint.namespaced:
            metadata["namespace"] = namespace
        return {**manifest, "metadata": metadata}
