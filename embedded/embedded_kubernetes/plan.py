"""All that the programs of a cluster find in its state folder when they start: keys, accesses, files."""

from dataclasses import dataclass
from pathlib import Path

from embedded_kubernetes.certificates import Authority, signing_key
from embedded_kubernetes.files import write_encryption, write_kubeconfig, write_webhook
from embedded_kubernetes.ports import HOST, Ports

ADMIN = "admin"
_MASTERS = "system:masters"


@dataclass(frozen=True)
class Storage:
    """etcd, which only the API server may speak to."""

    data: Path
    client_port: int
    peer_port: int
    authority: Path
    server: tuple[Path, Path]
    client: tuple[Path, Path]

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.client_port}"


@dataclass(frozen=True)
class Server:
    """kube-apiserver."""

    port: int
    authority: Path
    certificate: tuple[Path, Path]
    service_accounts: tuple[Path, Path]
    encryption: Path
    token_webhook: Path | None

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}"


@dataclass(frozen=True)
class Plan:
    """Beside the two servers the kubeconfig of each client of theirs."""

    storage: Storage
    server: Server
    manager: Path
    scheduler: Path
    operators: Path


def admin_kubeconfig(state: Path) -> Path:
    return state / f"{ADMIN}.kubeconfig"


def prepare(state: Path, ports: Ports, token_review_url: str | None) -> Plan:
    """Writes what is missing; what was made once stays."""
    keys = state / "keys"
    keys.mkdir(exist_ok=True, mode=0o700)
    authority, storage_authority = Authority(keys, "cluster"), Authority(keys, "etcd")
    storage = Storage(
        data=state / "etcd",
        client_port=ports.etcd,
        peer_port=ports.etcd_peer,
        authority=storage_authority.certificate,
        server=storage_authority.issue("etcd-server", "etcd"),
        client=storage_authority.issue("etcd-client", "kube-apiserver"),
    )
    server = Server(
        port=ports.api,
        authority=authority.certificate,
        certificate=authority.issue("kube-apiserver", "kube-apiserver"),
        service_accounts=signing_key(keys),
        encryption=write_encryption(state / "encryption.json"),
        token_webhook=write_webhook(state / "webhook.json", token_review_url) if token_review_url else None,
    )

    def access(name: str, *groups: str) -> Path:
        client = authority.issue(name, f"system:{name}", groups=groups)
        return write_kubeconfig(state / f"{name}.kubeconfig", server.url, authority.certificate, client)

    access(ADMIN, _MASTERS)
    return Plan(
        storage,
        server,
        manager=access("kube-controller-manager"),
        scheduler=access("kube-scheduler"),
        operators=access("operators", _MASTERS),
    )
