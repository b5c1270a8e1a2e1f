"""Pulumi's own ways of treating a resource work: import, target, protect, ignore, retain."""

import json

import pytest
from botocore.exceptions import ClientError

from tests.embedded.conftest import NewStack
from tests.embedded.provider_world import ACCOUNT, Stack

FOUR = """
def queue(name, seconds, **opts):
    aws.sqs.Queue(name, name=f"{stack_id}-{name}", visibility_timeout_seconds=seconds, opts=Opts(**opts))
"""


def _queues(stack: Stack) -> dict[str, str]:
    """Name -> visibility timeout of the stack's queues that AWS holds."""
    queues = stack.cloud.client("sqs")
    urls = queues.list_queues(QueueNamePrefix=f"{stack.id}-").get("QueueUrls", [])
    return {
        url.removeprefix(f"{stack.cloud.endpoint_url}/{ACCOUNT}/{stack.id}-"): queues.get_queue_attributes(
            QueueUrl=url, AttributeNames=["VisibilityTimeout"]
        )["Attributes"]["VisibilityTimeout"]
        for url in urls
    }


def test_a_target_is_changed_and_the_others_wait(new_stack: NewStack) -> None:
    stack = new_stack(FOUR + "queue('one', 30)\nqueue('two', 30)")
    stack.up()
    stack.program(FOUR + "queue('one', 60)\nqueue('two', 60)")
    one = stack.resources()["one"]["urn"]
    assert stack.up("--target", one).changes() == {"one": "update"}
    assert _queues(stack) == {"one": "60", "two": "30"}
    assert stack.destroy("--target", one).changes() == {"one": "delete"}
    assert _queues(stack) == {"two": "30"}
    assert stack.up().changes() == {"one": "create", "two": "update"}


def test_protected_ignored_and_retained_resources_are_treated_so(new_stack: NewStack) -> None:
    kept = "queue('kept', 30, protect=True)\n"
    plain = "queue('ignored', 30, ignore_changes=['visibilityTimeoutSeconds'])\n"
    stack = new_stack(FOUR + kept + plain + "queue('left', 30, retain_on_delete=True)")
    stack.up()

    assert "protected" in stack.destroy("--target", stack.resources()["kept"]["urn"], ok=False).said
    assert set(_queues(stack)) == {"kept", "ignored", "left"}

    stack.program(FOUR + kept + plain.replace("30", "60") + "queue('left', 60, retain_on_delete=True)")
    assert stack.up().changes() == {"left": "update"}
    assert _queues(stack) == {"kept": "30", "ignored": "30", "left": "60"}

    stack.program(FOUR + kept.replace("True", "False") + plain)
    assert "left" not in stack.up().errors()
    assert _queues(stack) == {"kept": "30", "ignored": "30", "left": "60"}
    stack.destroy()
    assert _queues(stack) == {"left": "60"}


MADE_BY_HAND = """
def adopted(id):
    return Opts(import_=id) if ADOPT else None

role = aws.iam.Role("role", name=f"{stack_id}-role", assume_role_policy=trust(), max_session_duration=7200,
                    opts=adopted(f"{stack_id}-role"))
table = aws.dynamodb.Table("table", name=f"{stack_id}-table", billing_mode="PAY_PER_REQUEST", hash_key="id",
                           attributes=[{"name": "id", "type": "S"}], tags={"team": "agents"},
                           opts=adopted(f"{stack_id}-table"))
queue = aws.sqs.Queue("queue", name=f"{stack_id}-queue", visibility_timeout_seconds=60,
                      opts=adopted(QUEUE_URL))
alias = aws.lambda_.Alias("live", name="live", function_name=f"{stack_id}-function", function_version="1",
                          routing_config={"additional_version_weights": {"2": 0.1}},
                          opts=adopted(f"{stack_id}-function/live"))
integration = aws.apigatewayv2.Integration(
    "integration", api_id=API, integration_type="AWS_PROXY", payload_format_version="2.0",
    integration_uri=f"arn:aws:lambda:eu-west-1:123456789012:function:{stack_id}-function",
    timeout_milliseconds=5000, opts=adopted(f"{API}/INTEGRATION"))
"""


