"""What changed between two versions of a program's inputs, and which changes replace the object."""

import re
from collections.abc import Iterator
from typing import Any

from pulumi.provider.experimental import provider as api

from embedded_aws.provider.inputs import diff_kind
from embedded_aws.provider.values import Properties, Unknown, same
from embedded_kubernetes.provider.manifests import is_autonamed, metadata_of
from embedded_kubernetes.provider.tokens import Kind

_ALWAYS = ("apiVersion", "kind", "metadata.name", "metadata.namespace")
_CONTAINER = (
    *("args", "command", "env", "imagePullPolicy", "lifecycle", "livenessProbe", "ports", "readinessProbe"),
    *("image", "resources", "securityContext", "stdin", "stdinOnce", "terminationMessagePath", "tty"),
    *("terminationMessagePolicy", "volumeDevices", "volumeMounts", "workingDir"),
)
_POD = (
    *("affinity", "automountServiceAccountToken", "dnsConfig", "dnsPolicy", "enableServiceLinks", "overhead"),
    *("hostAliases", "hostIPC", "hostNetwork", "hostPID", "hostname", "imagePullSecrets", "nodeName"),
    *("nodeSelector", "preemptionPolicy", "priority", "priorityClassName", "readinessGates", "volumes"),
    *("restartPolicy", "runtimeClassName", "schedulerName", "securityContext", "serviceAccount", "subdomain"),
    *("serviceAccountName", "shareProcessNamespace", "terminationGracePeriodSeconds"),
)
_VOLUME = (
    *("awsElasticBlockStore", "azureDisk", "azureFile", "cephfs", "cinder", "csi", "fc", "flexVolume", "nfs"),
    *("flocker", "gcePersistentDisk", "glusterfs", "hostPath", "iscsi", "local", "photonPersistentDisk"),
    *("portworxVolume", "quobyte", "rbd", "scaleIO", "storageos", "vsphereVolume"),
)


def _spec(*names: str) -> tuple[str, ...]:
    return tuple(f"spec.{name}" for name in names)


REPLACES: dict[tuple[str, str], tuple[str, ...]] = {
    ("apps", "DaemonSet"): ("spec.selector",),
    ("apps", "Deployment"): ("spec.selector",),
    ("apps", "StatefulSet"): _spec(
        "podManagementPolicy", "revisionHistoryLimit", "selector", "serviceName", "volumeClaimTemplates"
    ),
    ("batch", "Job"): _spec("completions", "parallelism", "selector", "template"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): ("roleRef",),
    ("rbac.authorization.k8s.io", "RoleBinding"): ("roleRef",),
    ("storage.k8s.io", "StorageClass"): ("parameters", "provisioner"),
    ("", "PersistentVolume"): _spec(*_VOLUME),
    ("", "PersistentVolumeClaim"): _spec("accessModes", "selector", "storageClassName", "volumeName"),
    ("", "Pod"): _spec(
        *_POD, *(f"{kind}[].{name}" for kind in ("containers", "initContainers") for name in _CONTAINER)
    ),
    ("", "ResourceQuota"): ("spec.scopes",),
    ("", "Secret"): ("type",),
    ("", "Service"): ("spec.clusterIP",),
}
"""As the official provider has it. `[]` is any element of a list."""

_CONTENTS = {("", "Secret"): ("data", "stringData"), ("", "ConfigMap"): ("data", "binaryData")}
"""Replaced with their object too, so that what reads it gets a new name: unless the provider resource says
that they are mutable and the object does not say the contrary."""


def replacing(kind: Kind, new: Properties, mutable: frozenset[str]) -> tuple[str, ...]:
    """Paths whose change replaces an object. `mutable` names the kinds whose contents change in place."""
    fixed = new.get("immutable") is True or kind.name not in mutable
    return (*_ALWAYS, *REPLACES.get(kind.key, ()), *(_CONTENTS.get(kind.key, ()) if fixed else ()))


def differences(old: Properties, new: Properties) -> dict[str, tuple[bool, bool]]:
    """Property path -> whether it was there before, and is there now; the deepest paths that differ."""
    return dict(_differences(old, new, ""))


def _differences(old: Any, new: Any, path: str) -> Iterator[tuple[str, tuple[bool, bool]]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted(old.keys() | new.keys()):
            yield from _differences(old.get(name), new.get(name), _joined(path, name))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, pair in enumerate(zip(old, new, strict=True)):
            yield from _differences(*pair, f"{path}[{number}]")
    elif isinstance(new, Unknown) or not same(old, new):
        yield path, (old is not None, new is not None)


def _joined(path: str, name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        return f'{path}["{name}"]'
    return f"{path}.{name}" if path else name


def is_under(path: str, pattern: str) -> bool:
    """Whether a change at `path` is one of `pattern`: at it, within it, or of all that holds it."""
    path, pattern = re.sub(r"\[\d+\]", "[]", path), pattern
    if re.match(re.escape(pattern) + r"(?![\w-])", path):
        return True
    return bool(re.match(re.escape(path) + r"[.\[]", pattern))


def diff(kind: Kind, old: Properties, new: Properties, mutable: frozenset[str]) -> api.DiffResponse:
    changed, patterns = differences(old, new), replacing(kind, new, mutable)
    replaces = [path for path in changed if any(is_under(path, pattern) for pattern in patterns)]
    return api.DiffResponse(
        changes=bool(changed),
        replaces=replaces,
        diffs=sorted({re.split(r"[.\[]", path)[0] for path in changed}),
        detailed_diff={
            path: api.PropertyDiff(diff_kind(*there, path in replaces), input_diff=True)
            for path, there in changed.items()
        },
        delete_before_replace=bool(replaces) and not is_autonamed(new) and _same_place(old, new),
    )


def _same_place(old: Properties, new: Properties) -> bool:
    """Two objects of one name and namespace cannot be there at once."""
    before, after = metadata_of(old), metadata_of(new)
    return all(before.get(part) == after.get(part) for part in ("name", "namespace"))
