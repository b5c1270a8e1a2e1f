"""The embedded cloud: everything that `make up` needs of AWS, in one process on 127.0.0.1."""

import asyncio
import json
import logging
import os
import threading
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server

from embedded_aws.addresses import HOST, Addresses
from embedded_aws.alarms import Alarms
from embedded_aws.authorizer.authorizer import Authorizer
from embedded_aws.doors import Asked, Door, Said, asked
from embedded_aws.functions import Functions, install
from embedded_aws.gateway import Gateway, StartResponse, Wsgi
from embedded_aws.http_apis.app import HttpApis
from embedded_aws.http_apis.issuer import TOKENS, Issuer
from embedded_aws.kubernetes import ClusterFailed, Kubernetes
from embedded_aws.model_server import ModelServer
from embedded_aws.moto_gaps import fill
from embedded_aws.moto_gaps.sqs_receive import ENDING, end_polls
from embedded_aws.pollers import Pollers, RoleAccess
from embedded_aws.provider.engine import EmbeddedAws
from embedded_aws.provider.recorded import Records
from embedded_aws.provider.server import serve
from embedded_aws.schedules import ScheduledCalls, Schedules
from embedded_aws.tables import all_rows
from embedded_aws.tables.common import ACCOUNT, REGION
from embedded_aws.tasks import Tasks
from embedded_aws.toolchain.go import BuildFailed

ADMIN = "embedded"
"""Access key and secret key of the one administrator: Pulumi, and you."""
_OURS = "/_embedded/"
_MOST_FORM_BYTES = 64 * 1024
_log = logging.getLogger("embedded_aws")


@dataclass(frozen=True)
class Ports:
    """Wanted ports; 0, or one that is taken, becomes a free one."""

    gateway: int = 0
    http: int = 0
    provider: int = 0


