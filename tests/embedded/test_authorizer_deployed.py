import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from embedded_aws.authorizer import read_log
from tests.embedded.authorizer_world import (
    REGION,
    World,
    allow,
    arn,
    policy,
    world,
)


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def test_a_restricted_role_reaches_its_own_partition_and_no_other(aws: World) -> None:
    aws.admin("dynamodb").create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    own = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["a#*"]}}
    actions = ["dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:Query"]
    client = aws.caller("dynamodb", allow(actions, arn("dynamodb", "table/t"), Condition=own))
    client.put_item(TableName="t", Item={"pk": {"S": "a#1"}})
    query = {"TableName": "t", "KeyConditionExpression": "pk = :p"}
    assert client.query(**query, ExpressionAttributeValues={":p": {"S": "a#1"}})["Count"] == 1
    with pytest.raises(ClientError, match="dynamodb:Query"):
        client.query(**query, ExpressionAttributeValues={":p": {"S": "b#1"}})
    with pytest.raises(ClientError, match="dynamodb:PutItem"):
        client.put_item(TableName="t", Item={"pk": {"S": "b#1"}})
    mixed = [{"Put": {"TableName": "t", "Item": {"pk": {"S": pk}}}} for pk in ("a#2", "b#2")]
    with pytest.raises(ClientError, match="dynamodb:PutItem"):
        client.transact_write_items(TransactItems=mixed)


def test_a_secret_that_denies_others_denies_a_role_that_may_do_anything(aws: World) -> None:
    full = aws.admin("secretsmanager").create_secret(Name="s", SecretString="v")["ARN"]
    reader = aws.role("reader", allow("secretsmanager:GetSecretValue", full))
    guard = {
        "Sid": "OnlyTheAgentReads",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "secretsmanager:GetSecretValue",
        "Resource": "*",
        "Condition": {"ArnNotEquals": {"aws:PrincipalArn": [reader]}},
    }
    aws.admin("secretsmanager").put_resource_policy(SecretId=full, ResourcePolicy=policy(guard))
    client = aws.client("secretsmanager", aws.authorizer.issue(reader, "run-1"))
    assert client.get_secret_value(SecretId="s")["SecretString"] == "v"
    with pytest.raises(ClientError, match="with an explicit deny in a resource-based policy"):
        aws.caller("secretsmanager", allow("*")).get_secret_value(SecretId="s")
    assert [refused.statement for refused in read_log(aws.log_path)] == ["OnlyTheAgentReads"]


def test_a_boundary_and_a_managed_policy_are_read_from_the_role(aws: World) -> None:
    iam = aws.admin("iam")
    limit = iam.create_policy(PolicyName="limit", PolicyDocument=policy(allow("sqs:*")))["Policy"]["Arn"]
    grant = iam.create_policy(PolicyName="grant", PolicyDocument=policy(allow(["sqs:*", "sns:*"])))["Policy"][
        "Arn"
    ]
    role = aws.role("agent", PermissionsBoundary=limit, Path="/agents/")
    iam.attach_role_policy(RoleName="agent", PolicyArn=grant)
    held = aws.authorizer.issue(role, "run-1")
    aws.client("sqs", held).list_queues()
    with pytest.raises(ClientError, match="because no permissions boundary allows the sns:ListTopics action"):
        aws.client("sns", held).list_topics()
    assert aws.authorizer.allowed_calls() == {(role, "sqs:ListQueues", "statement 1"): 1}


def test_what_was_allowed_is_told_with_the_statement_that_allows_it(aws: World) -> None:
    queues = {sid: {**allow("sqs:GetQueueUrl", arn("sqs", sid)), "Sid": sid} for sid in ("Own", "Others")}
    held = aws.authorizer.issue(role := aws.role("agent", *queues.values()), "run-1")
    for name, times in (("Own", 2), ("Others", 1)):
        aws.admin("sqs").create_queue(QueueName=name)
        for _ in range(times):
            aws.client("sqs", held).get_queue_url(QueueName=name)
    assert aws.authorizer.allowed_calls() == {
        (role, "sqs:GetQueueUrl", "Own"): 2,
        (role, "sqs:GetQueueUrl", "Others"): 1,
    }


def test_a_policy_counts_from_the_moment_it_changes(aws: World) -> None:
    client = aws.caller("sqs")
    with pytest.raises(ClientError):
        client.list_queues()
    aws.admin("iam").put_role_policy(
        RoleName="agent", PolicyName="own", PolicyDocument=policy(allow("sqs:ListQueues"))
    )
    client.list_queues()
    aws.admin("iam").delete_role_policy(RoleName="agent", PolicyName="own")
    with pytest.raises(ClientError):
        client.list_queues()


def test_a_queue_a_topic_and_a_bucket_may_grant_what_no_identity_policy_does(aws: World) -> None:
    role = aws.role("agent")
    held = aws.authorizer.issue(role, "run-1")
    sqs, sns, s3 = (aws.client(service, held) for service in ("sqs", "sns", "s3"))
    url = aws.admin("sqs").create_queue(QueueName="q")["QueueUrl"]
    topic = aws.admin("sns").create_topic(Name="t")["TopicArn"]
    aws.admin("s3").create_bucket(Bucket="bbb", CreateBucketConfiguration={"LocationConstraint": REGION})
    calls = (
        lambda: sqs.send_message(QueueUrl=url, MessageBody="m"),
        lambda: sns.publish(TopicArn=topic, Message="m"),
        lambda: s3.put_object(Bucket="bbb", Key="k", Body=b"x"),
    )
    for call in calls:
        with pytest.raises(ClientError):
            call()

    def to_role(action: str, resource: str) -> str:
        return policy(allow(action, resource, Principal={"AWS": role}))

    aws.admin("sqs").set_queue_attributes(
        QueueUrl=url, Attributes={"Policy": to_role("sqs:SendMessage", arn("sqs", "q"))}
    )
    aws.admin("sns").set_topic_attributes(
        TopicArn=topic, AttributeName="Policy", AttributeValue=to_role("sns:Publish", topic)
    )
    aws.admin("s3").put_bucket_policy(Bucket="bbb", Policy=to_role("s3:PutObject", "arn:aws:s3:::bbb/*"))
    for call in calls:
        call()


def test_a_function_and_a_table_may_grant_too(aws: World) -> None:
    role, creator = aws.role("agent"), aws.admin("lambda")
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("main.py", "")
    creator.create_function(
        FunctionName="f",
        Runtime="python3.11",
        Role=role,
        Handler="main.run",
        Code={"ZipFile": code.getvalue()},
    )
    grant = {"FunctionName": "f", "Action": "lambda:GetFunction"}
    creator.add_permission(**grant, StatementId="role", Principal=role)
    creator.add_permission(**grant, StatementId="service", Principal="apigateway.amazonaws.com")
    aws.admin("dynamodb").create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    table, read = arn("dynamodb", "table/t"), policy(allow("dynamodb:Scan", Principal={"AWS": role}))
    aws.admin("dynamodb").put_resource_policy(ResourceArn=table, Policy=read)
    held = aws.authorizer.issue(role, "run-1")
    aws.client("lambda", held).get_function(FunctionName="f")
    aws.client("dynamodb", held).scan(TableName="t")
    with pytest.raises(ClientError, match="lambda:DeleteFunction"):
        aws.client("lambda", held).delete_function(FunctionName="f")
