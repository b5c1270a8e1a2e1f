"""A cluster whose pods are processes, beside a small AWS that holds the roles of the pods."""

import base64
import hashlib
import itertools
import json
import random
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from embedded_aws.authorizer.authorizer import Authorizer
from embedded_aws.gateway import Gateway
from embedded_aws.provider.recorded import Records
from embedded_kubernetes.cluster import Cluster
from embedded_kubernetes.objects.api import Api, Object
from embedded_kubernetes.workloads import ENTRY, Workloads
from tests.embedded.functions_world import PATIENCE_SECONDS, REGION, package, serving

SERVER = """
import http.server, json, os, pathlib, signal, sys, threading, urllib.parse, urllib.request

probed, hanging = threading.Event(), threading.Event()

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        asked = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(asked.query))
        name = asked.path.strip("/").split("/")[0]
        volume = pathlib.Path(os.environ.get("AGENT_VOLUME") or "/nowhere") / "kept"
        if name == "ready" and os.environ.get("READY_FILE"):
            if not os.path.exists(os.environ["READY_FILE"]): return self.say(503, "not yet")
        if name == "hang" and probed.wait(30): hanging.set()
        if name == "alive":
            probed.set()
            if hanging.is_set(): return self.say(500, "hangs")
        if name == "write": volume.write_text(query["text"])
        if name == "fetch":
            with urllib.request.urlopen(query["url"]) as answer: return self.say(200, json.load(answer))
        if name == "identity":
            import boto3
            held = boto3.Session().get_credentials()
            return self.say(200, None if held is None else self.calls(boto3))
        if name == "teapot": return self.say(418, "short and stout")
        if name == "exit": os._exit(3)
        self.say(200, {
            "pod": os.environ.get("HOSTNAME"), "pid": os.getpid(), "path": self.path,
            "release": os.environ.get("RELEASE"), "variables": dict(os.environ),
            "headers": {k.lower(): v for k, v in self.headers.items()},
            "kept": volume.read_text() if volume.exists() else None,
        })
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        self.say(201, {"method": "POST", "body": body})
    def calls(self, boto3):
        queues = boto3.client("sqs").list_queues().get("QueueUrls", [])
        try: boto3.client("s3").list_buckets()
        except Exception as error: return {"queues": queues, "refused": str(error)}
    def say(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("connection", "x-hop")
        self.send_header("x-hop", "1")
        self.send_header("x-kept", "2")
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

def told(*_):
    print("was told to stop", flush=True)
    if not os.environ.get("STUBBORN"): os._exit(0)

signal.signal(signal.SIGTERM, told)
print("begins", flush=True)
address = (os.environ["AGENT_LISTEN_ADDRESS"], int(os.environ["AGENT_PORT"]))
http.server.ThreadingHTTPServer(address, Handler).serve_forever()
"""
"""Answers with what it is and was asked, as the agent's server would listen."""
PROBED = {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 1, "failureThreshold": 1}


