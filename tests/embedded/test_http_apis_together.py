"""API, authorizer, alias and process in one call, as a stack deploys them."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.test import Client

from embedded_aws.http_apis.app import HttpApis
from embedded_aws.http_apis.issuer import Issuer
from tests.embedded.functions_world import ACCOUNT, REGION, Gateway, package, serving, world

CODE = """
def handler(event, context):
    claims = event["requestContext"]["authorizer"]["jwt"]["claims"]
    run = event["pathParameters"]["id"]
    return {"tenant": claims["tenant"], "version": context.function_version, "run": run}
"""


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    gateway = Gateway()
    with serving(gateway) as gateway.url:
        yield gateway


def test_a_canary_gets_its_share_of_real_calls(gateway: Gateway, tmp_path: Path) -> None:
    drawn = iter([0.1, 0.9, 0.3, 0.04])
    issuer, log = Issuer("http://127.0.0.1:1", tmp_path / "key"), list[str]()
    with world(gateway, choose=lambda: next(drawn)) as aws:
        lambda_, apigateway = aws.client("lambda"), aws.client("apigatewayv2")
        name = aws.function(CODE)
        lambda_.publish_version(FunctionName=name)
        lambda_.update_function_code(FunctionName=name, ZipFile=package({"app.py": CODE + "# new"}))
        lambda_.publish_version(FunctionName=name)
        weights = {"AdditionalVersionWeights": {"2": 0.05}}
        alias = lambda_.create_alias(
            FunctionName=name, Name="live", FunctionVersion="1", RoutingConfig=weights
        )["AliasArn"]
        api = apigateway.create_api(Name="agents", ProtocolType="HTTP")["ApiId"]
        apigateway.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
        authorizer = apigateway.create_authorizer(
            ApiId=api,
            Name="people",
            AuthorizerType="JWT",
            IdentitySource=["$request.header.Authorization"],
            JwtConfiguration={"Issuer": issuer.url, "Audience": ["agents"]},
        )["AuthorizerId"]
        integration = apigateway.create_integration(
            ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=alias, PayloadFormatVersion="2.0"
        )["IntegrationId"]
        apigateway.create_route(
            ApiId=api,
            RouteKey="GET /runs/{id}",
            Target=f"integrations/{integration}",
            AuthorizationType="JWT",
            AuthorizerId=authorizer,
        )
        lambda_.add_permission(
            FunctionName=name,
            Qualifier="live",
            StatementId="api",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api}/*/*",
        )
        app = HttpApis(functions=aws.functions, issuer=issuer, log=log.append)
        client = Client(app)
        token = issuer.token(audience="agents", subject="ann", claims={"tenant": "acme"})
        replies = [
            client.get(f"/{api}/runs/7", headers={"Authorization": f"Bearer {token}"}) for _ in range(4)
        ]
        app.close()
    assert [reply.status_code for reply in replies] == [200] * 4, log
    assert Counter(reply.json["version"] for reply in replies) == {"1": 3, "2": 1}
    assert {(reply.json["tenant"], reply.json["run"]) for reply in replies} == {("acme", "7")}
