"""From Pulumi's type tokens to kinds of the Kubernetes API, and the types that are no kind of it."""

import re
from dataclasses import dataclass

from embedded_aws.provider.protocol import Refused
from embedded_aws.provider.values import Properties

HELM_RELEASE = "kubernetes:helm.sh/v3:Release"

_NOT_HERE = {
    "yaml": "declare each object as a resource of its own",
    "kustomize": "declare each object as a resource of its own",
    "helm.sh": f"use {HELM_RELEASE}, which is recorded",
}
"""First word of the module -> what to do instead."""


@dataclass(frozen=True, order=True)
class Kind:
    """What the API calls a GroupVersionKind."""

    api_version: str
    name: str

    @property
    def group(self) -> str:
        """The empty string for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def key(self) -> tuple[str, str]:
        """The kind whatever its version."""
        return self.group, self.name

    def __str__(self) -> str:
        return f"{self.name} ({self.api_version})"


def own_type(token: str) -> str:
    """Of a resource whose URN names the types of the parents too."""
    return token.rsplit("$", 1)[-1]


def kind_of(token: str) -> Kind:
    """The kind of a type such as `kubernetes:core/v1:Pod` or `kubernetes:argoproj.io/v1alpha1:Rollout`.

    Raises Refused for types of the package that are no objects of the API.
    """
    token = own_type(token)
    found = re.fullmatch(r"kubernetes:([^:]+):(\w+)", token)
    if found is None:
        raise Refused(f"{token} is no type of the package kubernetes; they look like kubernetes:core/v1:Pod")
    module, name = found.groups()
    instead = _NOT_HERE.get(module.split("/")[0])
    if instead:
        raise Refused(f"the embedded Kubernetes has no {token}: {instead}.")
    if name.endswith("Patch") or (name.endswith("List") and "/" in module):
        raise Refused(f"the embedded Kubernetes has no {token}: declare the object itself, as a resource.")
    return Kind(module.removeprefix("core/"), name)


def mismatch(kind: Kind, inputs: Properties) -> list[tuple[str, str]]:
    """(property, reason) where the inputs name another kind than the resource's type does."""
    expected = {"apiVersion": kind.api_version, "kind": kind.name}
    return [
        (name, f"the resource's type says {value}, not {inputs[name]}")
        for name, value in expected.items()
        if isinstance(inputs.get(name), str) and inputs[name] != value
    ]
