"""A valid pod, and the objects in which one may sit."""

import re
from typing import Any

from policies.framework.resource import Resource
from tests.policies.judging import ABSENT, resource

DIGEST = "sha256:" + "a" * 64
IMAGE = f"registry.example.com:5000/agents/handbook:1.4@{DIGEST}"
LABELS = {"app": "handbook"}
SIZE = {"cpu": "250m", "memory": "512Mi"}
CONTAINER: dict[str, Any] = {
    "name": "agent",
    "image": IMAGE,
    "env": [{"name": "AGENT_PORT", "value": "8080"}],
    "ports": [{"name": "http", "containerPort": 8080}],
    "resources": {"requests": {**SIZE}, "limits": {**SIZE}},
    "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http"}},
    "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}},
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    },
}
SPEC: dict[str, Any] = {
    "serviceAccountName": "handbook",
    "automountServiceAccountToken": False,
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [CONTAINER],
    "volumes": [{"name": "scratch", "emptyDir": {}}],
}
PLACES = {
    "Pod": "",
    "PodTemplate": "template",
    "CronJob": "spec.jobTemplate.spec.template",
    "ScaledJob": "spec.jobTargetRef.template",
    "Sandbox": "spec.podTemplate",
    "SandboxTemplate": "spec.podTemplate",
}
TYPES = [
    "core/v1:Pod",
    "v1:Pod",
    "core/v1:PodTemplate",
    "core/v1:ReplicationController",
    *(f"apps/v1:{kind}" for kind in ("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet")),
    *(f"apps/{version}:Deployment" for version in ("v1beta1", "v1beta2")),
    *(f"extensions/v1beta1:{kind}" for kind in ("DaemonSet", "Deployment", "ReplicaSet")),
    "batch/v1:Job",
    "batch/v1:CronJob",
    "batch/v1beta1:CronJob",
    "argoproj.io/v1alpha1:Rollout",
    "keda.sh/v1alpha1:ScaledJob",
    "agents.x-k8s.io/v1alpha1:Sandbox",
    "agents.x-k8s.io/v1beta1:Sandbox",
    "extensions.agents.x-k8s.io/v1alpha1:SandboxTemplate",
]


def put(held: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of `held` with `value` at `path`, such as `containers[0].image`, or without it by ABSENT."""
    fresh: dict[str, Any] = _copied(held)
    at: Any = fresh
    *before, last = [int(n) if n else key for key, n in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path)]
    for part in before:
        at = at[part] if isinstance(at, list) else at.setdefault(part, {})
    if value is ABSENT:
        at.pop(last, None)
    else:
        at[last] = value
    return fresh


def _copied(held: Any) -> Any:
    """A deep copy, in which UNKNOWN stays the one that it is."""
    if isinstance(held, dict):
        return {key: _copied(value) for key, value in held.items()}
    return [_copied(item) for item in held] if isinstance(held, list) else held


def document(kind: str, spec: Any, name: str = "handbook", **metadata: Any) -> dict[str, Any]:
    """An object of the kind around a pod's spec; `labels` are those of the pod."""
    labels = metadata.pop("labels", LABELS)
    named = {"name": name, "namespace": "agents", **metadata}
    if kind == "Pod":
        return {"metadata": {**named, "labels": labels}, "spec": spec}
    template = {"metadata": {"labels": labels}, "spec": spec}
    return put({"metadata": named}, PLACES.get(kind, "spec.template"), template)


def workload(
    spec: Any = SPEC, type_: str = "apps/v1:Deployment", name: str = "handbook", **metadata: Any
) -> Resource:
    return resource(f"kubernetes:{type_}", name, document(type_.rpartition(":")[2], spec, name, **metadata))


def thing(type_: str, name: str, namespace: str | None = "agents", **held: Any) -> Resource:
    """Any other object of the cluster."""
    metadata = {"name": name, "namespace": namespace, **held.pop("metadata", {})}
    return resource(f"kubernetes:{type_}", name, {"metadata": metadata, **held})


def pod(path: str = "", value: Any = None, type_: str = "apps/v1:Deployment", **metadata: Any) -> Resource:
    """A workload whose pod has one thing changed."""
    return workload(put(SPEC, path, value) if path else SPEC, type_, **metadata)
