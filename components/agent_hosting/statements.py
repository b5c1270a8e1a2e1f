"""IAM statements as plain dictionaries, read line by line and tested as such.

Each grants what its title says on named resources, nothing more. Values may be Pulumi outputs.
"""

from collections.abc import Sequence
from typing import Any

import pulumi

Statement = dict[str, Any]
Arn = pulumi.Input[str]


_TAKE = "sts:AssumeRole"
_TAKES: dict[str, Any] = {"pods.eks.amazonaws.com": [_TAKE, "sts:TagSession"]}
"""EKS names the pod in session tags: https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html"""


def policy(statements: Sequence[Statement]) -> pulumi.Output[str]:
    """The policy document as JSON text."""
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trust(service: str, source_arn: Arn | None = None) -> Statement:
    """Lets a service take the role; with `source_arn`, a pattern, only on behalf of what it names:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
    """
    action = _TAKES.get(service, _TAKE)
    found: Statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": action}
    if source_arn is None:
        return found
    account = pulumi.Output.from_input(source_arn).apply(lambda arn: arn.split(":")[4])
    condition = {
        "ArnLike": {"aws:SourceArn": source_arn},
        "StringEquals": {"aws:SourceAccount": account},
    }
    return {**found, "Condition": condition}


def publish_from(service: str, topic_arn: Arn, account: Arn) -> Statement:
    """Lets the account's budgets or alarms, by the service that they are of, publish. Belongs to a topic's
    own policy:
    https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-sns-policy.html
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
    """
    source = {
        "budgets.amazonaws.com": pulumi.Output.concat("arn:aws:budgets::", account, ":*"),
        "cloudwatch.amazonaws.com": pulumi.Output.concat("arn:aws:cloudwatch:*:", account, ":alarm:*"),
    }[service]
    return {
        "Sid": f"PublishFrom{service.split('.')[0].capitalize()}",
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sns:Publish",
        "Resource": topic_arn,
        "Condition": {
            "StringEquals": {"aws:SourceAccount": account},
            "ArnLike": {"aws:SourceArn": source},
        },
    }


def tls_only(action: str, resource: pulumi.Input[str] | Sequence[Arn]) -> Statement:
    """Belongs to a resource's own policy."""
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": resource,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def write_logs(log_group_arn: Arn) -> Statement:
    return {
        "Sid": "WriteOwnLogs",
        "Effect": "Allow",
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": pulumi.Output.concat(log_group_arn, ":*"),
    }


def trace() -> Statement:
    return {
        "Sid": "SendTraces",
        "Effect": "Allow",
        "Action": ["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
        # X-Ray has no resource type for these actions (Service Authorization Reference, AWS X-Ray).
        "Resource": "*",
    }


def send_spans() -> Statement:
    """OTLP to X-Ray's own endpoint. The two that only OpenTelemetry uses stand in the policy that AWS itself
    attaches for it: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-OTLP-UsingADOT.html
    """
    return {
        "Sid": "SendSpans",
        "Effect": "Allow",
        "Action": ["xray:PutSpans", "xray:PutSpansForIndexing", "xray:PutTraceSegments"],
        # X-Ray has no resource type for these actions (Service Authorization Reference, AWS X-Ray).
        "Resource": "*",
    }


def use_checkpoints(table_arn: Arn, agent: str) -> Statement:
    """Reads and writes of the agent's own partitions. No delete and no scan: items expire by their TTL."""
    return {
        "Sid": "UseOwnCheckpoints",
        "Effect": "Allow",
        "Action": [
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:Query",
            "dynamodb:UpdateItem",
        ],
        "Resource": table_arn,
        # With ForAllValues alone a request without keys would pass; those actions are not granted above.
        "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{agent}#*"]}},
    }


def keep_threads(table_arn: Arn, agent: str) -> Statement:
    """What `agent_runtime.integrations.langgraph` does beside it: many items at once, fenced by a check."""
    return {
        "Sid": "KeepOwnThreads",
        "Effect": "Allow",
        "Action": ["dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem"],
        "Resource": table_arn,
        "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{agent}#*"]}},
    }


