"""The most that roles may ever do, as the statements of their permission boundaries."""

from agent_hosting.statements import Statement


def boundary() -> list[Statement]:
    """The most that any agent's role may ever do, whatever its own policies say.

    Resources are open here because a boundary only limits: each role's own policy names its resources.
    IAM, STS, organisations and every control-plane action are absent, and so refused.
    """
    return [
        {
            "Sid": "DataPlaneOfAgents",
            "Effect": "Allow",
            "Action": [
                "bedrock:InvokeModel",
                "bedrock:InvokeModelWithResponseStream",
                "cloudwatch:PutMetricData",
                "dynamodb:BatchGetItem",
                "dynamodb:ConditionCheckItem",
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "dynamodb:Query",
                "dynamodb:UpdateItem",
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:GetAuthorizationToken",
                "ecr:GetDownloadUrlForLayer",
                "ecs:UpdateTaskProtection",
                "kms:Decrypt",
                "kms:GenerateDataKey",
                "logs:CreateLogStream",
                "logs:DescribeLogGroups",
                "logs:DescribeLogStreams",
                "logs:GetLogEvents",
                "logs:PutLogEvents",
                "s3:GetObject",
                "s3:PutObject",
                "secretsmanager:GetSecretValue",
                "sns:Publish",
                "sqs:ChangeMessageVisibility",
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "sqs:ReceiveMessage",
                "sqs:SendMessage",
                "xray:PutSpans",
                "xray:PutSpansForIndexing",
                "xray:PutTelemetryRecords",
                "xray:PutTraceSegments",
            ],
            "Resource": "*",
        }
    ]


def rollout_boundary() -> list[Statement]:
    """The most that a rollout controller may ever do: what agents may, measure, move an alias, enter the
    network of a cluster, and call the version of a candidate with copies of runs."""
    moves = [
        "cloudwatch:DescribeAlarms",
        "cloudwatch:GetMetricData",
        # A function enters the network of a private cluster with a card of its own.
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
        "lambda:GetAlias",
        "lambda:InvokeFunction",
        "lambda:UpdateAlias",
    ]
    return [*boundary(), {"Sid": "MoveTraffic", "Effect": "Allow", "Action": moves, "Resource": "*"}]
