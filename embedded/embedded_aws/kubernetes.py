"""The Kubernetes cluster of the embedded cloud: started when someone asks for it, stopped with the cloud."""

import asyncio
import json
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc.aio
from moto.eks.models import eks_backends

from embedded_aws.authorizer.authorizer import Authorizer
from embedded_aws.gateway import StartResponse
from embedded_aws.moto_gaps import eks
from embedded_aws.provider.recorded import Records
from embedded_aws.tables.common import ACCOUNT, REGION
from embedded_aws.toolchain.cache import Say
from embedded_kubernetes.programs import ClusterFailed
from embedded_kubernetes.tokens import Bearer, TokenReviewer

if TYPE_CHECKING:
    from embedded_kubernetes.cluster import Cluster
    from embedded_kubernetes.workloads import Workloads

__all__ = ["ClusterFailed", "Kubernetes"]

_SERVE_SECONDS = 60


class Kubernetes:
    def __init__(
        self,
        state: Path,
        *,
        gateway_url: str,
        http_url: str,
        authorizer: Authorizer,
        records: Records,
        admin: str,
        python: Path,
        log: Say,
    ) -> None:
        """`admin` is access key and secret key of whoever created the clusters; `python` runs the pods."""
        self._state, self._gateway_url, self._http_url = state / "kubernetes", gateway_url, http_url
        self._written = state / "kubernetes.json"
        self._written.unlink(missing_ok=True)  # one that was killed could not take its own away
        self._authorizer, self._admin, self._records = authorizer, admin, records
        self._python, self._log = python, log
        self.review = TokenReviewer(self._bearer, records.of_type, _clusters).review
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._cluster: Cluster | None = None
        self._workloads: Workloads | None = None
        self._provider: grpc.aio.Server | None = None
        self._said: dict[str, Any] | None = None

    def run_in(self, loop: asyncio.AbstractEventLoop) -> None:
        """Where the provider is served."""
        self._loop = loop

    def start(self, kubeconfig: str | None, say: Say) -> Mapping[str, Any]:
        """Where the cluster answers. With the `kubeconfig` of another one that is used, and none is started.

        Raises `ClusterFailed`; a second call answers as the first one did.
        """
        with self._lock:
            if self._said is None:
                self._said = self._started(kubeconfig, say)
                self._written.write_text(json.dumps(self._said))
            served, own = self._said["kubeconfig"], self._cluster is not None
            if (kubeconfig is None) != own or kubeconfig not in (None, served):
                raise ClusterFailed(
                    f"the embedded cloud serves the cluster of {served} already; to take "
                    f"{kubeconfig or 'a cluster of its own'} instead, stop it first with `agent-hosting down`"
                )
            if self._cluster is not None:
                self._cluster.check()
            return self._said

    def _started(self, kubeconfig: str | None, say: Say) -> dict[str, Any]:
        # Late, since the package `kubernetes` takes a second that a cloud without a cluster need not wait.
        from embedded_kubernetes.provider.server import serve

        said = self._own(say) if kubeconfig is None else {"kubeconfig": kubeconfig}
        assert self._loop is not None
        served = asyncio.run_coroutine_threadsafe(
            serve(Path(said["kubeconfig"]), 0, self._records), self._loop
        )
        self._provider, port = served.result(_SERVE_SECONDS)
        return {**said, "provider_port": port}

    def _own(self, say: Say) -> dict[str, Any]:
        from embedded_kubernetes.cluster import Cluster

        if self._cluster is None:
            url = f"{self._gateway_url}/_embedded/kubernetes/token-review"
            cluster = Cluster(self._state, token_review_url=url)
            cluster.start(say)
            self._cluster = cluster
            self._workloads = self._running(cluster)
            eks.show(cluster.url, cluster.certificate_authority)
        return {
            "kubeconfig": str(self._cluster.kubeconfig),
            "url": self._cluster.url,
            "certificate_authority": self._cluster.certificate_authority,
        }

    async def close(self) -> None:
        if self._provider is not None:
            await self._provider.stop(grace=None)
        if self._workloads is not None:
            await asyncio.to_thread(self._workloads.stop)
        if self._cluster is not None:
            await asyncio.to_thread(self._cluster.stop)
        self._written.unlink(missing_ok=True)

    def scale(self, *, idle: bool) -> list[dict[str, Any]] | None:
        """What a round over all ScaledObjects changed; None without a cluster of our own."""
        return None if self._workloads is None else self._workloads.scale(idle=idle)

    def through_gateway(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """For the paths of the cluster's Gateways."""
        if self._workloads is None:
            start_response("503 Service Unavailable", [("content-type", "text/plain")])
            return [b"no Kubernetes runs here: start it with POST /_embedded/kubernetes/start"]
        return self._workloads.entry(environ, start_response)

    def _running(self, cluster: "Cluster") -> "Workloads":
        from embedded_kubernetes.workloads import Workloads

        workloads = Workloads(
            cluster.kubeconfig,
            self._state,
            records=self._records,
            issue=self._authorizer.issue,
            endpoint_url=self._gateway_url,
            http_url=self._http_url,
            python=self._python,
            log=self._log,
            clock=time.time,
        )
        workloads.start()
        return workloads

    def _bearer(self, access_key_id: str, session_token: str | None) -> Bearer | None:
        if access_key_id == self._admin:
            return Bearer(self._admin, None)
        session = self._authorizer.session(access_key_id, session_token)
        if session is None:
            return None
        return Bearer(session.secret_access_key, session.role_arn, session.session_name)


def _clusters() -> list[str]:
    return list(eks_backends[ACCOUNT][REGION].clusters)
