"""Amazon API Gateway: HTTP APIs."""

from typing import Any

from embedded_aws.provider.fit import fit
from embedded_aws.provider.rows import AutoName, Client, Row, Setting
from embedded_aws.provider.values import Properties
from embedded_aws.tables.common import ACCOUNT, REGION


def _api(found: Any) -> Properties:
    return {
        "apiEndpoint": found["ApiEndpoint"],
        "arn": _arn(found["ApiId"]),
        "executionArn": _execution(found["ApiId"]),
    }


def _arn(api: str) -> str:
    return f"arn:aws:apigateway:{REGION}::/apis/{api}"


def _execution(api: str) -> str:
    return f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api}"


def _stage_addresses(_client: Client, name: str, state: Properties) -> Properties:
    api = state["apiId"]
    path = "" if name == "$default" else name
    return {
        "arn": f"{_arn(api)}/stages/{name}",
        "executionArn": f"{_execution(api)}/{name}",
        "invokeUrl": f"https://{api}.execute-api.{REGION}.amazonaws.com/{path}",
    }


def _write_stage(client: Client, name: str, properties: Properties) -> None:
    """moto has no UpdateStage: the stage is made anew under its name, with no call lost between on one
    machine."""
    wanted = {k: properties[k] for k in _STAGE if properties.get(k) is not None}
    shape = client.meta.service_model.operation_model("CreateStage").input_shape
    client.delete_stage(ApiId=properties["apiId"], StageName=name)
    client.create_stage(ApiId=properties["apiId"], StageName=name, **fit(wanted, shape, "", {}, []))


_STAGE = ("accessLogSettings", "autoDeploy", "defaultRouteSettings", "description", "stageVariables", "tags")

ROWS = (
    Row(
        token="aws:apigatewayv2/api:Api",
        service="apigatewayv2",
        create="CreateApi",
        id="{ApiId}",
        read="GetApi",
        update="UpdateApi",
        delete="DeleteApi",
        key={"ApiId": "{id}"},
        outputs=_api,
        name=AutoName(longest=128),
        replaces=frozenset({"protocolType"}),
        defaults={
            "apiKeySelectionExpression": "$request.header.x-api-key",
            "routeSelectionExpression": "$request.method $request.path",
        },
    ),
    Row(
        token="aws:apigatewayv2/authorizer:Authorizer",
        service="apigatewayv2",
        create="CreateAuthorizer",
        id="{AuthorizerId}",
        imported="{apiId}/{id}",
        read="GetAuthorizer",
        update="UpdateAuthorizer",
        delete="DeleteAuthorizer",
        key={"ApiId": "{apiId}", "AuthorizerId": "{id}"},
        renames={"identitySources": "IdentitySource", "audiences": "Audience"},
        name=AutoName(longest=128),
        replaces=frozenset({"apiId"}),
    ),
    Row(
        token="aws:apigatewayv2/integration:Integration",
        service="apigatewayv2",
        create="CreateIntegration",
        id="{IntegrationId}",
        imported="{apiId}/{id}",
        read="GetIntegration",
        update="UpdateIntegration",
        delete="DeleteIntegration",
        key={"ApiId": "{apiId}", "IntegrationId": "{id}"},
        renames={"timeoutMilliseconds": "TimeoutInMillis"},
        replaces=frozenset({"apiId", "integrationType"}),
        defaults={"integrationMethod": "POST"},
    ),
    Row(
        token="aws:apigatewayv2/route:Route",
        service="apigatewayv2",
        create="CreateRoute",
        id="{RouteId}",
        imported="{apiId}/{id}",
        read="GetRoute",
        update="UpdateRoute",
        delete="DeleteRoute",
        key={"ApiId": "{apiId}", "RouteId": "{id}"},
        replaces=frozenset({"apiId"}),
        defaults={"authorizationType": "NONE", "apiKeyRequired": False},
    ),
    Row(
        token="aws:apigatewayv2/stage:Stage",
        service="apigatewayv2",
        create="CreateStage",
        id="{name}",
        imported="{apiId}/{id}",
        delete="DeleteStage",
        read="GetStage",
        key={"ApiId": "{apiId}", "StageName": "{id}"},
        renames={"name": "StageName"},
        settings=(Setting(_STAGE, _write_stage, _stage_addresses, on_create=False),),
        replaces=frozenset({"apiId", "name"}),
    ),
)
