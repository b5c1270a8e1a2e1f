import pulumi_aws as aws

aws.cloudwatch.LogGroup(
    "handbook",
    name="/aws/lambda/handbook",
    kms_key_id="arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555",
    tags={"agent": "handbook", "tenant": "acme", "environment": "prod", "bundle": "b-1"},
)
