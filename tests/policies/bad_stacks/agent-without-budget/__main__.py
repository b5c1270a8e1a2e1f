import json

import pulumi_aws as aws

TAGS = {"agent": "handbook", "tenant": "acme", "environment": "prod", "bundle": "b-1"}
TRUST = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}

role = aws.iam.Role(
    "handbook-role",
    assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [TRUST]}),
    permissions_boundary="arn:aws:iam::123456789012:policy/agents",
    tags=TAGS,
)
aws.lambda_.Function(
    "handbook",
    package_type="Image",
    image_uri=f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/handbook@sha256:{'a' * 64}",
    role=role.arn,
    timeout=30,
    memory_size=512,
    publish=True,
    reserved_concurrent_executions=10,
    tracing_config={"mode": "Active"},
    tags=TAGS,
)
