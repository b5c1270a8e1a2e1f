"""A small AWS for tests of what runs: moto over HTTP, with our executor before it."""

import io
import json
import logging
import queue
import sys
import threading
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from embedded_aws.functions import Functions

REGION = "eu-west-1"
ACCOUNT = "123456789012"
PATIENCE_SECONDS = 30.0
"""For waits that end with an event: only a broken build takes this long."""


HOLD = """
import os, urllib.request
def hold(): urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/_hold").read()
"""


@dataclass(frozen=True)
class Keys:
    access_key_id: str
    secret_access_key: str = "secret"
    session_token: str = "token"


@dataclass
class Gateway:
    """Invocations go to the executor, everything else to moto.

    A function that asks for `/_hold` says that it runs, and runs on until the test calls `release`.
    """

    url: str = ""
    functions: Functions | None = None
    arrivals: "queue.SimpleQueue[threading.Event]" = field(default_factory=queue.SimpleQueue)
    moto: Any = field(default_factory=lambda: DomainDispatcherApplication(create_backend_app))

    def __call__(self, environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/_hold":
            released = threading.Event()
            self.arrivals.put(released)
            released.wait(PATIENCE_SECONDS)
            return Response("go on")(environ, start_response)
        if self.functions is not None and environ["PATH_INFO"].endswith("/invocations"):
            request = Request(environ)
            answer = self.functions.respond(
                request.method,
                environ["RAW_URI"].partition("?")[0],
                environ["QUERY_STRING"],
                dict(request.headers),
                request.get_data(),
            )
            if answer is not None:
                status, headers, body = answer
                return Response(body, status, headers)(environ, start_response)
        return self.moto(environ, start_response)


@contextmanager
def serving(gateway: Any) -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, gateway, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class World:
    gateway: Gateway
    functions: Functions
    log: list[str]

    def client(self, service: str) -> Any:
        """Without retries: a refusal must arrive as it was sent."""
        return boto3.client(
            service,
            endpoint_url=self.gateway.url,
            region_name=REGION,
            aws_access_key_id="admin",
            aws_secret_access_key="admin",
            config=Config(retries={"total_max_attempts": 1}, read_timeout=PATIENCE_SECONDS),
        )

    def role(self) -> str:
        name = f"role-{uuid.uuid4().hex[:8]}"
        return self.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]

    def function(self, code: str, **settings: Any) -> str:
        name = f"agent-{uuid.uuid4().hex[:8]}"
        given = {
            "Runtime": "python3.11",
            "Role": self.role(),
            "Handler": "app.handler",
            "Timeout": 20,
            "MemorySize": 512,
            "Code": {"ZipFile": package({"app.py": code})},
            **settings,
        }
        self.client("lambda").create_function(FunctionName=name, **given)
        return name

    def invoke(self, name: str, payload: Any = None, **how: Any) -> Any:
        return self.client("lambda").invoke(FunctionName=name, Payload=json.dumps(payload or {}), **how)

    def answer(self, name: str, payload: Any = None, **how: Any) -> Any:
        return json.loads(self.invoke(name, payload, **how)["Payload"].read())

    def arrived(self) -> threading.Event:
        """Waits for a function that holds; set the event to let it go on."""
        return self.gateway.arrivals.get(timeout=PATIENCE_SECONDS)

    def logged(self, group: str) -> list[str]:
        logs = self.client("logs")
        return [event["message"] for event in logs.filter_log_events(logGroupName=group)["events"]]

    def queue(self) -> tuple[str, str]:
        """(URL, ARN)"""
        sqs = self.client("sqs")
        url = sqs.create_queue(QueueName=f"queue-{uuid.uuid4().hex[:8]}")["QueueUrl"]
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return url, found["Attributes"]["QueueArn"]

    def received(self, url: str) -> list[Any]:
        sqs = self.client("sqs")
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        return found.get("Messages", [])


def package(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


@contextmanager
def world(gateway: Gateway, **settings: Any) -> Iterator[World]:
    """A fresh executor over the moto that `gateway` serves."""
    log: list[str] = []
    issue: Callable[[str, str], Keys] = lambda role, session: Keys(f"{role.split('/')[-1]}+{session}")  # noqa: E731
    given = {"issue": issue, "python": Path(sys.executable), "log": log.append, **settings}
    functions = Functions(endpoint_url=gateway.url, **given)
    gateway.functions = functions
    try:
        yield World(gateway, functions, log)
    finally:
        gateway.functions = None
        functions.close()
