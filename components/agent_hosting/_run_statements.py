"""IAM statements of agents whose runs go through queues to containers."""

from collections.abc import Sequence

import pulumi

from agent_hosting.statements import Arn, Statement

Arns = pulumi.Input[Sequence[str]]


def send_runs(queue_arns: Arns) -> Statement:
    return {"Sid": "SendRuns", "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": queue_arns}


def take_runs(queue_arns: Arns) -> Statement:
    return {
        "Sid": "TakeRuns",
        "Effect": "Allow",
        "Action": [
            "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
        ],
        "Resource": queue_arns,
    }


def empty_queues(queue_arns: Arns) -> Statement:
    """What moving messages elsewhere takes: they are hidden by the receive, and nothing is said of them."""
    return {
        "Sid": "EmptyQueues",
        "Effect": "Allow",
        "Action": ["sqs:DeleteMessage", "sqs:ReceiveMessage"],
        "Resource": queue_arns,
    }


def protect_tasks(cluster_arn: Arn) -> Statement:
    """Keeps tasks of one cluster from being scaled in; a task's ARN names its cluster:
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection-endpoint.html
    """
    tasks = pulumi.Output.from_input(cluster_arn).apply(lambda arn: arn.replace(":cluster/", ":task/") + "/*")
    return {
        "Sid": "ProtectOwnTask",
        "Effect": "Allow",
        "Action": "ecs:UpdateTaskProtection",
        "Resource": tasks,
    }


def read_control(control_table_arn: Arn, agent: str) -> Statement:
    """Brake and traffic record of one agent, in one round trip."""
    return {
        "Sid": "ReadOwnControl",
        "Effect": "Allow",
        "Action": ["dynamodb:BatchGetItem", "dynamodb:GetItem"],
        "Resource": control_table_arn,
        "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [agent]}},
    }


def move_traffic(control_table_arn: Arn, agent: str) -> Statement:
    """Reads all of the agent's items, and puts the traffic record and entries of its history: neither is ever
    updated in part or deleted."""
    return {
        "Sid": "MoveTraffic",
        "Effect": "Allow",
        "Action": ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"],
        "Resource": control_table_arn,
        "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [agent, f"{agent}#history"]}},
    }


def read_members(control_table_arn: Arn, members: Sequence[str]) -> Statement:
    """How far the other agents of a group are."""
    return {
        "Sid": "ReadGroup",
        "Effect": "Allow",
        "Action": "dynamodb:Query",
        "Resource": control_table_arn,
        "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": list(members)}},
    }


def read_metrics() -> Statement:
    return {
        "Sid": "ReadMetrics",
        "Effect": "Allow",
        "Action": "cloudwatch:GetMetricData",
        # CloudWatch has no resource type for this action; metrics hold numbers alone.
        "Resource": "*",
    }


def read_alarms(prefix: str, region: pulumi.Input[str], account: pulumi.Input[str]) -> Statement:
    return {
        "Sid": "ReadOwnAlarms",
        "Effect": "Allow",
        "Action": "cloudwatch:DescribeAlarms",
        "Resource": pulumi.Output.concat("arn:aws:cloudwatch:", region, ":", account, f":alarm:{prefix}*"),
    }


def move_alias(function_arn: Arn) -> Statement:
    return {
        "Sid": "MoveAlias",
        "Effect": "Allow",
        "Action": ["lambda:GetAlias", "lambda:UpdateAlias"],
        "Resource": function_arn,
    }


def call_versions(function_arn: Arn) -> Statement:
    """Calls of single versions, past the alias."""
    versions = pulumi.Output.concat(function_arn, ":*")
    return {
        "Sid": "CallVersions",
        "Effect": "Allow",
        "Action": "lambda:InvokeFunction",
        "Resource": versions,
    }


def find_runs(table_arn: Arn, agent: str) -> Statement:
    return {
        "Sid": "FindRuns",
        "Effect": "Allow",
        "Action": ["dynamodb:GetItem", "dynamodb:Query"],
        "Resource": table_arn,
        "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{agent}#*"]}},
    }


def begin_runs(table_arn: Arn, agent: str) -> Statement:
    """A run that is there already is told by the failed condition itself, without a read."""
    return {
        "Sid": "BeginRuns",
        "Effect": "Allow",
        "Action": "dynamodb:PutItem",
        "Resource": table_arn,
        "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{agent}#*"]}},
    }


