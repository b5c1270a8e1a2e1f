"""Files that the programs of a cluster read: kubeconfigs, encryption of secrets, where to review tokens."""

import base64
import json
import os
from pathlib import Path

from embedded_kubernetes.certificates import write_secret


def write_kubeconfig(path: Path, url: str, authority: Path, client: tuple[Path, Path]) -> Path:
    """Everything within the one file, so that it can be taken elsewhere; JSON is YAML."""
    certificate, key = client
    cluster = {"server": url, "certificate-authority-data": _encoded(authority)}
    user = {"client-certificate-data": _encoded(certificate), "client-key-data": _encoded(key)}
    held = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "embedded",
        "contexts": [{"name": "embedded", "context": {"cluster": "embedded", "user": path.stem}}],
        "clusters": [{"name": "embedded", "cluster": cluster}],
        "users": [{"name": path.stem, "user": user}],
    }
    write_secret(path, json.dumps(held, indent=2).encode())
    return path


def write_encryption(path: Path) -> Path:
    """Secrets are encrypted in etcd, as EKS does it; the key is made once."""
    if not path.exists():
        key = {"name": "embedded", "secret": base64.b64encode(os.urandom(32)).decode()}
        providers = [{"secretbox": {"keys": [key]}}, {"identity": {}}]
        held = {
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "EncryptionConfiguration",
            "resources": [{"resources": ["secrets"], "providers": providers}],
        }
        write_secret(path, json.dumps(held).encode())
    return path


def write_webhook(path: Path, url: str) -> Path:
    """A webhook is named in the form of a kubeconfig."""
    held = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "reviewer",
        "contexts": [{"name": "reviewer", "context": {"cluster": "reviewer", "user": "api-server"}}],
        "clusters": [{"name": "reviewer", "cluster": {"server": url}}],
        "users": [{"name": "api-server", "user": {}}],
    }
    write_secret(path, json.dumps(held).encode())
    return path


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
