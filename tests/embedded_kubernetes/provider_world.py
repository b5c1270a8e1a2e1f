"""The provider of the package kubernetes before a real API server, asked directly or by Pulumi itself."""

import asyncio
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import struct_pb2
from google.protobuf.json_format import MessageToDict
from pulumi.runtime.proto import provider_pb2 as messages
from pulumi.runtime.proto import provider_pb2_grpc

from embedded_aws.provider.recorded import Records
from embedded_kubernetes.provider import serve
from tests.embedded.provider_world import Stack

_SECONDS = 120
PREAMBLE = """
import pulumi
import pulumi_kubernetes as k8s
from pulumi import ResourceOptions as Opts
"""
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}

Values = dict[str, Any]


def pod_spec(**more: Any) -> Values:
    """What Pod Security calls restricted."""
    return {"containers": [{"name": "main", "image": "agent:1", "securityContext": RESTRICTED}], **more}


class Refusal(Exception):
    """What the provider said no with."""


class Asked:
    """One connection to the provider, as a provider resource of a program has it."""

    def __init__(self, port: int, namespace: str) -> None:
        self.namespace = namespace
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.use_local_subchannel_pool", 1)])
        self._stub = provider_pb2_grpc.ResourceProviderStub(self._channel)

    def close(self) -> None:
        self._channel.close()

    def configure(self, **inputs: Any) -> None:
        self._ask("Configure", messages.ConfigureRequest(args=_struct(inputs), acceptSecrets=True))

    def check(self, token: str, inputs: Values, old: Values | None = None) -> tuple[Values, dict[str, str]]:
        """(inputs as completed, property -> what is said against it)"""
        asked = messages.CheckRequest(
            urn=_urn(token), news=_struct(inputs), olds=_struct(old or {}), randomSeed=b"\x01\x23\x45\x67"
        )
        said = self._ask("Check", asked)
        return MessageToDict(said.inputs), {f.property: f.reason for f in said.failures}

    def inputs(self, token: str, name: str, **fields: Any) -> Values:
        """Checked inputs of an object in the test's namespace."""
        metadata = {"name": name, "namespace": self.namespace, **fields.pop("metadata", {})}
        done, failures = self.check(token, {"metadata": metadata, **fields})
        assert failures == {}
        return done

    def create(
        self, token: str, inputs: Values, *, preview: bool = False, seconds: float = 60
    ) -> tuple[str, Values]:
        asked = messages.CreateRequest(
            urn=_urn(token), properties=_struct(inputs), preview=preview, timeout=seconds
        )
        said = self._ask("Create", asked)
        return said.id, MessageToDict(said.properties)

    def update(
        self,
        token: str,
        held: tuple[str, Values],
        old: Values,
        new: Values,
        *,
        preview: bool = False,
        seconds: float = 60,
    ) -> tuple[str, Values]:
        asked = messages.UpdateRequest(
            id=held[0],
            urn=_urn(token),
            olds=_struct(held[1]),
            old_inputs=_struct(old),
            news=_struct(new),
            preview=preview,
            timeout=seconds,
        )
        return held[0], MessageToDict(self._ask("Update", asked).properties)

    def read(
        self, token: str, resource_id: str, state: Values | None = None, inputs: Values | None = None
    ) -> Any:
        asked = messages.ReadRequest(
            id=resource_id, urn=_urn(token), properties=_struct(state or {}), inputs=_struct(inputs or {})
        )
        return self._ask("Read", asked)

    def delete(self, token: str, held: tuple[str, Values], seconds: float = 60) -> None:
        asked = messages.DeleteRequest(
            id=held[0], urn=_urn(token), properties=_struct(held[1]), timeout=seconds
        )
        self._ask("Delete", asked)

    def invoke(self, token: str) -> None:
        self._ask("Invoke", messages.InvokeRequest(tok=token, args=_struct({})))

    def _ask(self, method: str, request: Any) -> Any:
        try:
            return getattr(self._stub, method)(request, timeout=_SECONDS)
        except grpc.RpcError as error:
            raise Refusal(error.details()) from error  # type: ignore[attr-defined]


def _struct(values: Values) -> struct_pb2.Struct:
    made = struct_pb2.Struct()
    made.update(values)
    return made


def _urn(token: str) -> str:
    return f"urn:pulumi:test::project::{token}::thing"


@contextmanager
def serving_provider(kubeconfig: Path, records: Records) -> Iterator[int]:
    """The port of a provider whose event loop is a thread's."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        server, port = asyncio.run_coroutine_threadsafe(serve(kubeconfig, 0, records), loop).result(_SECONDS)
        yield port
        asyncio.run_coroutine_threadsafe(server.stop(None), loop).result(_SECONDS)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_SECONDS)
        loop.close()


@dataclass(frozen=True)
class KubernetesStack(Stack):
    """A project whose program declares objects of the cluster alone."""

    def program(self, text: str) -> "KubernetesStack":
        (self.folder / "__main__.py").write_text(
            f"{PREAMBLE}\nstack_id = {self.id!r}\n{textwrap.dedent(text)}"
        )
        return self

    def _environment(self) -> dict[str, str]:
        kept = {k: v for k, v in super()._environment().items() if k != "KUBECONFIG"}
        return kept | {"PULUMI_DEBUG_PROVIDERS": f"kubernetes:{self.cloud.provider_port}"}
