"""Real server processes of a world's release, an issuer whose tokens they trust, and callers of theirs."""

import http.client
import json
import signal
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from embedded_aws.http_apis.issuer import Issuer
from tests.faults.world import TENANT, World

AUDIENCE = "agents"
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


@dataclass
class Pods:
    """Server processes of one world."""

    world: World
    issuer: Issuer
    started: list[Pod] = field(default_factory=list)

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
    """A port that nobody listens at now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