class Cloud:
    def __init__(self, state: Path, ports: Ports, lambda_python: Path, container_python: Path) -> None:
        self._state = state
        state.mkdir(parents=True, exist_ok=True)
        self._authorizer = Authorizer(state / "refusals.jsonl")
        self._records = Records()
        self._ending = threading.Event()
        self._gateway_server = _server(ports.gateway, cast(Wsgi, self._through_gateway))
        self._http_server = _server(ports.http, cast(Wsgi, self._through_http))
        self._provider_port = ports.provider
        endpoint = f"http://{HOST}:{self._gateway_server.server_port}"
        http = f"http://{HOST}:{self._http_server.server_port}"
        self._functions = Functions(
            endpoint_url=endpoint,
            http_url=http,
            issue=self._authorizer.issue,
            python=lambda_python,
            log=_log.info,
            account=ACCOUNT,
        )
        access = RoleAccess(self._authorizer.issue, self._authorizer.refusal)
        self._pollers = Pollers(invoke=self._functions.invoke, problem=access.problem, log=_log.info)
        self._schedules = Schedules(account=ACCOUNT, functions=self._functions, log=_log.info)
        self._scheduled = ScheduledCalls(
            account=ACCOUNT,
            functions=self._functions,
            issue=self._authorizer.issue,
            refusal=self._authorizer.refusal,
            log=_log.info,
        )
        self._alarms = Alarms(account=ACCOUNT, functions=self._functions, log=_log.info)
        self._tasks = Tasks(
            account=ACCOUNT,
            endpoint_url=endpoint,
            http_url=http,
            issue=self._authorizer.issue,
            python=container_python,
            log=_log.info,
        )
        self._kubernetes = Kubernetes(
            state,
            gateway_url=endpoint,
            http_url=http,
            authorizer=self._authorizer,
            records=self._records,
            admin=ADMIN,
            python=container_python,
            log=_log.info,
        )
        self._undo = (
            install(self._functions),
            self._tasks.install(),
            fill(),
            self._pollers.install(),
            self._schedules.install(),
            self._alarms.install(),
        )
        moto = DomainDispatcherApplication(create_backend_app)  # type: ignore[no-untyped-call]
        self._gateway = Gateway(cast(Wsgi, moto), self._authorizer, self._functions)
        self._issuer = Issuer(f"{http}/_embedded/issuer", state / "issuer-key.json")
        self._apis = HttpApis(functions=self._functions, issuer=self._issuer, log=_log.info, account=ACCOUNT)
        self._model = ModelServer()
        session = boto3.Session(ADMIN, ADMIN, region_name=REGION)
        self._provider = EmbeddedAws(
            all_rows(),
            lambda service: session.client(cast(Any, service), endpoint_url=endpoint),
            REGION,
            self._records,
        )

    async def run(self, ready: Any) -> None:
        """Serves until it is cancelled; calls `ready(addresses)` once everything answers."""
        self._kubernetes.run_in(asyncio.get_running_loop())
        servers = (self._gateway_server, self._http_server)
        threads = [threading.Thread(target=s.serve_forever, daemon=True) for s in servers]
        for thread in threads:
            thread.start()
        provider, port = await serve(self._provider, self._provider_port)
        addresses = Addresses(
            os.getpid(),
            uuid.uuid4().hex,
            self._gateway_server.server_port,
            self._http_server.server_port,
            port,
        )
        _write(self._state / "cloud.json", json.dumps(asdict(addresses)))
        ready(addresses)
        try:
            # Shielded: a cancelled wait of grpc cancels its `stop` too, and nothing below would run.
            await asyncio.shield(provider.wait_for_termination())
        finally:
            await provider.stop(grace=None)
            await self._kubernetes.close()
            await asyncio.to_thread(self._close)

    def _close(self) -> None:
        end_polls(ACCOUNT, self._ending)
        self._tasks.close()
        for server in (self._gateway_server, self._http_server):
            server.shutdown()
        self._schedules.close()
        self._scheduled.close()
        self._alarms.close()
        self._pollers.stop()
        self._functions.close()
        self._pollers.join()
        self._apis.close()
        for undo in self._undo:
            undo()
        (self._state / "cloud.json").unlink(missing_ok=True)

    def _doors(self) -> dict[tuple[str, str], Door]:
        """What the gateway answers beside AWS."""
        return {
            ("GET", "recorded"): lambda _: Said(self._records.listed()),
            ("GET", "settled"): lambda _: Said(self._provider.settled(30)),
            ("GET", "allowed"): lambda _: Said(
                [[*call, count] for call, count in self._authorizer.allowed_calls().items()]
            ),
            ("POST", "schedules/run"): self._run_schedule,
            ("POST", "alarms/run"): lambda _: Said({"changed": self._alarms.run()}),
            ("POST", "kubernetes/start"): self._start_kubernetes,
            ("POST", "kubernetes/scale"): self._scale,
            ("POST", "kubernetes/token-review"): lambda asked: Said(self._kubernetes.review(asked.body)),
        }

    def _through_gateway(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        path = str(environ["PATH_INFO"])
        door = None
        if path.startswith(_OURS):
            door = self._doors().get((environ["REQUEST_METHOD"], path.removeprefix(_OURS)))
        if door is None:
            environ[ENDING] = self._ending
            return self._gateway(environ, start_response)
        try:
            question = asked(environ)
        except ValueError as error:
            return _json(start_response, {"error": f"the body is no JSON: {error}"}, "400 Bad Request")
        said = door(question)
        return _json(start_response, said.value, said.status)

    def _run_schedule(self, asked: Asked) -> Said:
        name = asked.query.get("rule", "")
        called = self._schedules.run(name)
        if called is None:
            called = self._scheduled.run(name)
        return Said({"called": called}, "404 Not Found" if called is None else "200 OK")

    def _start_kubernetes(self, asked: Asked) -> Said:
        """Another cluster is used where the body names its kubeconfig."""
        try:
            return Said(self._kubernetes.start((asked.body or {}).get("kubeconfig"), _log.info))
        except (ClusterFailed, BuildFailed) as error:
            return Said({"error": str(error)}, "503 Service Unavailable")

    def _scale(self, asked: Asked) -> Said:
        changed = self._kubernetes.scale(idle=asked.query.get("idle") == "yes")
        return Said({"changed": changed}, "404 Not Found" if changed is None else "200 OK")

    def _through_http(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """The HTTP APIs by id; beside them the Gateways of the cluster, and the issuer of tokens and the
        model, as a user's own servers would be."""
        path = str(environ["PATH_INFO"])
        if path.startswith("/_embedded/gateway/"):
            return self._kubernetes.through_gateway(environ, start_response)
        if path.startswith("/_embedded/model/"):
            environ["PATH_INFO"] = path.removeprefix("/_embedded/model")
            return self._model(environ, start_response)
        if path == f"/_embedded/issuer{TOKENS}" and environ["REQUEST_METHOD"] == "POST":
            length = min(int(environ.get("CONTENT_LENGTH") or 0), _MOST_FORM_BYTES)
            body = environ["wsgi.input"].read(length)
            status, said = self._issuer.workload_token(str(environ.get("HTTP_AUTHORIZATION", "")), body)
            return _json(start_response, said, status)
        document = self._issuer.documents().get(path.removeprefix("/_embedded/issuer"))
        if document is not None and path.startswith("/_embedded/issuer/"):
            return _bytes(start_response, document)
        return self._apis(environ, start_response)


def _server(port: int, application: Wsgi) -> BaseWSGIServer:
    try:
        return make_server(
            HOST, port, cast(Any, application), threaded=True, request_handler=MotoRequestHandler
        )
    except (OSError, SystemExit):
        return make_server(HOST, 0, cast(Any, application), threaded=True, request_handler=MotoRequestHandler)


def _json(start_response: StartResponse, value: Any, status: str = "200 OK") -> list[bytes]:
    return _bytes(start_response, json.dumps(value).encode(), status)


def _bytes(start_response: StartResponse, body: bytes, status: str = "200 OK") -> list[bytes]:
    start_response(status, [("content-type", "application/json"), ("content-length", str(len(body)))])
    return [body]


def _write(path: Path, text: str) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(text)
    partial.replace(path)
