import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from moto.awslambda.models import LambdaBackend

from embedded_aws.functions import install
from tests.embedded.functions_world import PATIENCE_SECONDS, REGION, Gateway, World, serving, world

CODE = "import json\ndef handler(event, context): print('got', json.dumps(event))"


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    gateway = Gateway()
    with serving(gateway) as gateway.url:
        yield gateway


@pytest.fixture
def aws(gateway: Gateway) -> Iterator[World]:
    with world(gateway) as made:
        undo = install(made.functions)
        yield made
        undo()


def arn_of(aws: World, name: str) -> str:
    return aws.client("lambda").get_function(FunctionName=name)["Configuration"]["FunctionArn"]


def events(aws: World, name: str) -> list[Any]:
    assert aws.functions.wait_for_events(PATIENCE_SECONDS)
    lines = aws.logged(f"/aws/lambda/{name}")
    return [json.loads(line.removeprefix("got ")) for line in lines if line.startswith("got ")]


def test_a_topic_hands_over_the_record_that_aws_documents(aws: World) -> None:
    sns, name = aws.client("sns"), aws.function(CODE)
    topic = sns.create_topic(Name=f"t-{uuid.uuid4().hex[:6]}")["TopicArn"]
    subscription = sns.subscribe(
        TopicArn=topic, Protocol="lambda", Endpoint=arn_of(aws, name), ReturnSubscriptionArn=True
    )
    attributes = {"kind": {"DataType": "String", "StringValue": "budget"}}
    sent = sns.publish(TopicArn=topic, Message="80 %", Subject="Budget", MessageAttributes=attributes)
    ((record,),) = (event["Records"] for event in events(aws, name))
    assert record["EventSource"] == "aws:sns"
    assert record["EventSubscriptionArn"] == subscription["SubscriptionArn"]
    assert record["Sns"]["TopicArn"] == topic
    assert record["Sns"]["Message"] == "80 %"
    assert record["Sns"]["Subject"] == "Budget"
    assert record["Sns"]["MessageId"] == sent["MessageId"]
    assert record["Sns"]["MessageAttributes"] == {"kind": {"Type": "String", "Value": "budget"}}


def test_a_topic_without_subject_and_attributes_says_so(aws: World) -> None:
    sns, name = aws.client("sns"), aws.function(CODE)
    topic = sns.create_topic(Name=f"t-{uuid.uuid4().hex[:6]}")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn_of(aws, name))
    sns.publish(TopicArn=topic, Message="x")
    (event,) = events(aws, name)
    assert event["Records"][0]["Sns"]["Subject"] is None
    assert event["Records"][0]["Sns"]["MessageAttributes"] == {}


def test_a_filter_policy_of_the_subscription_counts(aws: World) -> None:
    sns, name = aws.client("sns"), aws.function(CODE)
    topic = sns.create_topic(Name=f"t-{uuid.uuid4().hex[:6]}")["TopicArn"]
    policy = {"FilterPolicy": json.dumps({"kind": ["alarm"]})}
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn_of(aws, name), Attributes=policy)
    for kind in ("alarm", "note"):
        attributes = {"kind": {"DataType": "String", "StringValue": kind}}
        sns.publish(TopicArn=topic, Message=kind, MessageAttributes=attributes)
    assert [event["Records"][0]["Sns"]["Message"] for event in events(aws, name)] == ["alarm"]


def test_a_rule_of_eventbridge_reaches_its_function(aws: World) -> None:
    bus, name = aws.client("events"), aws.function(CODE)
    rule = f"r-{uuid.uuid4().hex[:6]}"
    bus.put_rule(Name=rule, EventPattern=json.dumps({"source": [rule]}))
    plain = {"Id": "plain", "Arn": arn_of(aws, name)}
    fixed = {"Id": "fixed", "Arn": arn_of(aws, name), "Input": json.dumps({"fixed": True})}
    bus.put_targets(Rule=rule, Targets=[plain, fixed])
    bus.put_events(Entries=[{"Source": rule, "DetailType": "Run", "Detail": json.dumps({"id": 7})}])
    got = events(aws, name)
    assert {"fixed": True} in got
    (event,) = (event for event in got if "fixed" not in event)
    assert event["detail"] == {"id": 7}
    assert event["detail-type"] == "Run"
    assert event["time"].endswith("Z")
    assert "ingestion-time" not in event


def test_a_disabled_rule_reaches_nobody(aws: World) -> None:
    bus, name = aws.client("events"), aws.function(CODE)
    rule = f"r-{uuid.uuid4().hex[:6]}"
    bus.put_rule(Name=rule, EventPattern=json.dumps({"source": [rule]}), State="DISABLED")
    bus.put_targets(Rule=rule, Targets=[{"Id": "one", "Arn": arn_of(aws, name)}])
    bus.put_events(Entries=[{"Source": rule, "DetailType": "Run", "Detail": "{}"}])
    assert aws.functions.wait_for_events(PATIENCE_SECONDS)
    assert aws.functions.pids() == []


def test_a_bucket_reaches_its_function(aws: World) -> None:
    s3, name, bucket = aws.client("s3"), aws.function(CODE), f"b-{uuid.uuid4().hex[:6]}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    configuration = {"LambdaFunctionArn": arn_of(aws, name), "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"LambdaFunctionConfigurations": [configuration]}
    )
    s3.put_object(Bucket=bucket, Key="a.txt", Body=b"x")
    (event,) = events(aws, name)
    assert event["Records"][0]["s3"]["object"]["key"] == "a.txt"


def test_the_alias_of_a_subscription_is_obeyed(aws: World) -> None:
    sns, lambda_, name = aws.client("sns"), aws.client("lambda"), aws.function(CODE)
    lambda_.publish_version(FunctionName=name)
    alias = lambda_.create_alias(FunctionName=name, Name="live", FunctionVersion="1")["AliasArn"]
    topic = sns.create_topic(Name=f"t-{uuid.uuid4().hex[:6]}")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=alias)
    sns.publish(TopicArn=topic, Message="x")
    assert len(events(aws, name)) == 1
    assert any("Version: 1" in line for line in aws.logged(f"/aws/lambda/{name}"))


def test_undo_gives_moto_its_own_methods_back(gateway: Gateway) -> None:
    before = LambdaBackend.invoke
    with world(gateway) as aws:
        undo = install(aws.functions)
        assert LambdaBackend.invoke is not before
        undo()
    assert LambdaBackend.invoke is before
