"""How each program of a cluster is called."""

from dataclasses import replace
from pathlib import Path

from embedded_kubernetes.plan import Server, Storage
from embedded_kubernetes.ports import HOST, Ports
from embedded_kubernetes.programs import Program
from embedded_kubernetes.toolchain import Binaries

SERVICES = "10.96.0.0/16"
_MEMORY = "350MiB"
"""Above it Go's collector works harder: a third less memory for definitions that are rarely read."""
FAKE = "kwok.x-k8s.io/node=fake"
"""The annotation of the nodes that kwok plays."""


def etcd(binaries: Binaries, plan: Storage) -> Program:
    certificate, key = plan.server
    peer = f"http://{HOST}:{plan.peer_port}"
    return _program(
        "etcd",
        binaries.etcd,
        data_dir=plan.data,
        listen_client_urls=plan.url,
        advertise_client_urls=plan.url,
        listen_peer_urls=peer,
        initial_advertise_peer_urls=peer,
        initial_cluster=f"default={peer}",
        cert_file=certificate,
        key_file=key,
        client_cert_auth="true",
        trusted_ca_file=plan.authority,
        # What a power failure loses here can be deployed again; each write would wait for the disk.
        unsafe_no_fsync="true",
        log_level="warn",
    )


def api_server(binaries: Binaries, plan: Server, storage: Storage) -> Program:
    certificate, key = plan.certificate
    etcd_certificate, etcd_key = storage.client
    private, public = plan.service_accounts
    webhook = {
        "authentication_token_webhook_config_file": plan.token_webhook,
        "authentication_token_webhook_version": "v1",
        # An access entry that is taken away must not admit for two minutes more.
        "authentication_token_webhook_cache_ttl": "1s",
    }
    program = _program(
        "kube-apiserver",
        binaries.kube_apiserver,
        bind_address=HOST,
        advertise_address=HOST,
        secure_port=plan.port,
        endpoint_reconciler_type="none",  # refuses an address of the loopback interface
        service_cluster_ip_range=SERVICES,
        etcd_servers=storage.url,
        etcd_cafile=storage.authority,
        etcd_certfile=etcd_certificate,
        etcd_keyfile=etcd_key,
        tls_cert_file=certificate,
        tls_private_key_file=key,
        client_ca_file=plan.authority,
        anonymous_auth="false",
        authorization_mode="RBAC",
        allow_privileged="true",  # whether a pod may be privileged is for Pod Security to say, as on EKS
        service_account_issuer="https://kubernetes.default.svc",
        service_account_key_file=public,
        service_account_signing_key_file=private,
        encryption_provider_config=plan.encryption,
        profiling="false",
        **(webhook if plan.token_webhook else {}),
    )
    return replace(program, variables={"GOMEMLIMIT": _MEMORY})


def controller_manager(binaries: Binaries, kubeconfig: Path, server: Server) -> Program:
    return _program(
        "kube-controller-manager",
        binaries.kube_controller_manager,
        kubeconfig=kubeconfig,
        root_ca_file=server.authority,
        service_account_private_key_file=server.service_accounts[0],
        use_service_account_credentials="true",
        leader_elect="false",
        secure_port=0,
        profiling="false",
    )


def scheduler(binaries: Binaries, kubeconfig: Path) -> Program:
    return _program(
        "kube-scheduler",
        binaries.kube_scheduler,
        kubeconfig=kubeconfig,
        leader_elect="false",
        secure_port=0,
        profiling="false",
    )


def kwok(binaries: Binaries, kubeconfig: Path) -> Program:
    return _program(
        "kwok",
        binaries.kwok,
        kubeconfig=kubeconfig,
        config=Path(__file__).with_name("stages.yaml"),
        manage_nodes_with_annotation_selector=FAKE,
        node_ip=HOST,
        node_port=0,
        node_lease_duration_seconds=40,
    )


def rollouts_controller(binaries: Binaries, kubeconfig: Path, ports: Ports) -> Program:
    return Program(
        "rollouts-controller",
        [
            str(binaries.rollouts_controller),
            f"--kubeconfig={kubeconfig}",
            "--leader-elect=false",
            f"--metricsport={ports.rollouts_metrics}",
            f"--healthzPort={ports.rollouts_health}",
        ],
    )


def _program(name: str, binary: Path, **flags: object) -> Program:
    given = [f"--{flag.replace('_', '-')}={value}" for flag, value in flags.items()]
    return Program(name, [str(binary), *given])
