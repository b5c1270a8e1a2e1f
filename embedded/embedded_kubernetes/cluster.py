"""A Kubernetes cluster on 127.0.0.1: the real API server and controllers, and nodes that kwok plays."""

import json
import time
from collections.abc import Callable
from pathlib import Path

from embedded_aws.toolchain.cache import Say
from embedded_kubernetes import command_lines, contents
from embedded_kubernetes.api import Api, until
from embedded_kubernetes.plan import admin_kubeconfig, prepare
from embedded_kubernetes.ports import chosen_ports
from embedded_kubernetes.programs import ClusterFailed, Programs
from embedded_kubernetes.toolchain import binaries, definitions

__all__ = ["Cluster", "ClusterFailed"]

_READY_SECONDS = 180.0
"""Thirty seconds were seen on two processors that a dozen other programs wanted."""


class Cluster:
    """One cluster, whose objects, keys and address are kept in its state folder for its next start."""

    def __init__(self, state: Path, *, token_review_url: str | None = None) -> None:
        """`token_review_url` says who bears a token that the API server does not know itself."""
        self._state, self._token_review_url = state.absolute(), token_review_url
        self.kubeconfig = admin_kubeconfig(self._state)
        """An administrator's, for whoever may read the state folder."""
        self._programs: Programs | None = None
        self._api: Api | None = None

    @property
    def url(self) -> str:
        held = json.loads(self.kubeconfig.read_text())
        return held["clusters"][0]["cluster"]["server"]

    @property
    def certificate_authority(self) -> str:
        """In base64, as EKS gives it."""
        held = json.loads(self.kubeconfig.read_text())
        return held["clusters"][0]["cluster"]["certificate-authority-data"]

    @property
    def pids(self) -> dict[str, int]:
        """Program -> process, as far as it was started."""
        return dict(self._programs.pids) if self._programs else {}

    def start(self, say: Say) -> None:
        """Returns once the API server answers, serves every definition and has its nodes."""
        tools, definition_files = binaries(say), sorted(definitions(say).glob("*.yaml"))
        began = time.monotonic()
        self._state.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._state.chmod(0o700)
        ports = chosen_ports(self._state / "ports.json")
        plan = prepare(self._state, ports, self._token_review_url)
        self._programs = programs = Programs(self._state, self._state / "logs")
        try:
            say("starting etcd and kube-apiserver")
            programs.start(command_lines.etcd(tools, plan.storage))
            programs.start(command_lines.api_server(tools, plan.server, plan.storage))
            self._api = api = Api(self.kubeconfig)
            self._until("kube-apiserver", "is not ready", api.is_ready)
            say("starting the controllers, and nodes in three zones")
            programs.start(command_lines.controller_manager(tools, plan.manager, plan.server))
            programs.start(command_lines.scheduler(tools, plan.scheduler))
            programs.start(command_lines.kwok(tools, plan.operators))
            contents.install_nodes(api)
            contents.install_volumes(api)
            self._define(definition_files, say)
            programs.start(command_lines.rollouts_controller(tools, plan.operators, ports))
            self._until("kwok", "does not play the nodes", lambda: contents.nodes_ready(api))
            self._until("kube-controller-manager", "made no account", lambda: contents.accounts_ready(api))
        except BaseException:
            self.stop()
            raise
        say(f"Kubernetes answers at {self.url} after {time.monotonic() - began:.1f} s")

    def stop(self) -> None:
        """Ends every program; the objects stay in the state folder."""
        if self._api is not None:
            self._api.close()
            self._api = None
        if self._programs is not None:
            self._programs.close()
            self._programs = None

    def check(self) -> None:
        """Raises `ClusterFailed` if a program has ended by itself."""
        if self._programs is not None:
            self._programs.check()

    def _define(self, files: list[Path], say: Say) -> None:
        """A start with the same definitions as the last one finds them there."""
        assert self._api is not None
        api, mark = self._api, self._state / "definitions"
        wanted = str(files[0].parent.name)
        if not (mark.exists() and mark.read_text() == wanted):
            say(f"installing {len(files)} custom resource definitions")
            contents.install_definitions(api, files)
        self._until(
            "kube-apiserver",
            "does not serve every definition",
            lambda: not contents.unserved(api, files),
        )
        mark.write_text(wanted)

    def _until(self, program: str, lacks: str, done: Callable[[], bool]) -> None:
        assert self._programs is not None
        programs = self._programs
        until(
            done,
            seconds=_READY_SECONDS,
            check=programs.check,
            late=lambda: ClusterFailed(programs.about(program, f"{lacks} after {_READY_SECONDS:.0f} s")),
        )
