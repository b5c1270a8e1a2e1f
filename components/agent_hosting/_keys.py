"""Who is deploying, who may use a customer managed key, and who takes a task's role."""

from typing import Any

import pulumi
import pulumi_aws as aws

from agent_hosting.statements import Statement, policy


def account_id(parent: pulumi.Resource) -> pulumi.Output[str]:
    return aws.get_caller_identity_output(opts=pulumi.InvokeOutputOptions(parent=parent)).account_id


def deployer_arn(parent: pulumi.Resource) -> pulumi.Output[str]:
    """The role, not the session, of whoever runs Pulumi."""
    options = pulumi.InvokeOutputOptions(parent=parent)
    caller = aws.get_caller_identity_output(opts=options)
    return aws.iam.get_session_context_output(arn=caller.arn, opts=options).issuer_arn


def own_tasks(parent: pulumi.Resource) -> pulumi.Output[str]:
    """On whose behalf ECS takes a task's roles: the account's. ECS cannot tell a single cluster yet:
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
    """
    region = aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=parent)).region
    return pulumi.Output.concat("arn:aws:ecs:", region, ":", account_id(parent), ":*")


def delegate_to_account(parent: pulumi.Resource) -> Statement:
    """Lets IAM policies of the account decide; without it a key can become unmanageable:
    https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
    """
    return {
        "Sid": "IamPoliciesDecide",
        "Effect": "Allow",
        "Principal": {"AWS": pulumi.Output.concat("arn:aws:iam::", account_id(parent), ":root")},
        "Action": "kms:*",
        "Resource": "*",  # in a key's own policy "*" means that key
    }


def publish_through(service: str) -> Statement:
    """Lets an AWS service publish to a topic that the key encrypts:
    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html

    Without a condition, as documented: not every service passes its source on to KMS, and an alert that is
    refused is refused in silence. Whose alerts they are, the topic's own policy limits.
    """
    return {
        "Sid": f"PublishFrom{service.split('.')[0].capitalize()}",
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
        "Resource": "*",  # in a key's own policy "*" means that key
    }


def use_through_dynamodb(parent: pulumi.Resource) -> Statement:
    """Lets whoever of the account may reach the table use its key on the way, as AWS's own key does:
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
    """
    region = aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=parent)).region
    return {
        "Sid": "UseThroughDynamodb",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [
            "kms:CreateGrant",
            "kms:Decrypt",
            "kms:DescribeKey",
            "kms:Encrypt",
            "kms:GenerateDataKey*",
            "kms:ReEncrypt*",
        ],
        "Resource": "*",  # in a key's own policy "*" means that key
        "Condition": {
            "StringEquals": {
                "kms:CallerAccount": account_id(parent),
                "kms:ViaService": pulumi.Output.concat("dynamodb.", region, ".amazonaws.com"),
            }
        },
    }


def platform_key(name: str, tags: Any, parent: pulumi.Resource) -> aws.kms.Key:
    """The key of an environment's control table, logs and functions' variables. Beside the account its own
    policy lets in CloudWatch Logs, for log groups of this account alone, and, by way of DynamoDB, whoever the
    table's policies let in: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
    """
    return aws.kms.Key(
        f"{name}-key",
        description=f"Table, logs and variables of {name}",
        enable_key_rotation=True,
        deletion_window_in_days=30,  # logs that were copied elsewhere must stay readable for a while
        policy=policy([delegate_to_account(parent), use_through_dynamodb(parent), encrypt_logs(parent)]),
        tags=tags,
        # The table that it encrypts outlives the stack.
        opts=pulumi.ResourceOptions(parent=parent, retain_on_delete=True),
    )


def encrypt_logs(parent: pulumi.Resource) -> Statement:
    region = aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=parent)).region
    groups = pulumi.Output.concat("arn:aws:logs:", region, ":", account_id(parent), ":log-group:*")
    return {
        "Sid": "EncryptLogs",
        "Effect": "Allow",
        "Principal": {"Service": pulumi.Output.concat("logs.", region, ".amazonaws.com")},
        "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
        "Resource": "*",  # in a key's own policy "*" means that key
        "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
    }


def queues_key(agent: str, tags: Any, parent: pulumi.Resource) -> aws.kms.Key:
    """The key of all queues of an agent; what each role may do with it, its own policy says."""
    return aws.kms.Key(
        f"{agent}-queues-key",
        description=f"Queues of {agent}",
        enable_key_rotation=True,
        deletion_window_in_days=7,
        policy=policy([delegate_to_account(parent)]),
        tags=tags,
        opts=pulumi.ResourceOptions(parent=parent),
    )