def use_large_items(bucket_arn: Arn, agent: str) -> Statement:
    return {
        "Sid": "UseOwnLargeItems",
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:PutObject"],
        "Resource": pulumi.Output.concat(bucket_arn, f"/{agent}/*"),
    }


def read_brake(control_table_arn: Arn, agent: str) -> Statement:
    return {
        "Sid": "ReadOwnBrake",
        "Effect": "Allow",
        "Action": "dynamodb:GetItem",
        "Resource": control_table_arn,
        "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [agent]}},
    }


def write_brake(control_table_arn: Arn, agent: str) -> Statement:
    return {
        "Sid": "WriteBrake",
        "Effect": "Allow",
        "Action": "dynamodb:UpdateItem",
        "Resource": control_table_arn,
        "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [agent]}},
    }


def read_secrets(secret_arns: pulumi.Input[Sequence[str]]) -> Statement:
    """Exact ARNs: a wildcard such as `agent-*` would also match the secrets of `agent-b`."""
    return {
        "Sid": "ReadOwnSecrets",
        "Effect": "Allow",
        "Action": "secretsmanager:GetSecretValue",
        "Resource": secret_arns,
    }


def use_key_through(service: str, key_arn: Arn, actions: Sequence[str]) -> Statement:
    """Use of a customer managed key, by way of one AWS service only (`kms:ViaService`)."""
    region = pulumi.Output.from_input(key_arn).apply(lambda arn: arn.split(":")[3])
    return {
        "Sid": f"UseKeyThrough{service.capitalize()}",
        "Effect": "Allow",
        "Action": list(actions),
        "Resource": key_arn,
        "Condition": {
            "StringEquals": {"kms:ViaService": pulumi.Output.concat(f"{service}.", region, ".amazonaws.com")}
        },
    }


def read_variables(key_arn: Arn | None) -> list[Statement]:
    """What a function needs so that Lambda can tell it its variables; nothing where AWS's own key encrypts
    them: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars-encryption.html
    """
    return [use_key_through("lambda", key_arn, ["kms:Decrypt"])] if key_arn is not None else []


def tell(topic_arn: Arn) -> Statement:
    """How much of its caps an agent has used. It may stop itself by that, and let nobody go on."""
    return {"Sid": "TellOfSpending", "Effect": "Allow", "Action": "sns:Publish", "Resource": topic_arn}


def send_failures(queue_arn: Arn) -> Statement:
    return {"Sid": "SendFailures", "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": queue_arn}


def invoke_models(models: Sequence[str], region: pulumi.Input[str], account: pulumi.Input[str]) -> Statement:
    """Models of Bedrock's, each by its id or its ARN. A cross-region inference profile (`eu.…`) also needs
    the model where it may run:
    https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-prereq.html
    """
    resources = [arn for model in models for arn in _model_arns(model, region, account)]
    return {"Sid": "CallOwnModel", "Effect": "Allow", "Action": "bedrock:InvokeModel", "Resource": resources}


def _model_arns(model: str, region: pulumi.Input[str], account: pulumi.Input[str]) -> list[Arn]:
    if model.startswith("arn:"):
        return [model]
    prefix, _, rest = model.partition(".")
    if prefix in {"us", "eu", "apac", "global", "us-gov", "jp", "au", "ca"} and "." in rest:
        return [
            pulumi.Output.concat("arn:aws:bedrock:", region, ":", account, f":inference-profile/{model}"),
            # The profile chooses the region, so that the region of the model is open; its name is not.
            f"arn:aws:bedrock:*::foundation-model/{rest}",
        ]
    return [pulumi.Output.concat("arn:aws:bedrock:", region, f"::foundation-model/{model}")]


def models_behind(models: Sequence[str]) -> list[Statement]:
    """The models of inference profiles that are named by their ARNs. Which they are an ARN does not say, so
    that the resource is open; the condition closes it to calls by way of these profiles."""
    profiles = [model for model in models if model.startswith("arn:") and "inference-profile/" in model]
    if not profiles:
        return []
    return [
        {
            "Sid": "CallModelsOfOwnProfile",
            "Effect": "Allow",
            "Action": "bedrock:InvokeModel",
            "Resource": "arn:aws:bedrock:*::foundation-model/*",
            "Condition": {"StringEquals": {"bedrock:InferenceProfileArn": profiles}},
        }
    ]
