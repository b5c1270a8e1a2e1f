"""Resources of the services whose calls name them plainly.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

import re
from typing import Any

from embedded_aws.authorizer import sources
from embedded_aws.authorizer.needs import Need, arn, keys
from embedded_aws.authorizer.request import ApiCall


def bedrock_needs(call: ApiCall) -> list[Need]:
    """A cross-region profile also needs the model behind it.

    https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-prereq.html
    """
    streams = call.operation in {"ConverseStream", "InvokeModelWithResponseStream"}
    calls = streams or call.operation in {"Converse", "InvokeModel"}
    verb = ("InvokeModelWithResponseStream" if streams else "InvokeModel") if calls else str(call.operation)
    action, named = f"bedrock:{verb}", str(call.params.get("modelId") or "")
    if not named:
        return [Need(action)]
    if named.startswith("arn:") and ":inference-profile/" not in named:
        return [Need(action, named)]
    model = named.rsplit("/", 1)[-1]
    if found := re.fullmatch(r"(?:us|eu|apac|global|us-gov|jp|au|ca)\.(.+\..+)", model):
        profile = arn("bedrock", call.region, f"inference-profile/{model}")
        behind = arn("bedrock", call.region, f"foundation-model/{found[1]}", account="")
        return [Need(action, profile), Need(action, behind, keys(bedrock__InferenceProfileArn=profile))]
    return [Need(action, arn("bedrock", call.region, f"foundation-model/{model}", account=""))]


def cloudwatch_needs(call: ApiCall) -> list[Need]:
    action, params = f"cloudwatch:{call.operation}", call.params
    if call.operation == "PutMetricData":
        return [Need(action, "*", keys(cloudwatch__namespace=params.get("Namespace")))]
    names = [params["AlarmName"]] if params.get("AlarmName") else list(params.get("AlarmNames") or [])
    return [Need(action, arn("cloudwatch", call.region, f"alarm:{name}")) for name in names] or [Need(action)]


def ecs_needs(call: ApiCall) -> list[Need]:
    action, params = f"ecs:{call.operation}", call.params
    cluster = str(params.get("cluster") or "default").rsplit("/", 1)[-1]
    context = keys(ecs__cluster=arn("ecs", call.region, f"cluster/{cluster}"))
    tasks: list[Any] = [params["task"]] if params.get("task") else list(params.get("tasks") or [])
    services: list[Any] = [params["service"]] if params.get("service") else list(params.get("services") or [])
    named = [("task", t) for t in tasks] + [("service", s) for s in services]
    if call.operation == "RunTask" and params.get("taskDefinition"):
        named = [("task-definition", params["taskDefinition"])]
    found: list[Need] = []
    for kind, name in named:
        place = f"{kind}/{name}" if kind == "task-definition" else f"{kind}/{cluster}/{name}"
        full = str(name) if str(name).startswith("arn:") else arn("ecs", call.region, place)
        found.append(Need(action, full, context))
    return found or [Need(action, "*", context)]


def events_needs(call: ApiCall) -> list[Need]:
    """Each entry of PutEvents is judged with its own source and type."""
    action = f"events:{call.operation}"
    if call.operation != "PutEvents":
        return [Need(action)]
    found: list[Need] = []
    for entry in call.params.get("Entries") or [{}]:
        bus = str(entry.get("EventBusName") or "default")
        full = bus if bus.startswith("arn:") else arn("events", call.region, f"event-bus/{bus}")
        kind = {"events__detail-type": entry.get("DetailType")}
        found.append(Need(action, full, keys(events__source=entry.get("Source"), **kind)))
    return found


def iam_needs(call: ApiCall) -> list[Need]:
    """Roles and managed policies; all else is judged by `*`."""
    action, name = f"iam:{call.operation}", call.params.get("RoleName")
    if name is None:
        return [Need(action, str(call.params.get("PolicyArn") or "*"))]
    role = next((r for r in sources.roles() if r.name == name), None)
    return [Need(action, arn("iam", "", f"role/{name}") if role is None else str(role.arn))]


def lambda_needs(call: ApiCall) -> list[Need]:
    invokes = call.operation in {"Invoke", "InvokeAsync", "InvokeWithResponseStream"}
    action = "lambda:InvokeFunction" if invokes else f"lambda:{call.operation}"
    named = str(call.params.get("FunctionName") or "")
    if not named:
        return [Need(action, str(call.params.get("Resource") or "*"))]
    region = named.split(":")[3] if named.startswith("arn:") else call.region
    name, _, qualifier = re.sub(r"^(?:arn:.*?:|\d{12}:)?(?:\d{12}:)?(?:function:)", "", named).partition(":")
    qualifier = qualifier or str(call.params.get("Qualifier") or "")
    return [Need(action, arn("lambda", region, f"function:{name}" + (f":{qualifier}" if qualifier else "")))]


def logs_needs(call: ApiCall) -> list[Need]:
    """AWS judges a group as `log-group:NAME:log-stream:`, which a policy on `log-group:NAME:*` covers."""
    params = call.params
    named = str(params.get("logGroupName") or params.get("logGroupIdentifier") or "")
    if not named:
        return [Need(f"logs:{call.operation}", str(params.get("resourceArn") or "*"))]
    group = named.split(":log-group:", 1)[-1].removesuffix(":*")
    place = f"log-group:{group}:log-stream:{params.get('logStreamName') or ''}"
    return [Need(f"logs:{call.operation}", arn("logs", call.region, place))]


def secretsmanager_needs(call: ApiCall) -> list[Need]:
    action, params = f"secretsmanager:{call.operation}", call.params
    stage, version = params.get("VersionStage"), params.get("VersionId")

    def need(verb: str, named: Any) -> Need:
        held = sources.secret(call.region, str(named))
        full = held.arn if held is not None else named
        if not str(full).startswith("arn:"):
            full = arn("secretsmanager", call.region, f"secret:{named}")
        context = {
            "secretsmanager__SecretId": str(full),
            "secretsmanager__VersionStage": stage,
            "secretsmanager__VersionId": version,
        }
        return Need(verb, str(full), keys(**context))

    if call.operation == "BatchGetSecretValue":
        named = list(params.get("SecretIdList") or [])
        return [Need(action), *(need("secretsmanager:GetSecretValue", one) for one in named)]
    named = params.get("SecretId") or params.get("Name")
    return [need(action, named) if named else Need(action)]


def sns_needs(call: ApiCall) -> list[Need]:
    params, operation = call.params, str(call.operation).removesuffix("Batch")
    subscription = str(params.get("SubscriptionArn") or "").rsplit(":", 1)[0]
    named = params.get("TopicArn") or params.get("TargetArn") or params.get("ResourceArn") or subscription
    if not named and operation == "CreateTopic":
        named = arn("sns", call.region, str(params.get("Name")))
    context = keys(sns__Protocol=params.get("Protocol"), sns__Endpoint=params.get("Endpoint"))
    return [Need(f"sns:{operation}", str(named or "*"), context)]


def sqs_needs(call: ApiCall) -> list[Need]:
    action = f"sqs:{str(call.operation).removesuffix('Batch')}"
    url, name = call.params.get("QueueUrl"), call.params.get("QueueName")
    queue = str(url or name or "").rstrip("/").rsplit("/", 1)[-1]
    return [Need(action, arn("sqs", call.region, queue) if queue else "*")]


def ssm_needs(call: ApiCall) -> list[Need]:
    params = call.params
    named: list[Any] = list(params.get("Names") or []) or [params.get("Name") or params.get("Path")]
    found: list[Need] = []
    for name in filter(None, named):
        plain = (
            str(name).split(":parameter", 1)[-1]
            if str(name).startswith("arn:")
            else str(name).split(":", 1)[0]
        )
        found.append(Need(f"ssm:{call.operation}", arn("ssm", call.region, f"parameter/{plain.lstrip('/')}")))
    return found or [Need(f"ssm:{call.operation}")]


def states_needs(call: ApiCall) -> list[Need]:
    """A task token does not name its state machine in the clear; SendTask* is judged by `*`."""
    params = call.params
    named = params.get("stateMachineArn") or params.get("executionArn") or params.get("activityArn")
    return [Need(f"states:{call.operation}", str(named or "*"))]


def sts_needs(call: ApiCall) -> list[Need]:
    """Whoever has credentials may ask whose they are, whatever a policy says:
    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    """
    if call.operation in {"GetCallerIdentity", "GetSessionToken"}:
        return []
    context = keys(
        sts__ExternalId=call.params.get("ExternalId"), sts__RoleSessionName=call.params.get("RoleSessionName")
    )
    return [Need(f"sts:{call.operation}", str(call.params.get("RoleArn") or "*"), context)]
