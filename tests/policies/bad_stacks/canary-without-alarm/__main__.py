import pulumi_aws as aws

aws.lambda_.Alias(
    "live",
    name="live",
    function_name="arn:aws:lambda:eu-west-1:123456789012:function:handbook",
    function_version="7",
    routing_config={"additional_version_weights": {"8": 0.05}},
)