def find_sessions(table_arn: Arn, agent: str) -> Statement:
    """Which release a session is pinned to. Of the agent's partitions sessions alone: not its runs."""
    return {
        "Sid": "FindSessions",
        "Effect": "Allow",
        "Action": "dynamodb:GetItem",
        "Resource": table_arn,
        "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{agent}#*#session-*"]}},
    }


def read_spend(table_arn: Arn, agent: str) -> Statement:
    """What the agent and its tenants have spent. Of the agent's partitions the sums alone: not its runs."""
    return {
        "Sid": "ReadSpend",
        "Effect": "Allow",
        "Action": "dynamodb:GetItem",
        "Resource": table_arn,
        "Condition": {
            "ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{agent}#spend", f"{agent}#*#spend"]}
        },
    }


def share_budgets(control_table_arn: Arn, agent: str) -> Statement:
    """Opens and moves the pots of the trees of runs whose root is the agent's own. No query: a pot is found
    by its reference alone."""
    return {
        "Sid": "ShareBudgets",
        "Effect": "Allow",
        "Action": ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"],
        "Resource": control_table_arn,
        "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [f"{agent}#tree"]}},
    }


def spend_of_trees(control_table_arn: Arn, roots: Sequence[str]) -> Statement:
    """Moves pots that runs of other agents have shared."""
    return {
        "Sid": "SpendOfTrees",
        "Effect": "Allow",
        "Action": ["dynamodb:GetItem", "dynamodb:UpdateItem"],
        "Resource": control_table_arn,
        "Condition": {
            "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [f"{root}#tree" for root in roots]}
        },
    }


def close_budgets(control_table_arn: Arn, agent: str) -> Statement:
    """Closes the pot of a run that is ended from outside."""
    return {
        "Sid": "CloseBudgets",
        "Effect": "Allow",
        "Action": "dynamodb:UpdateItem",
        "Resource": control_table_arn,
        "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [f"{agent}#tree"]}},
    }


def find_due_runs(table_arn: Arn, index: str, agent: str) -> Statement:
    # The leading key of an index is its own: "{agent}#{hex digit}".
    return _find_due("Runs", table_arn, index, "StringLike", f"{agent}#*")


def find_due_spend(table_arn: Arn, index: str, agent: str) -> Statement:
    """Reservations of model calls whose process died. Of the index the agent's own ledger alone."""
    return _find_due("Spend", table_arn, index, "StringEquals", f"{agent}#spend")


def _find_due(what: str, table_arn: Arn, index: str, operator: str, key: str) -> Statement:
    return {
        "Sid": f"FindDue{what}",
        "Effect": "Allow",
        "Action": "dynamodb:Query",
        "Resource": pulumi.Output.concat(table_arn, f"/index/{index}"),
        "Condition": {f"ForAllValues:{operator}": {"dynamodb:LeadingKeys": [key]}},
    }


def write_large_items(bucket_arn: Arn, agent: str) -> Statement:
    return {
        "Sid": "WriteLargeItems",
        "Effect": "Allow",
        "Action": "s3:PutObject",
        "Resource": pulumi.Output.concat(bucket_arn, f"/{agent}/*"),
    }


def read_large_items(bucket_arn: Arn, agent: str, below: str = "*") -> Statement:
    return {
        "Sid": "ReadLargeItems",
        "Effect": "Allow",
        "Action": "s3:GetObject",
        "Resource": pulumi.Output.concat(bucket_arn, f"/{agent}/{below}"),
    }


def pull_images(repository_arns: Arns) -> Statement:
    return {
        "Sid": "PullOwnImages",
        "Effect": "Allow",
        "Action": ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
        "Resource": repository_arns,
    }


def log_in_to_registry() -> Statement:
    return {
        "Sid": "LogInToRegistry",
        "Effect": "Allow",
        "Action": "ecr:GetAuthorizationToken",
        # ECR has no resource type for this action; what the token opens, PullOwnImages says.
        "Resource": "*",
    }


def enter_network() -> Statement:
    """What Lambda does in the function's name to let it into a network:
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
    """
    return {
        "Sid": "EnterNetwork",
        "Effect": "Allow",
        "Action": [
            "ec2:AssignPrivateIpAddresses",
            "ec2:CreateNetworkInterface",
            "ec2:DeleteNetworkInterface",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSubnets",
            "ec2:UnassignPrivateIpAddresses",
        ],
        # Lambda asks before there is a card, and refuses a function whose role names one:
        # the two that describe have no resource type, and the others are asked for with none.
        "Resource": "*",
    }
