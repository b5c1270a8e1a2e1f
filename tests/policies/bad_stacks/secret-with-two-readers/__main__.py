import json

import pulumi_aws as aws

SECRETS = "arn:aws:secretsmanager:eu-west-1:123456789012:secret"


def agent(name: str, may_read: str) -> None:
    tags = {"agent": name, "tenant": "acme", "environment": "prod", "bundle": "b-1"}
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    role = aws.iam.Role(
        f"{name}-role",
        assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        permissions_boundary="arn:aws:iam::123456789012:policy/agents",
        tags=tags,
    )
    read = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": may_read}
    aws.iam.RolePolicy(
        f"{name}-reads",
        role=role.name,
        policy=json.dumps({"Version": "2012-10-17", "Statement": [read]}),
    )


key = aws.kms.Key(
    "secrets",
    description="Secrets of agents",
    enable_key_rotation=True,
    deletion_window_in_days=30,
    policy=json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
                    "Action": "kms:*",
                    "Resource": "*",
                }
            ],
        }
    ),
)
secret = aws.secretsmanager.Secret("agent-billing-key", name="agent-billing-key", kms_key_id=key.arn)
aws.secretsmanager.SecretRotation(
    "rotation",
    secret_id=secret.id,
    rotation_lambda_arn="arn:aws:lambda:eu-west-1:123456789012:function:rotate",
    rotation_rules={"automatically_after_days": 30},
)
agent("agent-billing", may_read=f"{SECRETS}:agent-billing-key-??????")
agent("agent", may_read=f"{SECRETS}:agent-*")
