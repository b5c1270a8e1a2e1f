"""Says in Pulumi's terminal, beside the resource, what it waits for."""

from typing import Any

import grpc.aio
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

from embedded_aws.provider.protocol import CALLER

_SECONDS = 2.0


class Progress:
    """Status lines of one resource; each is sent once, and an engine that is gone is no error."""

    def __init__(self, urn: str) -> None:
        self._urn, self._said = urn, ""

    async def say(self, text: str) -> None:
        address = CALLER.get().engine_address
        if text == self._said or not address:
            return
        self._said = text
        line = engine_pb2.LogRequest(
            severity=engine_pb2.LogSeverity.INFO, message=text, urn=self._urn, ephemeral=True
        )
        try:
            async with grpc.aio.insecure_channel(address) as channel:
                sent: Any = engine_pb2_grpc.EngineStub(channel).Log(line, timeout=_SECONDS)
                await sent
        except grpc.aio.AioRpcError:
            return
