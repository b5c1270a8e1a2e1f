"""A program with one resource of each type that the tables of the agents' own services know."""

SERVICES = (
    *("apigatewayv2", "budgets", "cloudwatch", "dynamodb", "iam", "kms", "lambda_"),
    *("logs", "s3", "secretsmanager", "sns", "sqs"),
)
"""The tables that `PROGRAM` covers."""

PROGRAM = """
key = aws.kms.Key("key", description="checkpoints", enable_key_rotation=True, deletion_window_in_days=7,
                  tags={"team": "agents", "tier": "1"},
                  policy=json.dumps({"Version": "2012-10-17", "Statement": [
                      {"Sid": "own", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:*",
                       "Resource": "*"}]}))
aws.kms.Alias("key-alias", name=f"alias/{stack_id}", target_key_id=key.key_id)

role = aws.iam.Role("role", name=f"{stack_id}-role", assume_role_policy=trust(), path="/agents/",
                    description="an agent", max_session_duration=7200, tags={"team": "agents"})
policy = aws.iam.Policy("policy", description="reads", tags={"team": "agents"}, policy=json.dumps({
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "*"}]}))
aws.iam.RolePolicyAttachment("attachment", role=role.name, policy_arn=policy.arn)
aws.iam.RolePolicy("inline", role=role.id, policy=json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]}))

table = aws.dynamodb.Table(
    "table", billing_mode="PAY_PER_REQUEST", hash_key="run", range_key="step",
    attributes=[{"name": "run", "type": "S"}, {"name": "step", "type": "N"}, {"name": "owner", "type": "S"}],
    global_secondary_indexes=[{"name": "by-owner", "hash_key": "owner", "range_key": "step",
                               "projection_type": "INCLUDE", "non_key_attributes": ["note"]}],
    point_in_time_recovery={"enabled": True}, ttl={"enabled": True, "attribute_name": "expires"},
    server_side_encryption={"enabled": True, "kms_key_arn": key.arn},
    stream_enabled=True, stream_view_type="NEW_IMAGE", deletion_protection_enabled=False,
    tags={"team": "agents"})
provisioned = aws.dynamodb.Table("provisioned", hash_key="id", attributes=[{"name": "id", "type": "S"}],
                                 read_capacity=3, write_capacity=2)
aws.dynamodb.TableItem("item", table_name=table.name, hash_key=table.hash_key, range_key=table.range_key,
                       item=json.dumps({"run": {"S": "r-1"}, "step": {"N": "1"}, "note": {"S": "first"}}))

bucket = aws.s3.Bucket("bucket", force_destroy=True, tags={"team": "agents"})
locked = aws.s3.Bucket("locked", force_destroy=True, object_lock_enabled=True)
aws.s3.BucketObjectLockConfiguration(
    "lock", bucket=locked.id, rule={"default_retention": {"mode": "GOVERNANCE", "days": 1}})
aws.s3.BucketVersioning("versioning", bucket=bucket.id, versioning_configuration={"status": "Enabled"})
aws.s3.BucketPublicAccessBlock("block", bucket=bucket.id, block_public_acls=True, block_public_policy=True,
                               ignore_public_acls=True, restrict_public_buckets=True)
aws.s3.BucketServerSideEncryptionConfiguration("encryption", bucket=bucket.id, rules=[
    {"apply_server_side_encryption_by_default": {"sse_algorithm": "aws:kms", "kms_master_key_id": key.arn},
     "bucket_key_enabled": True}])
aws.s3.BucketLifecycleConfiguration("lifecycle", bucket=bucket.id, rules=[
    {"id": "old", "status": "Enabled", "filter": {"prefix": "blobs/"}, "expiration": {"days": 30},
     "noncurrent_version_expiration": {"noncurrent_days": 7}}])
aws.s3.BucketOwnershipControls("ownership", bucket=bucket.id,
                               rule={"object_ownership": "BucketOwnerEnforced"})
aws.s3.BucketPolicy("bucket-policy", bucket=bucket.id, policy=bucket.arn.apply(lambda arn: json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:*",
     "Resource": [arn, f"{arn}/*"], "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]})))
aws.s3.BucketObjectv2("object", bucket=bucket.id, key="prompts/one.txt", content="Be brief.",
                      content_type="text/plain")

group = aws.cloudwatch.LogGroup("group", name=f"/aws/lambda/{stack_id}-function", retention_in_days=30,
                                tags={"team": "agents"})
function = aws.lambda_.Function(
    "function", name=f"{stack_id}-function", role=role.arn, runtime="python3.11", handler="app.handler",
    code=pulumi.AssetArchive({"app.py": pulumi.StringAsset("def handler(event, context): return event")}),
    description="answers", timeout=30, memory_size=512, publish=True, reserved_concurrent_executions=5,
    environment={"variables": {"LEVEL": "info"}}, tracing_config={"mode": "Active"}, architectures=["arm64"],
    tags={"team": "agents"}, opts=Opts(depends_on=[group]))
alias = aws.lambda_.Alias("live", name="live", function_name=function.name, function_version=function.version,
                          description="callers come here")
topic = aws.sns.Topic("topic", display_name="Alarms", tags={"team": "agents"})
aws.lambda_.Permission("permission", action="lambda:InvokeFunction", function=function.name,
                       principal="sns.amazonaws.com", source_arn=topic.arn, qualifier=alias.name)
aws.lambda_.FunctionEventInvokeConfig("event-config", function_name=function.name, maximum_retry_attempts=1,
                                      maximum_event_age_in_seconds=600)

dead = aws.sqs.Queue("dead", message_retention_seconds=1209600)
queue = aws.sqs.Queue("queue", visibility_timeout_seconds=180, receive_wait_time_seconds=20,
                      tags={"team": "agents"})
fifo = aws.sqs.Queue("fifo", fifo_queue=True, content_based_deduplication=True)
aws.sqs.RedrivePolicy("redrive", queue_url=queue.url, redrive_policy=dead.arn.apply(
    lambda arn: json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})))
aws.sqs.RedriveAllowPolicy("redrive-allow", queue_url=dead.url, redrive_allow_policy=queue.arn.apply(
    lambda arn: json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [arn]})))
aws.sqs.QueuePolicy("queue-policy", queue_url=queue.url, policy=queue.arn.apply(lambda arn: json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"},
     "Action": "sqs:SendMessage", "Resource": arn}]})))
aws.lambda_.EventSourceMapping("mapping", event_source_arn=queue.arn, function_name=alias.arn, batch_size=5,
                               scaling_config={"maximum_concurrency": 2},
                               function_response_types=["ReportBatchItemFailures"])

aws.sns.TopicPolicy("topic-policy", arn=topic.arn, policy=topic.arn.apply(lambda arn: json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
     "Principal": {"Service": "budgets.amazonaws.com"}, "Action": "sns:Publish", "Resource": arn}]})))
aws.sns.TopicSubscription("subscription", topic=topic.arn, protocol="sqs", endpoint=queue.arn,
                          raw_message_delivery=True)

secret = aws.secretsmanager.Secret("secret", description="model key", recovery_window_in_days=0,
                                   kms_key_id=key.arn, tags={"team": "agents"})
aws.secretsmanager.SecretVersion("value", secret_id=secret.id, secret_string=pulumi.Output.secret("sk-1"))
aws.secretsmanager.SecretPolicy("secret-policy", secret_arn=secret.arn, policy=json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*",
     "Action": "secretsmanager:DeleteSecret", "Resource": "*"}]}))
aws.secretsmanager.SecretRotation("rotation", secret_id=secret.id, rotation_lambda_arn=function.arn,
                                  rotation_rules={"automatically_after_days": 30})

alarm = aws.cloudwatch.MetricAlarm(
    "alarm", comparison_operator="GreaterThanThreshold", evaluation_periods=3, datapoints_to_alarm=2,
    metric_name="Errors", namespace="AWS/Lambda", period=60, statistic="Sum", threshold=0.5,
    dimensions={"FunctionName": function.name}, alarm_actions=[topic.arn], treat_missing_data="notBreaching",
    alarm_description="too many errors", tags={"team": "agents"})
aws.cloudwatch.MetricAlarm(
    "rate", comparison_operator="GreaterThanThreshold", evaluation_periods=1, threshold=1,
    metric_queries=[
        {"id": "rate", "expression": "errors / calls", "label": "Error rate", "return_data": True},
        {"id": "errors", "metric": {"metric_name": "Errors", "namespace": "AWS/Lambda", "period": 60,
                                    "stat": "Sum", "dimensions": {"FunctionName": function.name}}},
        {"id": "calls", "metric": {"metric_name": "Invocations", "namespace": "AWS/Lambda", "period": 60,
                                   "stat": "Sum", "dimensions": {"FunctionName": function.name}}}])
aws.cloudwatch.CompositeAlarm("composite", alarm_name=f"{stack_id}-composite",
                              alarm_rule=alarm.name.apply(lambda name: f'ALARM("{name}")'))
aws.cloudwatch.Dashboard("dashboard", dashboard_name=f"{stack_id}-dashboard",
                         dashboard_body=json.dumps({"widgets": []}))

budget = aws.budgets.Budget(
    "budget", budget_type="COST", time_unit="MONTHLY", limit_amount="120.5", limit_unit="USD",
    cost_filters=[{"name": "TagKeyValue", "values": ["user:agent$one"]}],
    notifications=[
        {"comparison_operator": "GREATER_THAN", "threshold": 80, "threshold_type": "PERCENTAGE",
         "notification_type": "ACTUAL", "subscriber_sns_topic_arns": [topic.arn]},
        {"comparison_operator": "GREATER_THAN", "threshold": 100, "threshold_type": "PERCENTAGE",
         "notification_type": "FORECASTED", "subscriber_email_addresses": ["owner@example.com"]}])
aws.budgets.BudgetAction(
    "action", budget_name=budget.name, action_type="APPLY_IAM_POLICY", approval_model="AUTOMATIC",
    notification_type="ACTUAL", execution_role_arn=role.arn,
    action_threshold={"action_threshold_type": "PERCENTAGE", "action_threshold_value": 100},
    definition={"iam_action_definition": {"policy_arn": policy.arn, "roles": [role.name]}},
    subscribers=[{"address": "owner@example.com", "subscription_type": "EMAIL"}])

api = aws.apigatewayv2.Api("api", protocol_type="HTTP", description="turns",
                           cors_configuration={"allow_origins": ["https://example.com"],
                                               "allow_methods": ["POST"], "max_age": 60},
                           tags={"team": "agents"})
authorizer = aws.apigatewayv2.Authorizer(
    "authorizer", api_id=api.id, authorizer_type="JWT", identity_sources=["$request.header.Authorization"],
    jwt_configuration={"issuer": "https://issuer.example.com", "audiences": ["agents"]})
integration = aws.apigatewayv2.Integration(
    "integration", api_id=api.id, integration_type="AWS_PROXY", integration_uri=alias.invoke_arn,
    payload_format_version="2.0", timeout_milliseconds=29000)
aws.apigatewayv2.Route("route", api_id=api.id, route_key="POST /runs", authorization_type="JWT",
                       authorizer_id=authorizer.id, authorization_scopes=["runs"],
                       target=integration.id.apply(lambda i: f"integrations/{i}"))
aws.apigatewayv2.Stage("stage", api_id=api.id, name="$default", auto_deploy=True,
                       default_route_settings={"throttling_burst_limit": 10, "throttling_rate_limit": 5},
                       access_log_settings={"destination_arn": group.arn, "format": "$context.requestId"},
                       tags={"team": "agents"})
pulumi.export("topic", topic.arn)
"""
