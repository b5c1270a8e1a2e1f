import pulumi
import pulumi_aws as aws

TAGS = {"agent": "review", "tenant": "acme", "environment": "prod", "bundle": "b-1"}

runs = aws.sqs.Queue(
    "runs",
    visibility_timeout_seconds=180,
    message_retention_seconds=345_600,
    kms_master_key_id="arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555",
    tags=TAGS,
)
only_tls = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "sqs:*",
    "Resource": runs.arn,
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
aws.sqs.QueuePolicy(
    "runs-policy",
    queue_url=runs.url,
    policy=pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": [only_tls]}),
)
