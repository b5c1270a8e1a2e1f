import json

import pulumi_aws as aws

TRUST = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
ANYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}

role = aws.iam.Role("open", assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [TRUST]}))
aws.iam.RolePolicy(
    "anything", role=role.name, policy=json.dumps({"Version": "2012-10-17", "Statement": [ANYTHING]})
)
aws.lambda_.FunctionUrl("door", function_name="handbook", authorization_type="NONE")
aws.lambda_.Permission("anyone", function="handbook", action="lambda:InvokeFunction", principal="*")
