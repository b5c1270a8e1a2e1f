"""Real requests of boto3: captured, or sent to moto past an authoriser."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from moto import mock_aws
from moto.core.botocore_stubber import MockRawResponse

from embedded_aws.authorizer import Authorizer, Credentials, Refusal

REGION, ACCOUNT = "eu-west-1", "123456789012"
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
ENDPOINT = "http://127.0.0.1:5000"
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}

Statement = dict[str, Any]
Sent = tuple[str, str, str, dict[str, str], bytes]
"""(method, path, query, headers, body), as a server receives them."""


def policy(*statements: Statement) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any, resource: Any = "*", **more: Any) -> Statement:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def as_sent(request: Any) -> Sent:
    url = urlsplit(request.url)
    headers = {k: v.decode() if isinstance(v, bytes) else str(v) for k, v in request.headers.items()}
    body = request.body or b""
    if hasattr(body, "read"):
        body.seek(0)
        content = body.read()
        body.seek(0)
        body = content
    body = body if isinstance(body, bytes) else body.encode()
    return request.method, url.path, url.query, {"Host": url.netloc, **headers}, body


_SESSION = boto3.Session(
    aws_access_key_id="ASIATEST",
    aws_secret_access_key="secret",
    aws_session_token="token",
    region_name=REGION,
)
"""One for all tests: it keeps the models of the services that it has read."""


class _Captured(Exception):
    def __init__(self, sent: Sent) -> None:
        self.sent = sent


@cache
def _capturing(service: str) -> Any:
    def keep(request: Any, **_: Any) -> None:
        raise _Captured(as_sent(request))

    client: Any = _SESSION.client(service, endpoint_url=ENDPOINT)  # type: ignore[call-overload]
    client.meta.events.register_first("before-send", keep)
    return client


def captured(service: str, operation: str, **params: Any) -> Sent:
    """What boto3 would send; nothing is sent."""
    try:
        getattr(_capturing(service), operation)(**params)
    except _Captured as found:
        return found.sent
    raise AssertionError(f"{operation} sent nothing")


@dataclass
class World:
    authorizer: Authorizer
    log_path: Path

    def admin(self, service: str) -> Any:
        """Straight to moto."""
        return _SESSION.client(service)  # type: ignore[call-overload]

    def role(self, name: str, *statements: Statement, **more: Any) -> str:
        iam = self.admin("iam")
        trust = policy(more.pop("trust", TRUST))
        made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, **more)
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy(*statements))
        return made["Role"]["Arn"]

    def caller(self, service: str, *statements: Statement, name: str = "agent", **more: Any) -> Any:
        """A client with the credentials of a new role that may do what `statements` say."""
        return self.client(service, self.authorizer.issue(self.role(name, *statements, **more), "run-1"))

    def client(self, service: str, held: Credentials, **settings: Any) -> Any:
        client: Any = _SESSION.client(
            service,  # type: ignore[call-overload]
            aws_access_key_id=held.access_key_id,
            aws_secret_access_key=held.secret_access_key,
            aws_session_token=held.session_token,
            config=Config(retries={"total_max_attempts": 1}, **settings),
        )
        client.meta.events.register_first("before-send", self._gate)
        return client

    def _gate(self, request: Any, **_: Any) -> AWSResponse | None:
        refusal = self.authorizer.refusal(*as_sent(request))
        return None if refusal is None else _answer(request.url, refusal)


def _answer(url: str, refusal: Refusal) -> AWSResponse:
    raw: Any = MockRawResponse(refusal.body)
    return AWSResponse(url, refusal.status, refusal.headers, raw)  # type: ignore[arg-type]


@contextmanager
def world(folder: Path) -> Iterator[World]:
    with mock_aws():
        log = folder / "refused.jsonl"
        yield World(Authorizer(log, clock=lambda: NOON), log)
