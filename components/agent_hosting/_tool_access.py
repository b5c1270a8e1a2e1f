"""The policies around a tool gateway, in one place to read."""

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from agent_hosting import statements
from agent_hosting.secret_scope import SecretScope
from agent_hosting.statements import Arn, Statement

ROLE_CHARACTERS = 10_240
"""Of all inline policies of one role together, without spaces:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""


def most_characters(functions: int, secrets: int, agents: int) -> int:
    """Of the policies of a gateway's role with so many functions of tools, secrets of servers and agents
    behind it, where every name is as long as it may be."""
    return 2_400 + 125 * functions + 150 * secrets + 700 * agents


def boundary() -> list[Statement]:
    """The most that a gateway's role may ever do. Resources are open here because a boundary only limits: the
    role's own policy names them."""
    return [
        {
            "Sid": "CallToolsAndKeepAnswers",
            "Effect": "Allow",
            "Action": [
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "dynamodb:UpdateItem",
                "kms:Decrypt",
                "lambda:InvokeFunction",
                "logs:CreateLogStream",
                "logs:PutLogEvents",
                "secretsmanager:GetSecretValue",
                "xray:PutTelemetryRecords",
                "xray:PutTraceSegments",
            ],
            "Resource": "*",
        }
    ]


def gateway(
    log: aws.cloudwatch.LogGroup,
    table_arn: Arn,
    control_table_arn: Arn,
    agents: Sequence[str],
    function_arns: Sequence[Arn],
    scope: SecretScope | None,
) -> list[Statement]:
    """What the gateway itself does. Runs and approvals it reads by policies that connected agents add."""
    found = [
        statements.write_logs(log.arn),
        statements.trace(),
        {
            "Sid": "KeepAnswersAndCounts",
            "Effect": "Allow",
            "Action": ["dynamodb:PutItem", "dynamodb:UpdateItem"],
            "Resource": table_arn,
        },
    ]
    if agents:
        found.append(
            {
                "Sid": "ReadPlacesAndBrakes",
                "Effect": "Allow",
                "Action": "dynamodb:GetItem",
                "Resource": control_table_arn,
                "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": sorted(agents)}},
            }
        )
    if function_arns:
        found.append(
            {
                "Sid": "CallDeclaredTools",
                "Effect": "Allow",
                "Action": "lambda:InvokeFunction",
                "Resource": list(function_arns),
            }
        )
    return found if scope is None else [*found, *reading(scope)]


def tool(
    log: aws.cloudwatch.LogGroup, declared: pulumi.Input[Sequence[Any]] | None, scope: SecretScope | None
) -> pulumi.Output[list[Statement]]:
    """What one tool's function does: its log, its secrets, and what it declares."""
    own = [statements.write_logs(log.arn), statements.trace(), *([] if scope is None else reading(scope))]
    return pulumi.Output.all(own, pulumi.Output.from_input(declared or [])).apply(
        lambda both: [*both[0], *both[1]]
    )


def reading(scope: SecretScope) -> list[Statement]:
    arns = scope.secret_arns.apply(lambda by_name: [by_name[name] for name in sorted(by_name)])
    key = statements.use_key_through("secretsmanager", scope.key_arn, ["kms:Decrypt"])
    return [{**statements.read_secrets(arns), "Sid": "ReadSecretsOfTools"}, key]


def read_runs(agent: str, table_arn: Arn, key_arn: Arn | None) -> list[Statement]:
    """What the gateway looks up of a connected agent: its runs' heads and their approvals."""
    found: list[Statement] = [
        {
            "Sid": "ReadRunsAndApprovals",
            "Effect": "Allow",
            "Action": "dynamodb:GetItem",
            "Resource": table_arn,
            "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{agent}#*"]}},
        }
    ]
    if key_arn is not None:
        found.append(statements.use_key_through("dynamodb", key_arn, ["kms:Decrypt"]))
    return found
