"""Serves the provider to Pulumi's engine, which attaches through PULUMI_DEBUG_PROVIDERS=aws:PORT."""

import grpc.aio

from embedded_aws.provider.engine import EmbeddedAws
from embedded_aws.provider.protocol import Servicer, listen

VERSION = "7.51.1"
"""The version of the official plugin whose place this provider takes."""


async def serve(provider: EmbeddedAws, port: int) -> tuple[grpc.aio.Server, int]:
    """Starts to answer on 127.0.0.1; port 0 takes a free one. Returns the server and its port."""
    return await listen(Servicer(provider, "aws", VERSION), port)
