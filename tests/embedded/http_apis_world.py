"""An HTTP API in moto, called through WSGI, over functions that a test writes as Python callables."""

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.test import Client

from embedded_aws.functions import Invocation
from embedded_aws.http_apis.app import HttpApis
from embedded_aws.http_apis.issuer import Issuer
from tests.embedded.functions_world import ACCOUNT, REGION, package, serving

Handler = Callable[[dict[str, Any]], Any]


@dataclass
class Callables:
    """Stands in for the executor: the last event of each function, and its answer."""

    handlers: dict[str, Handler] = field(default_factory=dict[str, Handler])
    events: list[tuple[str, str | None, dict[str, Any]]] = field(default_factory=list[Any])

    def invoke(self, _region: str, function: str, qualifier: str | None, payload: bytes, /) -> Invocation:
        event = json.loads(payload)
        self.events.append((function, qualifier, event))
        answer = self.handlers[function](event)
        return answer if isinstance(answer, Invocation) else Invocation(200, {}, json.dumps(answer).encode())


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Apis:
    url: str
    functions: Callables
    issuer: Issuer
    clock: Clock
    log: list[str]
    http: Client

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="admin",
            aws_secret_access_key="admin",
        )

    def api(self, **settings: Any) -> str:
        given = {"Name": "agents", "ProtocolType": "HTTP", **settings}
        return self.client("apigatewayv2").create_api(**given)["ApiId"]

    def stage(self, api: str, name: str = "$default", **settings: Any) -> None:
        self.client("apigatewayv2").create_stage(ApiId=api, StageName=name, AutoDeploy=True, **settings)

    def function(self, handler: Handler) -> str:
        """ARN of the alias `live` of a function that runs `handler` in this process."""
        lambda_, name = self.client("lambda"), f"agent-{uuid.uuid4().hex[:8]}"
        role = self.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        code = {"ZipFile": package({"app.py": ""})}
        lambda_.create_function(
            FunctionName=name, Runtime="python3.11", Handler="app.handler", Role=role, Code=code, Publish=True
        )
        self.functions.handlers[name] = handler
        return lambda_.create_alias(FunctionName=name, Name="live", FunctionVersion="1")["AliasArn"]

    def permit(self, arn: str, source: str, qualifier: str | None = "live") -> None:
        self.client("lambda").add_permission(
            FunctionName=arn.split(":")[6],
            StatementId=uuid.uuid4().hex,
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{source}",
            **({"Qualifier": qualifier} if qualifier else {}),
        )

    def route(
        self,
        api: str,
        key: str,
        function: str,
        *,
        integration: Mapping[str, Any] | None = None,
        permitted: bool = True,
        **settings: Any,
    ) -> None:
        gateway = self.client("apigatewayv2")
        given: dict[str, Any] = {
            "IntegrationType": "AWS_PROXY",
            "IntegrationUri": (
                f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function}/invocations"
            ),
            "PayloadFormatVersion": "2.0",
            **(integration or {}),
        }
        made = gateway.create_integration(ApiId=api, **given)["IntegrationId"]
        gateway.create_route(ApiId=api, RouteKey=key, Target=f"integrations/{made}", **settings)
        if permitted:
            self.permit(function, f"{api}/*/*")

    def answering(self, handler: Handler, key: str = "ANY /{proxy+}", **route: Any) -> str:
        """Id of an API with one route."""
        api = self.api()
        self.stage(api)
        self.route(api, key, self.function(handler), **route)
        return api

    @property
    def event(self) -> dict[str, Any]:
        return self.functions.events[-1][2]


@contextmanager
def moto() -> Iterator[str]:
    with serving(DomainDispatcherApplication(create_backend_app)) as url:
        yield url


@contextmanager
def apis(url: str, key: Path) -> Iterator[Apis]:
    functions, clock, log = Callables(), Clock(), list[str]()
    issuer = Issuer("http://127.0.0.1:1", key, clock)
    app = HttpApis(functions=functions, issuer=issuer, log=log.append, clock=clock, monotonic=clock)
    try:
        yield Apis(url, functions, issuer, clock, log, Client(app, use_cookies=False))
    finally:
        app.close()
