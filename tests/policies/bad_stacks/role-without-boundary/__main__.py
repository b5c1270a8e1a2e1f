import json

import pulumi_aws as aws

TRUST = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}

aws.iam.Role(
    "handbook",
    assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [TRUST]}),
    tags={"agent": "handbook", "tenant": "acme", "environment": "prod", "bundle": "b-1"},
)
