"""From a call to the actions and resources that policies must allow."""

from collections.abc import Callable, Mapping

from embedded_aws.authorizer import encryption
from embedded_aws.authorizer import resources_services as services
from embedded_aws.authorizer.needs import Need
from embedded_aws.authorizer.request import ApiCall
from embedded_aws.authorizer.resources_dynamodb import dynamodb_needs, stream_needs
from embedded_aws.authorizer.resources_kms import kms_needs
from embedded_aws.authorizer.resources_s3 import s3_needs

_SERVICES: Mapping[str, Callable[[ApiCall], list[Need]]] = {
    "bedrock-runtime": services.bedrock_needs,
    "cloudwatch": services.cloudwatch_needs,
    "dynamodb": dynamodb_needs,
    "dynamodbstreams": stream_needs,
    "ecs": services.ecs_needs,
    "events": services.events_needs,
    "iam": services.iam_needs,
    "kms": kms_needs,
    "lambda": services.lambda_needs,
    "logs": services.logs_needs,
    "s3": s3_needs,
    "secretsmanager": services.secretsmanager_needs,
    "sns": services.sns_needs,
    "sqs": services.sqs_needs,
    "ssm": services.ssm_needs,
    "stepfunctions": services.states_needs,
    "sts": services.sts_needs,
}

_PREFIXES = {"monitoring": "cloudwatch"}
"""Signing names that are not the prefix of the service's actions."""


def needs_of(call: ApiCall) -> list[Need]:
    """All must be allowed. A call that is not listed is judged by `*`: only a statement on `*` allows it."""
    listed = _SERVICES.get(call.service) if call.operation is not None else None
    if listed is None:
        prefix = _PREFIXES.get(call.signing_name, call.signing_name)
        return [Need(f"{prefix}:{call.operation or 'Unknown'}")]
    return encryption.with_keys(listed(call), call.region, str(call.operation), call.params)
