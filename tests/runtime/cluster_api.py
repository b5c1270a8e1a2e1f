"""A cluster's API over real HTTPS on this machine: objects by path, with a patch's own rules."""

import base64
import datetime
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"


def certificate(folder: Path) -> tuple[Path, str]:
    """(file with key and certificate, who signed it in base64): signed by itself, for this machine."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cluster")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "cluster.pem"
    path.write_bytes(private + public)
    return path, base64.b64encode(public).decode()


@dataclass
class ClusterApi:
    """`objects` by path; `answers` are what the next calls get instead, first come first served."""

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: list[tuple[int, Any]] = field(default_factory=list)
    before_patch: list[Callable[[], None]] = field(default_factory=list)
    """What somebody else does between a read and the write that follows it, one by one."""
    asked: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)
    """(method, path, headers in lower case, body) of each call."""
    silent: threading.Event = field(default_factory=threading.Event)
    """Unset, the server takes a call and says nothing until it is set."""
    endpoint: str = ""
    authority: str = ""

    def __post_init__(self) -> None:
        self.silent.set()

    def put(self, path: str, **changes: Any) -> None:
        """Somebody writes the object: its version grows."""
        held = self.objects[path]
        version = str(int(held["metadata"]["resourceVersion"]) + 1)
        self.objects[path] = {
            **held,
            **changes,
            "metadata": {**held["metadata"], "resourceVersion": version},
        }

    def answer(self, method: str, path: str, headers: dict[str, str], body: Any) -> tuple[int, Any]:
        self.asked.append((method, path, headers, body))
        if self.answers:
            return self.answers.pop(0)
        if path not in self.objects:
            return 404, {"kind": "Status", "message": f"{path} not found"}
        if method == "PATCH":
            if self.before_patch:
                self.before_patch.pop(0)()
            held = self.objects[path]["metadata"]["resourceVersion"]
            if body["metadata"].get("resourceVersion", held) != held:
                return 409, {"kind": "Status", "message": "the object has been modified"}
            self.put(path, spec={**self.objects[path]["spec"], **body["spec"]})
        return 200, self.objects[path]


@contextmanager
def cluster_api(folder: Path) -> Iterator[ClusterApi]:
    held = ClusterApi()
    path, held.authority = certificate(folder)

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            headers = {key.lower(): value for key, value in self.headers.items()}
            raw = self.rfile.read(int(headers.get("content-length", 0)))
            status, body = held.answer(self.command, self.path, headers, json.loads(raw) if raw else None)
            held.silent.wait(30)
            text = body if isinstance(body, bytes) else json.dumps(body).encode()
            try:
                self.send_response(status)
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)
            except OSError:
                pass  # the caller has gone, as a test meant it to

        do_GET = do_PATCH = _answer  # noqa: N815  http.server's own names

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer((HOST, 0), Handler)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(path)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda request, client_address: None  # type: ignore[method-assign]
    held.endpoint = f"https://{HOST}:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield held
    finally:
        held.silent.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
