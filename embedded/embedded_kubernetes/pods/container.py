"""The container of a pod that is run here, and what its process is told: pure.

https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#Container
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from embedded_aws.tasks.container import Container
from embedded_aws.tasks.errors import NotStarted
from embedded_kubernetes.objects.api import Object

ARCHIVE_ANNOTATION = "agent-hosting/archive"
"""The annotation with the path of the zip that is the image: what its docker label is for an ECS task."""
IMAGES = "this-machine/"
GRACE_SECONDS = 30
"""terminationGracePeriodSeconds where it is not said."""
Data = Callable[[str, str], Mapping[str, str] | None]
"""(kind, name) -> what the ConfigMap or Secret of the pod's namespace holds; None where there is none."""
_REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z0-9_.-]+)\)")


def runnable(pod: Object) -> Object | None:
    """The first container whose image lies on this machine; the fake node plays all others."""
    return next((c for c in pod["spec"]["containers"] if str(c.get("image", "")).startswith(IMAGES)), None)


def container(pod: Object, definition: Object, given: Mapping[str, str], data: Data) -> Container:
    """`given` are variables of the host, which win over declared ones. Raises NotStarted."""
    archive = (pod["metadata"].get("annotations") or {}).get(ARCHIVE_ANNOTATION)
    if archive is None:
        raise NotStarted(
            f"the pod has no annotation {ARCHIVE_ANNOTATION}, which must be the path of the zip that is the "
            f"image {definition['image']}"
        )
    variables = {**variables_of(pod, definition, data), **given}
    command = (*(definition.get("command") or ()), *(definition.get("args") or ()))
    if not command:
        raise NotStarted(f"container {definition['name']} has no command: an image here has no entry point")
    grace = pod["spec"].get("terminationGracePeriodSeconds")
    return Container(
        name=definition["name"],
        image=definition["image"],
        archive=archive,
        arguments=tuple(expanded(word, variables) for word in command),
        variables=variables,
        secrets={},
        essential=True,
        stop_seconds=float(GRACE_SECONDS if grace is None else grace),
        health=None,
        log_driver=None,
        log_options={},
    )


def variables_of(pod: Object, definition: Object, data: Data) -> dict[str, str]:
    """`envFrom` first, then `env` in its order, of which each may name those before it."""
    found: dict[str, str] = {}
    for source in definition.get("envFrom") or ():
        prefix = source.get("prefix") or ""
        for kind, key in (("ConfigMap", "configMapRef"), ("Secret", "secretRef")):
            if key in source:
                held = _held(kind, source[key], data) or {}
                found |= {f"{prefix}{name}": value for name, value in held.items()}
    for one in definition.get("env") or ():
        source = one.get("valueFrom")
        value = expanded(one.get("value") or "", found) if source is None else _value(pod, source, data)
        if value is not None:
            found[one["name"]] = value
    return found


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """`$(NAME)` is the variable, an unknown one stays as it is, and `$$` is a dollar."""

    def replaced(match: re.Match[str]) -> str:
        return "$" if match[1] is None else variables.get(match[1], match[0])

    return _REFERENCE.sub(replaced, text)


def _value(pod: Object, source: Mapping[str, Any], data: Data) -> str | None:
    if "fieldRef" in source:
        return _field(pod, source["fieldRef"]["fieldPath"])
    for kind, key in (("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")):
        if key in source:
            reference = source[key]
            held = _held(kind, reference, data)
            if held is not None and reference["key"] not in held and not reference.get("optional"):
                raise NotStarted(f"couldn't find key {reference['key']} in {kind} {reference.get('name')}")
            return (held or {}).get(reference["key"])
    raise NotStarted(f"the embedded cluster gives no variable from {', '.join(source)}")


def _held(kind: str, reference: Mapping[str, Any], data: Data) -> Mapping[str, str] | None:
    held = data(kind, reference.get("name", ""))
    if held is None and not reference.get("optional"):
        raise NotStarted(f"{kind} {reference.get('name')} not found")
    return held


def _field(pod: Object, path: str) -> str:
    """https://kubernetes.io/docs/concepts/workloads/pods/downward-api/#available-fields"""
    keyed = re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path)
    if keyed is not None:
        return str((pod["metadata"].get(keyed[1]) or {}).get(keyed[2], ""))
    metadata, spec, status = pod["metadata"], pod["spec"], pod.get("status") or {}
    found = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata.get("namespace", ""),
        "metadata.uid": metadata["uid"],
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", ""),
        "status.podIP": status.get("podIP", ""),
        "status.hostIP": status.get("hostIP", ""),
    }.get(path)
    if found is None:
        raise NotStarted(f"the embedded cluster gives no variable from the field {path}")
    return str(found)
