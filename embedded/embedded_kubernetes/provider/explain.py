"""What the API server's refusals mean to who wrote the program: what, where, and what to do."""

import re
from collections import defaultdict

from embedded_kubernetes.provider.connection import ApiError
from embedded_kubernetes.provider.tokens import Kind

_INSTALLED_BY = {
    "argoproj.io": "Argo Rollouts",
    "keda.sh": "KEDA",
    "gateway.networking.k8s.io": "the Gateway API (a Gateway controller brings it)",
    "agents.x-k8s.io": "agent-sandbox",
    "extensions.agents.x-k8s.io": "agent-sandbox",
    "external-secrets.io": "the External Secrets Operator",
    "karpenter.sh": "Karpenter",
    "karpenter.k8s.aws": "Karpenter for AWS",
}
_IMMUTABLE = re.compile(r"immutable|are forbidden|may not be changed|may not change")


def no_such_kind(kind: Kind, server: str) -> str:
    by = _INSTALLED_BY.get(kind.group)
    what = f"{by} installs it" if by else "the CustomResourceDefinition of its group installs it"
    return (
        f"the cluster at {server} has no kind {kind}: {what}. Install that first (a kubernetes:helm.sh/v3:"
        f"Release is only recorded here), or make what needs it depend on its CustomResourceDefinition."
    )


def explain(error: ApiError, where: str, *, updating: bool = False) -> str:
    """`where` names the object, as `StatefulSet agents/researcher`."""
    if error.status == 409 and any(c.get("reason") == "FieldManagerConflict" for c in error.causes):
        return f"{where}: {_conflict(error)}"
    hint = ""
    if updating and error.status == 422 and _IMMUTABLE.search(error.message):
        hint = ". To replace the object, name the property in the resource's option replace_on_changes"
    return f"{where}: {error.message}{hint}"


def _conflict(error: ApiError) -> str:
    owned: dict[str, list[str]] = defaultdict(list)
    for cause in error.causes:
        owned[cause.get("message", "conflict").removeprefix("conflict with ")].append(cause.get("field", "?"))
    owners = "; ".join(f"{', '.join(sorted(fields))} by {owner}" for owner, fields in sorted(owned.items()))
    return (
        f"conflict: another field manager owns what this applies: {owners}. Leave these fields out of the "
        f'program, or take them over with the annotation pulumi.com/patchForce: "true".'
    )


_UNKNOWN_FIELD = re.compile(r"(\.[^\s:,]+): field not declared in schema|unknown field \"([^\"]+)\"")


def unknown_fields(error: ApiError) -> list[str]:
    """Fields that no such kind has: a mistake whatever the unknown values beside them turn out to be."""
    return sorted({(a or b).lstrip(".") for a, b in _UNKNOWN_FIELD.findall(error.message)})