@dataclass
class LiveWorld:
    workloads: Workloads
    api: Api
    url: str
    """Of the entry."""
    aws_url: str
    records: Records
    state: Path
    log: list[str]
    now: list[float]
    """One number: how far the clock is ahead, in seconds."""
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def aws(self, service: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self.aws_url,
            region_name=REGION,
            aws_access_key_id="embedded",
            aws_secret_access_key="embedded",
        )

    def namespace(self) -> str:
        """A new one, with the account that pods run as."""
        name = f"live-{next(self._numbers)}"
        self.api.post("/api/v1/namespaces", {"metadata": {"name": name}})
        path = f"/api/v1/namespaces/{name}/serviceaccounts/default"
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.api.find(path) is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return name

    def template(self, name: str, program: str = SERVER, env: Any = (), **spec: Any) -> Object:
        """A pod that runs this program; its one container is named `agent`."""
        code = package({"main.py": program})
        digest = hashlib.sha256(code).hexdigest()
        archive = self.state / f"{digest}.zip"
        archive.write_bytes(code)
        container = {
            "name": "agent",
            "image": f"this-machine/agent@sha256:{digest}",
            "command": ["python", "main.py"],
            "env": list(env),
            "ports": [{"containerPort": 8080}],
            "readinessProbe": PROBED,
            **spec.pop("container", {}),
        }
        return {
            "metadata": {"labels": {"app": name}, "annotations": {"agent-hosting/archive": str(archive)}},
            "spec": {"terminationGracePeriodSeconds": 20, "containers": [container], **spec},
        }

    def pod(self, namespace: str, name: str, **given: Any) -> Object:
        made = self.template(name, **given)
        made["metadata"]["name"] = name
        return self.api.post(f"/api/v1/namespaces/{namespace}/pods", made)

    def workload(self, kind: str, namespace: str, name: str, replicas: int = 1, **given: Any) -> Object:
        """`kind` is `deployments` or `statefulsets`; a Service of its name leads to it."""
        further = given.pop("further", {})
        ports = [{"port": 80, "targetPort": 8080}]
        self.api.post(
            f"/api/v1/namespaces/{namespace}/services",
            {"metadata": {"name": name}, "spec": {"selector": {"app": name}, "ports": ports}},
        )
        spec = {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": self.template(name, **given),
            **({"serviceName": name} if kind == "statefulsets" else {}),
            **further,
        }
        path = f"/apis/apps/v1/namespaces/{namespace}/{kind}"
        return self.api.post(path, {"metadata": {"name": name}, "spec": spec})

    def gateway(self, namespace: str, name: str = "entry") -> None:
        listeners = [{"name": "http", "port": 80, "protocol": "HTTP"}]
        body = {"metadata": {"name": name}, "spec": {"gatewayClassName": "any", "listeners": listeners}}
        made = self.api.post(f"{self._gateways(namespace)}/gateways", _typed("Gateway", body))
        assert self.workloads.gateway.gateways.wait_for(made["metadata"]["resourceVersion"])

    def route(self, namespace: str, *backends: Any, name: str = "all", hostnames: Any = ()) -> None:
        """To `backends`; written again under the same name it is changed. It counts on return."""
        refs = [{"port": 80, **one} for one in backends]
        spec = {"parentRefs": [{"name": "entry"}], "rules": [{"backendRefs": refs}]}
        spec |= {"hostnames": list(hostnames)} if hostnames else {}
        path = f"{self._gateways(namespace)}/httproutes"
        if self.api.find(f"{path}/{name}") is None:
            made = self.api.post(path, _typed("HTTPRoute", {"metadata": {"name": name}, "spec": spec}))
        else:
            made = self.api.patch(f"{path}/{name}", {"spec": spec})
        assert self.workloads.gateway.routes.wait_for(made["metadata"]["resourceVersion"])

    def ready(self, namespace: str, service: str, number: int = 1) -> list[Object]:
        """The ready pods of a Service, once the gateway knows so many and no others."""

        cache = self.workloads.kubelet.cache

        def pods(slices: list[Object]) -> list[Object]:
            uids = [
                endpoint["targetRef"]["uid"]
                for one in slices
                if one["metadata"]["namespace"] == namespace
                and one["metadata"]["labels"].get("kubernetes.io/service-name") == service
                for endpoint in one.get("endpoints") or ()
                if endpoint["conditions"].get("ready")
            ]
            return [pod for pod in cache.all() if pod["metadata"]["uid"] in uids]

        known = self.workloads.gateway.slices
        assert known.wait_until(lambda slices: len(pods(slices)) == number, PATIENCE_SECONDS), self.log
        return pods(known.all())

    def gone(self, pod: Object) -> None:
        """Returns once the object is no more; another one of its name is another one."""
        uid = pod["metadata"]["uid"]
        cache = self.workloads.kubelet.cache
        assert cache.wait_until(
            lambda pods: all(one["metadata"]["uid"] != uid for one in pods), PATIENCE_SECONDS
        )

    def delete(self, pod: Object, **options: Any) -> None:
        named = pod["metadata"]
        self.api.delete(f"/api/v1/namespaces/{named['namespace']}/pods/{named['name']}", options or None)

    def lines(self, pod: Object) -> list[str]:
        named = pod["metadata"]
        path = self.workloads.logs / named["namespace"] / named["name"] / "agent.log"
        return path.read_text().splitlines()

    def ask(self, namespace: str, path: str = "", body: str | None = None, **headers: str) -> Any:
        """(status, JSON, headers) through the Gateway `entry` of a namespace."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        data = None if body is None else body.encode()
        return ask(f"{self.url}{ENTRY}{namespace}/entry/{path}", data, named)

    @staticmethod
    def _gateways(namespace: str) -> str:
        return f"/apis/gateway.networking.k8s.io/v1/namespaces/{namespace}"


def ask(url: str, data: bytes | None = None, headers: Any = ()) -> Any:
    request = urllib.request.Request(url, data, dict(headers))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=PATIENCE_SECONDS) as answer:
            return answer.status, json.load(answer), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error), dict(error.headers)


def _typed(kind: str, body: Object) -> Object:
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": kind, **body}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@contextmanager
def live_world(cluster: Cluster, state: Path) -> Iterator[LiveWorld]:
    authorizer, records, log, ahead = Authorizer(state / "refusals.jsonl"), Records(), [], [0.0]
    moto: Any = DomainDispatcherApplication(create_backend_app)  # type: ignore[no-untyped-call]
    with serving(Gateway(moto, authorizer, NoFunctions())) as aws_url:
        workloads = Workloads(
            cluster.kubeconfig,
            state / "workloads",
            records=records,
            issue=authorizer.issue,
            endpoint_url=aws_url,
            python=Path(sys.executable),
            log=log.append,
            chance=random.Random(11).random,
            clock=lambda: time.time() + ahead[0],
        )
        workloads.start()
        try:
            with serving(workloads.entry) as url:
                yield LiveWorld(workloads, Api(cluster.kubeconfig), url, aws_url, records, state, log, ahead)
        finally:
            workloads.stop()


class NoFunctions:
    def respond(self, *_given: Any) -> None:
        return None
