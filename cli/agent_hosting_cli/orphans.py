"""Finds the resource of a creation whose end nobody saw, by the inputs that Pulumi noted before it."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from botocore.exceptions import ClientError

from agent_hosting_cli.orphans_in_networks import NETWORK_KINDS, association, route, tagged

Inputs = dict[str, Any]
Client = Any
ClientFor = Callable[[str], Client]
Known = set[Any]


def find_or_remove(kind: str, inputs: Inputs, known: Known, client: ClientFor) -> str | None:
    """The id by which `pulumi import` takes the resource; None when nothing was made.

    The two kinds that cannot be imported are removed instead, to be made again. `known` are ids of the state.
    """
    finders: dict[str, Callable[[], str | None]] = {
        "aws:apigatewayv2/api:Api": lambda: _child(
            client("apigatewayv2").get_apis(), "Name", inputs["name"], "ApiId"
        ),
        "aws:apigatewayv2/authorizer:Authorizer": lambda: _of_api(
            client("apigatewayv2").get_authorizers, inputs, "Name", inputs["name"], "AuthorizerId"
        ),
        "aws:apigatewayv2/integration:Integration": lambda: _of_api(
            client("apigatewayv2").get_integrations,
            inputs,
            "IntegrationUri",
            inputs["integrationUri"],
            "IntegrationId",
        ),
        "aws:apigatewayv2/route:Route": lambda: _of_api(
            client("apigatewayv2").get_routes, inputs, "RouteKey", inputs["routeKey"], "RouteId"
        ),
        "aws:apigatewayv2/stage:Stage": lambda: _of_api(
            client("apigatewayv2").get_stages, inputs, "StageName", inputs["name"], "StageName"
        ),
        "aws:budgets/budget:Budget": lambda: _budget(client, inputs["name"]),
        "aws:cloudwatch/logGroup:LogGroup": lambda: _child(
            client("logs").describe_log_groups(logGroupNamePrefix=inputs["name"]),
            "logGroupName",
            inputs["name"],
            "logGroupName",
        ),
        "aws:cloudwatch/metricAlarm:MetricAlarm": lambda: _child(
            client("cloudwatch").describe_alarms(AlarmNames=[inputs["name"]]),
            "AlarmName",
            inputs["name"],
            "AlarmName",
        ),
        "aws:dynamodb/table:Table": lambda: client("dynamodb").describe_table(TableName=inputs["name"])[
            "Table"
        ]["TableName"],
        "aws:dynamodb/tableItem:TableItem": lambda: _remove_item(client("dynamodb"), inputs),
        "aws:ec2/route:Route": lambda: route(client("ec2"), inputs),
        "aws:ec2/routeTableAssociation:RouteTableAssociation": lambda: association(client("ec2"), inputs),
        "aws:ecs/service:Service": lambda: _service(client("ecs"), inputs),
        "aws:iam/policy:Policy": lambda: _child(
            client("iam").list_policies(Scope="Local"), "PolicyName", inputs["name"], "Arn"
        ),
        "aws:iam/role:Role": lambda: client("iam").get_role(RoleName=inputs["name"])["Role"]["RoleName"],
        "aws:iam/rolePolicy:RolePolicy": lambda: _role_policy(client("iam"), inputs),
        "aws:kms/key:Key": lambda: _key(client("kms"), inputs, known),
        "aws:lambda/alias:Alias": lambda: _alias(client("lambda"), inputs),
        "aws:lambda/function:Function": lambda: client("lambda").get_function(FunctionName=inputs["name"])[
            "Configuration"
        ]["FunctionName"],
        "aws:lambda/permission:Permission": lambda: _remove_permission(client("lambda"), inputs),
        "aws:s3/bucket:Bucket": lambda: _bucket(client("s3"), inputs["bucket"]),
        "aws:secretsmanager/secret:Secret": lambda: client("secretsmanager").describe_secret(
            SecretId=inputs["name"]
        )["ARN"],
        "aws:sns/topic:Topic": lambda: _topic(client("sns"), inputs["name"]),
        "aws:sqs/queue:Queue": lambda: client("sqs").get_queue_url(QueueName=inputs["name"])["QueueUrl"],
    }
    # Of every other kind a second creation replaces the first: policies by name, settings of a bucket,
    # subscriptions.
    finders |= dict.fromkeys(NETWORK_KINDS, lambda: tagged(client("ec2"), kind, inputs, known))
    finder = finders.get(kind)
    try:
        return finder() if finder is not None else None
    except (ClientError, KeyError):
        return None


def _child(answer: Any, field: str, value: Any, wanted: str) -> str | None:
    lists: Iterable[list[Any]] = (held for held in answer.values() if isinstance(held, list))
    return next((item[wanted] for held in lists for item in held if item.get(field) == value), None)


def _of_api(listed: Callable[..., Any], inputs: Inputs, field: str, value: Any, wanted: str) -> str | None:
    found = _child(listed(ApiId=inputs["apiId"]), field, value, wanted)
    return f"{inputs['apiId']}/{found}" if found else None


def _budget(client: ClientFor, name: str) -> str:
    account = client("sts").get_caller_identity()["Account"]
    client("budgets").describe_budget(AccountId=account, BudgetName=name)
    return f"{account}:{name}"


def _role_policy(iam: Client, inputs: Inputs) -> str:
    iam.get_role_policy(RoleName=inputs["role"], PolicyName=inputs["name"])
    return f"{inputs['role']}:{inputs['name']}"


def _key(kms: Client, inputs: Inputs, known: Known) -> str | None:
    """A key has no name of its own: it is the one of this description that the state does not know."""
    for page in kms.get_paginator("list_keys").paginate():
        for key in page["Keys"]:
            found = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
            living = found["KeyState"] not in ("PendingDeletion", "PendingReplicaDeletion")
            if living and found.get("Description") == inputs.get("description") and key["KeyId"] not in known:
                return str(key["KeyId"])
    return None


def _alias(functions: Client, inputs: Inputs) -> str:
    functions.get_alias(FunctionName=inputs["functionName"], Name=inputs["name"])
    return f"{inputs['functionName']}/{inputs['name']}"


def _bucket(s3: Client, name: str) -> str:
    s3.head_bucket(Bucket=name)
    return name


def _service(ecs: Client, inputs: Inputs) -> str | None:
    cluster = str(inputs["cluster"])
    found = ecs.describe_services(cluster=cluster, services=[inputs["name"]])["services"]
    is_active = any(service["status"] == "ACTIVE" for service in found)
    return f"{cluster.rsplit('/', 1)[-1]}/{inputs['name']}" if is_active else None


def _topic(sns: Client, name: str) -> str | None:
    pages = sns.get_paginator("list_topics").paginate()
    arns = (topic["TopicArn"] for page in pages for topic in page["Topics"])
    return next((arn for arn in arns if arn.rsplit(":", 1)[1] == name), None)


def _remove_item(dynamodb: Client, inputs: Inputs) -> None:
    item = json.loads(inputs["item"])
    keys = [inputs["hashKey"], *([inputs["rangeKey"]] if inputs.get("rangeKey") else [])]
    dynamodb.delete_item(TableName=inputs["tableName"], Key={key: item[key] for key in keys})


def _remove_permission(functions: Client, inputs: Inputs) -> None:
    qualifier = {"Qualifier": inputs["qualifier"]} if inputs.get("qualifier") else {}
    functions.remove_permission(
        FunctionName=inputs["function"], StatementId=inputs["statementId"], **qualifier
    )
