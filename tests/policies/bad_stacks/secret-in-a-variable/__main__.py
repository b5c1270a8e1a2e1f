import pulumi_aws as aws

aws.lambda_.Function(
    "poller",
    runtime="python3.13",
    handler="poller.handle",
    s3_bucket="releases",
    s3_key="poller.zip",
    role="arn:aws:iam::123456789012:role/poller",
    timeout=30,
    memory_size=256,
    reserved_concurrent_executions=1,
    tracing_config={"mode": "Active"},
    kms_key_arn="arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555",
    environment={"variables": {"MODEL_API_KEY": "sk-proj-4f8a1c2e9b7d6053f1e2d3c4"}},
)
