import pulumi_aws as aws

TAGS = {"agent": "handbook", "tenant": "acme", "environment": "prod", "bundle": "b-1"}

workers = aws.ec2.SecurityGroup(
    "workers", vpc_id="vpc-0a1b2c3d", description="Workers of the agent handbook", tags=TAGS
)
aws.vpc.SecurityGroupIngressRule(
    "ssh",
    security_group_id=workers.id,
    description="Shell for operators",
    ip_protocol="tcp",
    from_port=22,
    to_port=22,
    cidr_ipv4="0.0.0.0/0",
    tags=TAGS,
)
