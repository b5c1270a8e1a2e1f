import json

import pulumi_aws as aws

DEEP, HUGE = "[" * 50_000, json.dumps({"Statement": [], "Id": "x" * 10_000_000})
MANY = [{"Effect": "Allow", "Action": f"sqs:Do{n}", "Resource": "arn:aws:sqs:*:1:q"} for n in range(1000)]

for name, document in {
    "truncated": '{"Statement": [{"Effect": ',
    "deep": DEEP,
    "wrong-effect": json.dumps({"Statement": [{"Effect": "Perhaps", "Action": "s3:*", "Resource": "*"}]}),
}.items():
    aws.iam.Policy(name, policy=document)
aws.sqs.QueuePolicy("huge", queue_url="https://sqs.eu-west-1.amazonaws.com/123456789012/q", policy=HUGE)
aws.iam.Policy("many", policy=json.dumps({"Version": "2012-10-17", "Statement": MANY}))
aws.iam.Policy("good", policy=json.dumps({"Version": "2012-10-17", "Statement": MANY[:1]}))
aws.cloudwatch.LogGroup("judged-all-the-same", name="/agents/handbook")
