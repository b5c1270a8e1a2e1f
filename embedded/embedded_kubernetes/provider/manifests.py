"""From a program's inputs to the object that is applied, and from the server's object to a state."""

import base64
from typing import Any

from embedded_aws.provider.values import UNKNOWN, Properties, Unknown, has_unknown
from embedded_kubernetes.provider.connection import Object

AUTONAMED = "pulumi.com/autonamed"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_MADE_BY_SERVER = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink")
_CHOSEN_BY_SERVER = ("clusterIP", "clusterIPs", "healthCheckNodePort")


def metadata_of(values: Properties) -> Properties:
    """The metadata as far as they are known."""
    found = values.get("metadata")
    return found if isinstance(found, dict) else {}


def annotation(values: Properties, name: str) -> str:
    found = metadata_of(values).get("annotations")
    value = found.get(name) if isinstance(found, dict) else None
    return value if isinstance(value, str) else ""


def is_autonamed(inputs: Properties) -> bool:
    return annotation(inputs, AUTONAMED) == "true"


def name_it(inputs: Properties, old: Properties, logical_name: str, seed: bytes) -> None:
    """Adds a name of Pulumi's making to inputs without one; the one made before, where there is one."""
    metadata = inputs.setdefault("metadata", {})
    if isinstance(metadata, Unknown) or metadata.get("name") or metadata.get("generateName"):
        return
    annotations = metadata.setdefault("annotations", {})
    if isinstance(annotations, Unknown):
        return
    kept = metadata_of(old).get("name") if is_autonamed(old) else None
    metadata["name"] = kept or f"{logical_name}-{seed.hex()[:7].ljust(7, '0')}"
    annotations[AUTONAMED] = "true"


def identity(namespace: str, name: str) -> str:
    return f"{namespace}/{name}" if namespace else name


def split_identity(resource_id: str, *, namespaced: bool, default: str) -> tuple[str, str]:
    """(namespace, name) of an id: `namespace/name`, or a name alone."""
    namespace, _, name = resource_id.rpartition("/")
    return (namespace or default if namespaced else ""), name


def manifest_of(inputs: Properties) -> Object:
    """What is sent: the inputs without what they leave unsaid.

    The text of a Secret is sent as its data: of text the server does not note who wrote it, and keeps what
    the program no longer has.
    """
    sent = _pruned({key: value for key, value in inputs.items() if key != "status"})
    text = sent.get("stringData")
    if not secrets_of(inputs) or not isinstance(text, dict) or isinstance(sent.get("data"), Unknown):
        return sent
    encoded = {
        name: value if isinstance(value, Unknown) else base64.b64encode(str(value).encode()).decode()
        for name, value in text.items()
    }
    kept = {key: value for key, value in sent.items() if key != "stringData"}
    return {**kept, "data": {**sent.get("data", {}), **encoded}}


def _pruned(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _pruned(v) for k, v in value.items() if v is not None}
    return [_pruned(v) for v in value if v is not None] if isinstance(value, list) else value


def without_unknown(value: Any) -> Any:
    """What can be judged before the rest is known."""
    if isinstance(value, dict):
        return {k: without_unknown(v) for k, v in value.items() if not isinstance(v, Unknown)}
    if isinstance(value, list):
        return [without_unknown(v) for v in value if not isinstance(v, Unknown)]
    return value


def state_of(live: Object) -> Properties:
    """The object without the books that the server keeps of who wrote which field."""
    metadata = {k: v for k, v in live["metadata"].items() if k != "managedFields"}
    if LAST_APPLIED in (metadata.get("annotations") or {}):  # it repeats what may be a secret
        metadata["annotations"] = {k: v for k, v in metadata["annotations"].items() if k != LAST_APPLIED}
    return {**live, "metadata": metadata}


def expected(applied: Object, inputs: Properties) -> Properties:
    """The state of an object to be made, as a dry run foretells it: what the server chooses is unknown."""
    state = state_of(applied)
    metadata = {k: UNKNOWN if k in _MADE_BY_SERVER else v for k, v in state["metadata"].items()}
    spec = state.get("spec")
    if isinstance(spec, dict):
        given = inputs.get("spec")
        chosen = [k for k in _CHOSEN_BY_SERVER if k in spec and k not in (given or {})]
        state["spec"] = {**spec, **dict.fromkeys(chosen, UNKNOWN)}
    return {**state, "metadata": metadata, "status": UNKNOWN}


def expected_of_inputs(inputs: Properties) -> Properties:
    """As `expected`, where no dry run can tell more."""
    if not isinstance(inputs.get("metadata"), dict):
        return {**inputs, "status": UNKNOWN}
    return {**inputs, "metadata": {**inputs["metadata"], "uid": UNKNOWN}, "status": UNKNOWN}


def secrets_of(inputs: Properties) -> frozenset[str]:
    """Properties that are secret whatever the program says."""
    secret = inputs.get("kind") == "Secret" and inputs.get("apiVersion") == "v1"
    return frozenset({"data", "stringData"}) if secret else frozenset()


def body_is_known(inputs: Properties) -> bool:
    return not has_unknown({k: v for k, v in inputs.items() if k != "status"})
