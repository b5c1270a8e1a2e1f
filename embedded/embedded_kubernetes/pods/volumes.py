"""A folder for each PersistentVolumeClaim: what the provisioner of a storage class does on a real cluster.

https://kubernetes.io/docs/concepts/storage/persistent-volumes/#lifecycle-of-a-volume-and-claim
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from embedded_kubernetes.objects.api import Api, ApiError, Object, name_of
from embedded_kubernetes.objects.cache import Cache

_OURS = "embedded.agent-hosting/folder"
_SELECTED_NODE = "volume.kubernetes.io/selected-node"
_NO_PROVISIONER = "kubernetes.io/no-provisioner"


class Volumes:
    def __init__(self, api: Api, folder: Path, log: Callable[[str], None]) -> None:
        self._api, self._folder, self._log = api, folder, log
        self.claims = Cache(
            api,
            "/api/v1/persistentvolumeclaims",
            log=log,
            changed=lambda kind, claim: self._claim(kind, claim),
        )
        self._volumes = Cache(
            api, "/api/v1/persistentvolumes", log=log, changed=lambda kind, held: self._volume(kind, held)
        )

    def start(self) -> None:
        self.claims.start()
        self._volumes.start()

    def stop(self) -> None:
        self.claims.stop()
        self._volumes.stop()

    def folder(self, pod: Object, definition: Object) -> Path | None:
        """Of the first volume with a claim that the container mounts; None where there is none."""
        claims = _claims(pod)
        namespace = pod["metadata"]["namespace"]
        for mount in definition.get("volumeMounts") or ():
            name = claims.get(mount["name"])
            if name is not None:
                claim = self._api.get(f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/{name}")
                path = self._folder / claim["spec"]["volumeName"] / (mount.get("subPath") or "")
                path.mkdir(parents=True, exist_ok=True)
                return path
        return None

    def _claim(self, kind: str, claim: Object) -> None:
        spec, annotations = claim["spec"], claim["metadata"].get("annotations") or {}
        if kind == "DELETED" or spec.get("volumeName") or not spec.get("storageClassName"):
            return
        storage = self._api.find(f"/apis/storage.k8s.io/v1/storageclasses/{spec['storageClassName']}")
        if storage is None or storage["provisioner"] == _NO_PROVISIONER:
            return
        if storage.get("volumeBindingMode") == "WaitForFirstConsumer" and _SELECTED_NODE not in annotations:
            return  # the scheduler says so once a pod asks for it
        try:
            self._api.post("/api/v1/persistentvolumes", self._made(claim, storage))
        except ApiError as error:
            if error.status != 409:  # made already
                raise

    def _made(self, claim: Object, storage: Object) -> Object:
        name = f"pvc-{claim['metadata']['uid']}"
        folder = self._folder / name
        folder.mkdir(parents=True, exist_ok=True)
        namespace, claimed = name_of(claim)
        return {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {
                "name": name,
                "annotations": {"pv.kubernetes.io/provisioned-by": storage["provisioner"], _OURS: name},
            },
            "spec": {
                "accessModes": claim["spec"]["accessModes"],
                "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
                "persistentVolumeReclaimPolicy": storage.get("reclaimPolicy") or "Delete",
                "storageClassName": storage["metadata"]["name"],
                "volumeMode": claim["spec"].get("volumeMode") or "Filesystem",
                "hostPath": {"path": str(folder), "type": "Directory"},
                "claimRef": {
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    "namespace": namespace,
                    "name": claimed,
                    "uid": claim["metadata"]["uid"],
                },
            },
        }

    def _volume(self, kind: str, volume: Object) -> None:
        """Nobody claims it any more: a retained one stays, with its folder."""
        name = (volume["metadata"].get("annotations") or {}).get(_OURS)
        policy = volume["spec"].get("persistentVolumeReclaimPolicy")
        released = (volume.get("status") or {}).get("phase") == "Released"
        if name is None or kind == "DELETED" or policy != "Delete" or not released:
            return
        shutil.rmtree(self._folder / name, ignore_errors=True)
        self._api.delete(f"/api/v1/persistentvolumes/{volume['metadata']['name']}")


def _claims(pod: Object) -> dict[str, str]:
    """Volume of the pod -> name of its claim."""
    found: dict[str, str] = {}
    for volume in pod["spec"].get("volumes") or ():
        source: Any = volume.get("persistentVolumeClaim")
        if source:
            found[volume["name"]] = source["claimName"]
        elif "ephemeral" in volume:
            found[volume["name"]] = f"{pod['metadata']['name']}-{volume['name']}"
    return found
