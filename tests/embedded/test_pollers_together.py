"""Queues and schedules reach functions in the embedded cloud as a whole, as the roles are deployed."""

import json
import urllib.error
import urllib.request
import uuid
from typing import Any

import pytest

from tests.embedded.functions_world import PATIENCE_SECONDS, package
from tests.embedded.provider_world import RunningCloud

TELLS = """
import json, os, urllib.request
def handler(event, context):
    credential = os.environ["AWS_ACCESS_KEY_ID"] + "/20260101/eu-west-1/sqs/aws4_request"
    headers = {
        "authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0",
        "content-type": "application/x-amz-json-1.0",
        "x-amz-security-token": os.environ["AWS_SESSION_TOKEN"],
        "x-amz-target": "AmazonSQS.SendMessage",
    }
    body = json.dumps({"QueueUrl": os.environ["TOLD"], "MessageBody": json.dumps(event)}).encode()
    urllib.request.urlopen(urllib.request.Request(os.environ["AWS_ENDPOINT_URL"], body, headers)).read()
"""


@pytest.fixture(scope="module")
def deployed(provider_cloud: RunningCloud) -> dict[str, str]:
    """ARN of a function that tells a queue of its events, and the URLs of that queue and of its source."""
    client, own = provider_cloud.client, uuid.uuid4().hex[:8]
    urls = {
        name: client("sqs").create_queue(QueueName=f"{name}-{own}")["QueueUrl"] for name in ("source", "told")
    }
    arns = {
        name: client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]
        for name, url in urls.items()
    }
    role = client("iam").create_role(RoleName=f"worker-{own}", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    statements: Any = [
        {
            "Effect": "Allow",
            "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
            "Resource": arns["source"],
        },
        {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arns["told"]},
    ]
    client("iam").put_role_policy(
        RoleName=f"worker-{own}",
        PolicyName="own",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}),
    )
    function = client("lambda").create_function(
        FunctionName=f"worker-{own}",
        Runtime="python3.11",
        Role=role,
        Handler="app.handler",
        Timeout=30,
        Code={"ZipFile": package({"app.py": TELLS})},
        Environment={"Variables": {"TOLD": urls["told"]}},
    )["FunctionArn"]
    client("lambda").create_event_source_mapping(EventSourceArn=arns["source"], FunctionName=function)
    return {"function": function, **urls}


def told(cloud: RunningCloud, deployed: dict[str, str]) -> Any:
    sqs = cloud.client("sqs")
    (message,) = sqs.receive_message(QueueUrl=deployed["told"], WaitTimeSeconds=20)["Messages"]
    sqs.delete_message(QueueUrl=deployed["told"], ReceiptHandle=message["ReceiptHandle"])
    return json.loads(message["Body"])


def run(cloud: RunningCloud, rule: str) -> Any:
    asked = urllib.request.Request(f"{cloud.endpoint_url}/_embedded/schedules/run?rule={rule}", method="POST")
    with urllib.request.urlopen(asked, timeout=PATIENCE_SECONDS) as answer:
        return json.load(answer)


def test_a_message_reaches_the_function_of_its_queue(
    provider_cloud: RunningCloud, deployed: dict[str, str]
) -> None:
    provider_cloud.client("sqs").send_message(QueueUrl=deployed["source"], MessageBody="work")
    assert [record["body"] for record in told(provider_cloud, deployed)["Records"]] == ["work"]


def test_a_schedule_can_be_run_at_once(provider_cloud: RunningCloud, deployed: dict[str, str]) -> None:
    client, name = provider_cloud.client, f"rule-{uuid.uuid4().hex[:8]}"
    rule = client("events").put_rule(Name=name, ScheduleExpression="rate(1 day)")["RuleArn"]
    target = {"Id": "one", "Arn": deployed["function"], "Input": json.dumps({"sweep": name})}
    client("events").put_targets(Rule=name, Targets=[target])
    assert run(provider_cloud, name) == {"called": 0}
    client("lambda").add_permission(
        FunctionName=deployed["function"],
        StatementId=name,
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule,
    )
    assert run(provider_cloud, name) == {"called": 1}
    assert told(provider_cloud, deployed) == {"sweep": name}


def test_a_schedule_that_does_not_exist_is_not_found(provider_cloud: RunningCloud) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404") as refused:
        run(provider_cloud, "unknown")
    refused.value.close()
