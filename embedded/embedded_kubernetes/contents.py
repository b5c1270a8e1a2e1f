"""What a new cluster holds: the operators' definitions, nodes in three zones, a class of volumes."""

import json
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from embedded_kubernetes.api import Api
from embedded_kubernetes.command_lines import FAKE

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
REGION = "eu-west-1"
ZONES = ("a", "b", "c")
_AT_ONCE = 4
_DISCOVERY = "application/json;v=v2;g=apidiscovery.k8s.io;as=APIGroupDiscoveryList"
"""All groups in one answer: a list of the definitions themselves would be four megabytes."""
_NAME = re.compile(r"^  name: (\S+\.\S+)$", re.MULTILINE)
_SIZE = {"cpu": "64", "memory": "256Gi", "pods": "110", "ephemeral-storage": "200Gi"}


def install_definitions(api: Api, files: Sequence[Path]) -> None:
    """Creates each, or brings one that an older version left up to date."""

    def install(file: Path) -> None:
        text = file.read_text()
        if not api.create(DEFINITIONS, text, "application/yaml"):
            api.apply(f"{DEFINITIONS}/{_name(text)}", text)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(install, files))


def unserved(api: Api, files: Sequence[Path]) -> set[str]:
    """Names of the definitions whose resources the API server does not serve yet."""
    groups: list[Any] = api.get("/apis", accept=_DISCOVERY)["items"]
    served = {
        f"{resource['resource']}.{group['metadata']['name']}"
        for group in groups
        for version in group.get("versions", [])
        for resource in version.get("resources", [])
    }
    return {_name(file.read_text()) for file in files} - served


def install_nodes(api: Api) -> None:
    for zone in ZONES:
        api.create("/api/v1/nodes", json.dumps(node(zone)))


def install_volumes(api: Api) -> None:
    api.create("/apis/storage.k8s.io/v1/storageclasses", json.dumps(STORAGE_CLASS))


def nodes_ready(api: Api) -> bool:
    items: list[Any] = api.get("/api/v1/nodes")["items"]
    return sum(_has(item, "Ready") for item in items) >= len(ZONES)


def accounts_ready(api: Api) -> bool:
    """Without it the first pod of a user would be refused."""
    return api.get("/api/v1/namespaces/default/serviceaccounts/default") is not None


def node(zone: str) -> dict[str, Any]:
    """A node as EKS labels it, played by kwok."""
    name, (annotation, value) = f"node-{zone}", FAKE.split("=")
    labels = {
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": "m7i.16xlarge",
        "topology.kubernetes.io/region": REGION,
        "topology.kubernetes.io/zone": f"{REGION}{zone}",
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels, "annotations": {annotation: value}},
        "status": {"allocatable": _SIZE, "capacity": _SIZE},
    }


STORAGE_CLASS: dict[str, Any] = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {
        "name": "gp3",
        "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
    },
    "provisioner": "ebs.csi.aws.com",
    "parameters": {"type": "gp3", "encrypted": "true"},
    "volumeBindingMode": "WaitForFirstConsumer",
    "allowVolumeExpansion": True,
}


def _has(item: Any, condition: str) -> bool:
    conditions = item.get("status", {}).get("conditions") or []
    return any(one["type"] == condition and one["status"] == "True" for one in conditions)


def _name(text: str) -> str:
    found = _NAME.search(text)
    assert found is not None, "a definition has a name"
    return found[1]
