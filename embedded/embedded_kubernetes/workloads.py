"""What makes the pods of a cluster real: their processes, the way to them, and how many there are."""

import base64
import random
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import make_server

from embedded_aws.functions.sandbox import Issue
from embedded_aws.provider.recorded import Records
from embedded_aws.tables.common import ACCOUNT, REGION
from embedded_aws.tasks.images import Images
from embedded_kubernetes.gateway.forward import Environ, StartResponse
from embedded_kubernetes.gateway.gateway import ENTRY, Gateway
from embedded_kubernetes.gateway.routes import Random
from embedded_kubernetes.objects.api import Api, Object
from embedded_kubernetes.pods.container import Data
from embedded_kubernetes.pods.guard import Guard
from embedded_kubernetes.pods.identity import PodIdentity
from embedded_kubernetes.pods.kubelet import Kubelet
from embedded_kubernetes.pods.machine import Machine
from embedded_kubernetes.pods.volumes import Volumes
from embedded_kubernetes.scaling.measure import Measure
from embedded_kubernetes.scaling.scaler import Scaler

__all__ = ["ENTRY", "Workloads"]

HOST = "127.0.0.1"


class Workloads:
    """To be made once the API server of `kubeconfig` answers. `state` holds logs and volumes of the pods."""

    def __init__(
        self,
        kubeconfig: Path,
        state: Path,
        *,
        records: Records,
        issue: Issue,
        endpoint_url: str,
        http_url: str = "",
        python: Path,
        log: Callable[[str], None],
        chance: Random = random.random,
        clock: Callable[[], float],
    ) -> None:
        """`python` is what runs the pods' `python`; `chance` decides between weights; `clock` is that of the
        embedded AWS, in seconds since the epoch."""
        self._api = api = Api(kubeconfig)
        self._images, self._guard = Images(), Guard()
        self._identity = PodIdentity(records, issue, log)
        self.volumes = Volumes(api, state / "volumes", log)
        self.gateway = Gateway(api, self._port, log, chance)
        self._proxy: Any = make_server(
            HOST, 0, cast(Any, self.gateway.proxy), threaded=True, request_handler=MotoRequestHandler
        )
        self._thread = threading.Thread(target=self._serve, name="cluster-proxy", daemon=True)
        self.logs = state / "pods"
        machine = Machine(
            images=self._images,
            guard=self._guard,
            python=python,
            region=REGION,
            endpoint_url=endpoint_url,
            http_url=http_url,
            proxy_url=self.proxy_url,
            logs=self.logs,
            data=self._data,
            volume=self.volumes.folder,
        )
        self.kubelet = Kubelet(api, machine, self._identity, log)
        self.scaler = Scaler(api, Measure(ACCOUNT, clock), log, clock)

    @property
    def proxy_url(self) -> str:
        """HTTP_PROXY of the pods: answers for the names of the cluster's Services."""
        return f"http://{HOST}:{self._proxy.server_port}"

    def start(self) -> None:
        self._thread.start()
        for part in (self.volumes, self.gateway, self.kubelet, self.scaler):
            part.start()

    def stop(self) -> None:
        """Ends every process, and returns when they are gone. The objects stay as they are."""
        for part in (self.scaler, self.kubelet, self.gateway, self.volumes):
            part.stop()
        self._proxy.shutdown()
        self._thread.join()
        self._proxy.server_close()
        self._identity.close()
        self._guard.close()
        self._images.close()

    def entry(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """For paths that begin with ENTRY."""
        return self.gateway.entry(environ, start_response)

    def scale(self, *, idle: bool = False) -> list[dict[str, Any]]:
        """A round over all ScaledObjects now; `idle` counts their waiting times as over. What changed."""
        return self.scaler.round(idle=idle)

    def _serve(self) -> None:
        self._proxy.serve_forever(poll_interval=0.05)

    def _port(self, uid: str) -> int | None:
        return self.kubelet.port(uid)

    def _data(self, namespace: str) -> Data:
        def held(kind: str, name: str) -> Mapping[str, str] | None:
            plural = {"ConfigMap": "configmaps", "Secret": "secrets"}[kind]
            found = self._api.find(f"/api/v1/namespaces/{namespace}/{plural}/{name}")
            return None if found is None else _texts(kind, found)

        return held


def _texts(kind: str, found: Object) -> dict[str, str]:
    data: Mapping[str, str] = found.get("data") or {}
    if kind == "ConfigMap":
        return dict(data)
    return {key: base64.b64decode(value).decode(errors="replace") for key, value in data.items()}
