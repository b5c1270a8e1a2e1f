"""The pods of one release: pure, so that a reader sees every field that the cluster gets."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from agent_hosting._container_releases import WorkerRelease
from agent_hosting._eks_limits import EksLimits
from agent_hosting._kubernetes import Document

PORT = 8080
CONTAINER = "agent"
ARCHIVE_ANNOTATION = "agent-hosting/archive"
"""Where the zip lies that the embedded cloud runs in place of an image."""
_GROUP = "agent-hosting"
_NOBODY = 65532
"""`nonroot` of the distroless images."""
_SETTLE_SECONDS = 5
"""In which a pod that goes leaves the endpoints of its Service while it still answers."""
_STARTUP_SECONDS = 120
_VOLUME, _VOLUME_PATH = "memory", "/var/lib/agent"
_PROCESSORS = {"arm64": "arm64", "x86_64": "amd64"}


def selector(agent: str, bundle_id: str | None = None) -> dict[str, str]:
    """Labels that find the pods of an agent, or of one of its releases. They never change."""
    found = {f"{_GROUP}/agent": agent}
    return found if bundle_id is None else {**found, f"{_GROUP}/bundle": bundle_id}


@dataclass(frozen=True)
class Pods:
    """What the pods of all releases of one agent share."""

    agent: str
    namespace: str
    service_account: str
    limits: EksLimits
    processor: str
    variables: Mapping[str, pulumi.Input[str]]

    def labels(self, release: WorkerRelease) -> pulumi.Output[dict[str, str]]:
        """Those that find the pods, and a short digest of each part of the bundle."""
        fixed = {
            "app.kubernetes.io/name": self.agent,
            "app.kubernetes.io/version": release.bundle_id,
            "app.kubernetes.io/managed-by": _GROUP,
            **selector(self.agent, release.bundle_id),
        }
        return pulumi.Output.from_input(release.labels).apply(
            lambda parts: {**fixed, **{f"{_GROUP}/{part}": text for part, text in json.loads(parts).items()}}
        )

    def template(
        self, release: WorkerRelease, variables: Mapping[str, pulumi.Input[str]], *, claims_volume: bool
    ) -> Document:
        """The pod template; `variables` are those of the release. `claims_volume` says whether the workload
        brings the volume for state that outlives the pod."""
        has_volume = claims_volume and self.limits.volume_gb > 0
        annotations = {ARCHIVE_ANNOTATION: release.archive} if release.archive is not None else {}
        spec: Document = {
            "serviceAccountName": self.service_account,
            # Pods speak with AWS by Pod Identity, and never with the Kubernetes API.
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": _NOBODY,
                "runAsGroup": _NOBODY,
                "fsGroup": _NOBODY,
                "fsGroupChangePolicy": "OnRootMismatch",
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "terminationGracePeriodSeconds": self.limits.stop_seconds + _SETTLE_SECONDS,
            "nodeSelector": {"kubernetes.io/arch": _PROCESSORS[self.processor]},
            "topologySpreadConstraints": [
                {
                    "maxSkew": 1,
                    "topologyKey": key,
                    # A zone that is full must not stop an agent.
                    "whenUnsatisfiable": "ScheduleAnyway",
                    "labelSelector": {"matchLabels": selector(self.agent, release.bundle_id)},
                }
                for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
            ],
            "containers": [self._container(release, variables, has_volume=has_volume)],
            "volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": "1Gi"}}],
        }
        return {"metadata": {"labels": self.labels(release), "annotations": annotations}, "spec": spec}

    def volume_claims(self, storage_class: str) -> list[Document]:
        """One for each pod of a workload that keeps pods by name."""
        if self.limits.volume_gb == 0:
            return []
        return [
            {
                "metadata": {"name": _VOLUME, "labels": selector(self.agent)},
                "spec": {
                    "accessModes": ["ReadWriteOncePod"],
                    "storageClassName": storage_class,
                    "resources": {"requests": {"storage": f"{self.limits.volume_gb}Gi"}},
                },
            }
        ]

    def _container(
        self, release: WorkerRelease, variables: Mapping[str, pulumi.Input[str]], *, has_volume: bool
    ) -> Document:
        told = {**self.variables, **self.limits.variables, **variables, "AGENT_PORT": str(PORT)}
        if has_volume:
            told["AGENT_VOLUME"] = _VOLUME_PATH
        size = {"cpu": cpu(self.limits.cpu_millicores), "memory": memory(self.limits.memory_mb)}
        alive = {"httpGet": {"path": "/healthz", "port": "http"}, "timeoutSeconds": 3}
        mounts = [{"name": "scratch", "mountPath": "/tmp"}]  # noqa: S108  an emptyDir of the pod's own
        if has_volume:
            mounts.append({"name": _VOLUME, "mountPath": _VOLUME_PATH})
        return {
            "name": CONTAINER,
            "image": release.image,
            "command": ["python", "-m", "agent_runtime", "serve"],
            "env": [*_from_pod(), *({"name": key, "value": told[key]} for key in sorted(told))],
            "ports": [{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
            # Requests as large as limits: a pod is never killed for what its neighbours take.
            "resources": {"requests": size, "limits": size},
            "startupProbe": {**alive, "periodSeconds": 2, "failureThreshold": _STARTUP_SECONDS // 2},
            "livenessProbe": {**alive, "periodSeconds": 10, "failureThreshold": 6},
            "readinessProbe": {
                "httpGet": {"path": "/readyz", "port": "http"},
                "timeoutSeconds": 3,
                "periodSeconds": 5,
                "failureThreshold": 2,
            },
            "lifecycle": {"preStop": {"sleep": {"seconds": _SETTLE_SECONDS}}},
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
                "runAsNonRoot": True,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "volumeMounts": mounts,
        }


def cpu(millicores: int) -> str:
    """As Kubernetes writes it: another spelling of the same would be changed by whoever reads and writes the
    template, and differ from then on."""
    return str(millicores // 1000) if millicores % 1000 == 0 else f"{millicores}m"


def memory(megabytes: int) -> str:
    """As Kubernetes writes it."""
    return f"{megabytes // 1024}Gi" if megabytes % 1024 == 0 else f"{megabytes}Mi"


def _from_pod() -> list[Document]:
    """What only the pod itself knows; an address is built from what stands before it."""
    fields: tuple[tuple[str, str], ...] = (
        ("AGENT_POD_NAME", "metadata.name"),
        ("AGENT_POD_IP", "status.podIP"),
    )
    told: list[Any] = [
        {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}
        for name, path in fields
    ]
    return [*told, {"name": "AGENT_ADDRESS", "value": f"http://$(AGENT_POD_IP):{PORT}"}]
