"""Real server processes of a world's release, an issuer whose tokens they trust, and callers of theirs."""

import http.client
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from agent_runtime.bundle import Bundle, MemorySpec
from embedded_aws.http_apis.issuer import Issuer
from tests.faults.world import TENANT, World

AUDIENCE = "agents"
_numbers = itertools.count(os.getpid() * 97)
Answered = tuple[int, dict[str, Any], dict[str, str]]
"""Status, body and headers with names in lower case."""


def issuer_at(folder: Path, serve: Callable[[Any], str]) -> Issuer:
    """An issuer whose documents are served on this machine; `asked` counts how often."""
    issuer: Issuer

    def documents(environ: Any, start_response: Any) -> list[bytes]:
        found = issuer.documents().get(environ["PATH_INFO"].removeprefix("/v1"))
        start_response("200 OK" if found else "404 Not Found", [("content-type", "application/json")])
        return [found or b""]

    issuer = Issuer(serve(documents), folder / "issuer.pem")
    return issuer


RELEASES = "http://agent-{bundle_id}.agents.svc.cluster.local"


class ClusterNames:
    """Leads names of Services to ports of this machine, as the proxy of pods on one machine does."""

    def __init__(self) -> None:
        self.urls: dict[str, str] = {}
        """Base URL of each release that has a pod, by bundle id."""

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        asked = urlsplit(environ["PATH_INFO"])
        bundle_id = (asked.hostname or "").partition(".")[0].removeprefix("agent-")
        if bundle_id not in self.urls:
            start_response("502 Bad Gateway", [("content-type", "text/plain")])
            return [b"no pod"]
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        given = {n[5:].replace("_", "-").lower(): v for n, v in environ.items() if n.startswith("HTTP_")}
        status, answer, headers = request(self.urls[bundle_id] + asked.path, "POST", body, given)
        names = ("content-type", "retry-after")
        start_response(f"{status} said", [(name, headers[name]) for name in names if name in headers])
        return [json.dumps(answer).encode()]


@dataclass
class Pod:
    """One server process."""

    url: str
    process: subprocess.Popen[bytes]
    token: str

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        seconds: float = 30,
        **headers: str,
    ) -> Answered:
        """Call the pod, with its world's token unless told otherwise (empty: none)."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if token != "":
            given["authorization"] = f"Bearer {token or self.token}"
        return request(self.url + path, method, body, given, seconds)

    def post(self, do: list[Any], *, session: str | None = None, key: str = "", **more: Any) -> Answered:
        """POST /runs of a run that does `do`."""
        body: dict[str, Any] = {"input": {"do": do}} | ({"session": session} if session else {})
        return self.call("POST", "/runs", body, **({"idempotency_key": key} if key else {}), **more)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)


def request(url: str, method: str, body: Any, headers: dict[str, str], seconds: float = 30) -> Answered:
    """One call on a connection of its own."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=seconds)
    try:
        text = body if isinstance(body, bytes) or body is None else json.dumps(body)
        connection.request(method, parts.path + (f"?{parts.query}" if parts.query else ""), text, headers)
        reply = connection.getresponse()
        content = reply.read()
    finally:
        connection.close()
    found = {name.lower(): value for name, value in reply.getheaders()}
    return reply.status, json.loads(content), found


@dataclass(frozen=True)
class Release:
    """A release of the world's agent, with a queue of its own."""

    bundle_id: str
    environment: dict[str, str]


@dataclass
class Pods:
    """Server processes of one world."""

    world: World
    issuer: Issuer
    names: ClusterNames
    proxy: str
    started: list[Pod] = field(default_factory=list)

    def release(self, **changes: Any) -> Release:
        """Another release of the world's agent, which has memory unless told otherwise."""
        given = self.world.bundle.model_dump() | {"memory": MemorySpec(), **changes}
        bundle = Bundle.model_validate(given)
        folder = self.world.folder / bundle.bundle_id
        shutil.copytree(self.world.folder / "agent", folder)
        (folder / "bundle.json").write_text(bundle.model_dump_json())
        name = f"{self.world.name}-{bundle.bundle_id}"
        attributes = self.world.sqs.get_queue_attributes(
            QueueUrl=self.world.queue_url, AttributeNames=["RedrivePolicy"]
        )["Attributes"]
        queue = self.world.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return Release(bundle.bundle_id, {"LAMBDA_TASK_ROOT": str(folder), "AGENT_QUEUE_URL": queue})

    def token(self, tenant: str = TENANT, **more: Any) -> str:
        claims = {"tenant": tenant} | more.pop("claims", {})
        return self.issuer.token(**{"audience": AUDIENCE, "subject": "ann", "claims": claims} | more)

    def start(self, plan: dict[str, Any] | None = None, *, port: int = 0, **environment: str) -> Pod:
        """A pod that is ready to answer."""
        port = port or free_port()
        url = f"http://127.0.0.1:{port}"
        surroundings = {
            "AGENT_PORT": str(port),
            "AGENT_LISTEN_ADDRESS": "127.0.0.1",
            "AGENT_ADDRESS": url,
            "AGENT_POD_NAME": f"pod-{len(self.started)}",
            "AGENT_JWT_ISSUER": self.issuer.url,
            "AGENT_JWT_AUDIENCES": json.dumps([AUDIENCE]),
            "AGENT_TURN_TIMEOUT_SECONDS": "10",
            "AGENT_RELEASE_URL": RELEASES,
            "HTTP_PROXY": self.proxy,
            "NO_PROXY": "127.0.0.1,localhost",
        }
        process = self.world.start_worker(
            {"command": "serve", **(plan or {})}, **(surroundings | environment)
        )
        pod = Pod(url, process, self.token())
        self.world.wait("readiness", lambda: self._is_ready(pod))
        self.started.append(pod)
        return pod

    def _is_ready(self, pod: Pod) -> bool:
        assert pod.process.poll() is None, self.world.logs()[-3000:]
        try:
            return pod.call("GET", "/readyz", token="")[0] == 200
        except OSError:
            return False


def free_port() -> int:
    """A port that nobody listens at now. Of those that the kernel chooses by itself none: any connection
    might have it before the pod does. Each process begins at another place."""
    for number in itertools.islice(_numbers, 18_000):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", 12_000 + number % 18_000))
            return probe.getsockname()[1]
    raise AssertionError("every port is taken")