def _make_by_hand(stack: Stack) -> dict[str, str]:
    """What `MADE_BY_HAND` declares, made without Pulumi; logical name -> id that an import takes."""
    client, own = stack.cloud.client, stack.id
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = client("iam").create_role(
        RoleName=f"{own}-role",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        MaxSessionDuration=7200,
    )["Role"]
    client("dynamodb").create_table(
        TableName=f"{own}-table",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        Tags=[{"Key": "team", "Value": "agents"}],
    )
    url = client("sqs").create_queue(QueueName=f"{own}-queue", Attributes={"VisibilityTimeout": "60"})[
        "QueueUrl"
    ]
    functions, name = client("lambda"), f"{own}-function"
    code = {"S3Bucket": f"{own}-code", "S3Key": "app.zip"}
    client("s3").create_bucket(
        Bucket=code["S3Bucket"], CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    client("s3").put_object(Bucket=code["S3Bucket"], Key="app.zip", Body=b"PK\x05\x06" + bytes(18))
    functions.create_function(
        FunctionName=name,
        Role=role["Arn"],
        Runtime="python3.11",
        Handler="app.handler",
        Code=code,
        Publish=True,
    )
    functions.update_function_configuration(FunctionName=name, MemorySize=256)
    functions.publish_version(FunctionName=name)
    weights = {"AdditionalVersionWeights": {"2": 0.1}}
    functions.create_alias(FunctionName=name, Name="live", FunctionVersion="1", RoutingConfig=weights)
    apis = client("apigatewayv2")
    api = apis.create_api(Name=f"{own}-api", ProtocolType="HTTP")["ApiId"]
    integration = apis.create_integration(
        ApiId=api,
        IntegrationType="AWS_PROXY",
        IntegrationUri=f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:{name}",
        PayloadFormatVersion="2.0",
        TimeoutInMillis=5000,
    )["IntegrationId"]
    return {
        **{"role": f"{own}-role", "table": f"{own}-table", "queue": url, "live": f"{name}/live"},
        **{"integration": f"{api}/{integration}", "function": name},
    }


TYPES = {
    "role": "aws:iam/role:Role",
    "table": "aws:dynamodb/table:Table",
    "queue": "aws:sqs/queue:Queue",
    "live": "aws:lambda/alias:Alias",
    "integration": "aws:apigatewayv2/integration:Integration",
}


def _program(made: dict[str, str], *, adopt: bool) -> str:
    api, integration = made["integration"].split("/")
    given = f"ADOPT, API, QUEUE_URL = {adopt}, {api!r}, {made['queue']!r}\n"
    return given + MADE_BY_HAND.replace("INTEGRATION", integration)


def test_what_was_made_by_hand_is_adopted_by_the_program(new_stack: NewStack) -> None:
    stack = new_stack("")
    made = _make_by_hand(stack)
    stack.program(_program(made, adopt=True))
    assert stack.up().changes() == dict.fromkeys(TYPES, "import")
    stack.program(_program(made, adopt=False))
    assert stack.up().steps() == []
    assert stack.preview("--refresh").steps() == []


def test_pulumi_import_takes_over_what_was_made_by_hand(new_stack: NewStack) -> None:
    stack = new_stack("")
    made = _make_by_hand(stack)
    listed = [{"type": token, "name": name, "id": made[name]} for name, token in TYPES.items()]
    listed.append({"type": "aws:lambda/function:Function", "name": "function", "id": made["function"]})
    (stack.folder / "import.json").write_text(json.dumps({"resources": listed}))
    stack.pulumi(
        "import",
        "--file",
        "import.json",
        "--yes",
        "--skip-preview",
        "--generate-code=false",
        "--protect=false",
    )
    held = stack.resources()
    assert held["live"]["id"].endswith(":live")
    assert held["integration"]["id"] == made["integration"].split("/")[1]
    assert held["function"]["inputs"]["memorySize"] == 256
    assert held["table"]["inputs"]["tags"] == {"team": "agents"}
    assert stack.refresh_preview().drift() == {}

    stack.program(_program(made, adopt=False))
    run = stack.up()
    assert run.changes() == {"function": "delete"}, [run.diff(name) for name in TYPES]
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        stack.cloud.client("lambda").get_function(FunctionName=made["function"])


@pytest.mark.parametrize(
    ("token", "resource_id", "reason"),
    [
        ("aws:sqs/queue:Queue", "https://sqs.eu-west-1.amazonaws.com/123456789012/none", "does not exist"),
        ("aws:dynamodb/table:Table", "none", "does not exist"),
        ("aws:lambda/alias:Alias", "no-slash", "'no-slash' is not of the form {functionName}/{name}"),
    ],
)
def test_an_import_of_what_is_not_there_is_refused(
    new_stack: NewStack, token: str, resource_id: str, reason: str
) -> None:
    stack = new_stack("")
    imported = ("import", token, "thing", resource_id, "--yes", "--skip-preview", "--generate-code=false")
    assert reason in stack.pulumi(*imported, ok=False).said
    assert "thing" not in stack.resources()


LOOKUPS = """
pulumi.export("identity", aws.get_caller_identity().account_id)
pulumi.export("region", aws.get_region().region)
pulumi.export("partition", aws.get_partition().partition)
pulumi.export("zones", aws.get_availability_zones(state="available").names)
pulumi.export("document", json.loads(aws.iam.get_policy_document(statements=[
    {"sid": "Read", "actions": ["s3:GetObject", "s3:ListBucket"], "resources": ["arn:aws:s3:::b/*"],
     "conditions": [{"test": "StringEquals", "variable": "aws:PrincipalTag/team", "values": ["agents"]},
                    {"test": "StringEquals", "variable": "aws:SourceAccount", "values": ["123456789012"]},
                    {"test": "Bool", "variable": "aws:SecureTransport", "values": ["true"]}]},
    aws.iam.GetPolicyDocumentStatementArgs(
        effect="Deny", not_actions=["s3:Get*"], not_resources=["arn:aws:s3:::b"],
        principals=[{"type": "Service", "identifiers": ["a.amazonaws.com", "b.amazonaws.com"]},
                    {"type": "AWS", "identifiers": ["arn:aws:iam::123456789012:root"]}]),
    {"actions": ["sts:AssumeRole"], "principals": [{"type": "*", "identifiers": ["*"]}]},
]).json))
queue = aws.sqs.Queue("queue")
document = aws.iam.get_policy_document_output(statements=[{"actions": ["sqs:*"], "resources": [queue.arn]}])
pulumi.export("later", document.json.apply(lambda text: json.loads(text)["Statement"][0]["Resource"]))
pulumi.export("queue", queue.arn)
"""

BY_HAND = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "Read",
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:ListBucket"],
            "Resource": ["arn:aws:s3:::b/*"],
            "Condition": {
                "StringEquals": {"aws:PrincipalTag/team": ["agents"], "aws:SourceAccount": [ACCOUNT]},
                "Bool": {"aws:SecureTransport": ["true"]},
            },
        },
        {
            "Effect": "Deny",
            "NotAction": ["s3:Get*"],
            "NotResource": ["arn:aws:s3:::b"],
            "Principal": {
                "Service": ["a.amazonaws.com", "b.amazonaws.com"],
                "AWS": ["arn:aws:iam::123456789012:root"],
            },
        },
        {"Effect": "Allow", "Action": ["sts:AssumeRole"], "Principal": {"*": ["*"]}},
    ],
}


def test_what_a_program_looks_up_is_answered(new_stack: NewStack) -> None:
    stack = new_stack(LOOKUPS)
    stack.up()
    found = stack.outputs()
    assert (found["identity"], found["region"], found["partition"]) == (ACCOUNT, "eu-west-1", "aws")
    assert found["zones"] == ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
    assert found["document"] == BY_HAND
    assert found["later"] == [found["queue"]]
    assert stack.preview().steps() == []


def test_a_look_up_that_has_no_answer_is_named_with_those_that_have(new_stack: NewStack) -> None:
    stack = new_stack("""
pulumi.export("x", aws.ec2.get_ami_output(most_recent=True, owners=["self"]).id)
""")
    run = stack.preview(ok=False)
    assert "the embedded AWS does not answer aws:ec2/getAmi:getAmi; it answers " in run.said
