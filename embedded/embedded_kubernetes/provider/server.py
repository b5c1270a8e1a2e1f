"""Serves the provider to Pulumi's engine, which attaches through PULUMI_DEBUG_PROVIDERS=kubernetes:PORT."""

from pathlib import Path

import grpc.aio

from embedded_aws.provider.protocol import Servicer, listen
from embedded_aws.provider.recorded import Records
from embedded_kubernetes.provider.engine import EmbeddedKubernetes

VERSION = "4.34.2"
"""The version of the official plugin whose place this provider takes."""


async def serve(kubeconfig: Path, port: int, records: Records | None = None) -> tuple[grpc.aio.Server, int]:
    """Starts to answer on 127.0.0.1 for the cluster of `kubeconfig`; port 0 takes a free one.

    Returns the server and its port. What is recorded and not done (Helm releases) is listed in `records`.
    """
    provider = EmbeddedKubernetes(kubeconfig, Records() if records is None else records)
    return await listen(Servicer(provider, "kubernetes", VERSION), port)
