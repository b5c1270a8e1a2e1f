"""Which changes update a resource and which replace it, and that what fails half-way is not lost."""

import json

from tests.embedded.conftest import NewStack
from tests.embedded.provider_world import Run

AGENT = """
role = aws.iam.Role("role", name=f"{stack_id}-ROLE", assume_role_policy=trust(), description="DESCRIPTION")
function = aws.lambda_.Function(
    "function", name=f"{stack_id}-FUNCTION", role=role.arn, runtime="python3.11", handler="app.handler",
    code=pulumi.AssetArchive({"app.py": pulumi.StringAsset("CODE")}),
    memory_size=MEMORY, publish=True, TIMEOUT)
aws.lambda_.Alias("live", name="live", function_name=function.name, function_version=function.version)
fixed = aws.dynamodb.Table("fixed", name=f"{stack_id}-fixed", billing_mode="PAY_PER_REQUEST", hash_key="HASH",
                           attributes=[{"name": "HASH", "type": "S"}])
free = aws.dynamodb.Table("free", billing_mode="PAY_PER_REQUEST", hash_key="HASH",
                          attributes=[{"name": "HASH", "type": "S"}])
pulumi.export("version", function.version)
"""
VALUES = {
    **{"ROLE": "role", "DESCRIPTION": "one", "FUNCTION": "function", "MEMORY": "256", "CODE": "a = 1"},
    **{"TIMEOUT": "timeout=30", "HASH": "run"},
}


def agent(**changed: str) -> str:
    program = AGENT
    for name, value in {**VALUES, **changed}.items():
        program = program.replace(name, value)
    return program


def test_what_aws_can_change_is_updated_and_the_preview_says_so(new_stack: NewStack) -> None:
    stack = new_stack(agent())
    stack.up()
    stack.program(agent(DESCRIPTION="two", MEMORY="512", CODE="a = 2", TIMEOUT=""))
    foreseen, done = stack.preview(), stack.up()
    assert foreseen.changes() == {"role": "update", "function": "update", "live": "update"}
    assert done.changes() == foreseen.changes()
    assert done.diff("role") == {"description": "update"}
    assert done.diff("function") == {"memorySize": "update", "sourceCodeHash": "update", "timeout": "delete"}
    assert stack.outputs() == {"version": "2"}

    functions, name = stack.cloud.client("lambda"), stack.remote_id("function")
    held = functions.get_function_configuration(FunctionName=name)
    assert (held["MemorySize"], held["Timeout"]) == (512, 3)
    assert functions.get_alias(FunctionName=name, Name="live")["FunctionVersion"] == "2"
    role = stack.cloud.client("iam").get_role(RoleName=stack.remote_id("role"))["Role"]
    assert role["Description"] == "two"
    assert stack.preview().steps() == []


def test_what_aws_cannot_change_is_replaced_and_the_preview_says_so(new_stack: NewStack) -> None:
    stack = new_stack(agent())
    stack.up()
    stack.program(agent(HASH="session", ROLE="other", FUNCTION="another"))
    foreseen, done = stack.preview(), stack.up()
    replaced = {
        "role": "replace",
        "function": "replace",
        "live": "replace",
        "fixed": "replace",
        "free": "replace",
    }
    assert foreseen.changes() == replaced
    assert done.changes() == replaced
    assert done.diff("role") == {"name": "update-replace"}
    assert done.diff("fixed") == {"attributes": "update", "hashKey": "update-replace"}
    assert _order(done, "fixed") == ["delete-replaced", "replace", "create-replacement"]
    assert _order(done, "free") == ["create-replacement", "replace", "delete-replaced"]

    tables = stack.cloud.client("dynamodb")
    for name in ("fixed", "free"):
        table = tables.describe_table(TableName=stack.remote_id(name))["Table"]
        assert [key["AttributeName"] for key in table["KeySchema"]] == ["session"]
    roles = [
        r["RoleName"] for r in stack.cloud.client("iam").list_roles()["Roles"] if stack.id in r["RoleName"]
    ]
    assert roles == [f"{stack.id}-other"]


def _order(run: Run, name: str) -> list[str]:
    return [operation for step, operation in run.steps() if step == name]


TABLE = """
table = aws.dynamodb.Table("table", hash_key="run", billing_mode="MODE", STREAM
    attributes=[{"name": "run", "type": "S"}, INDEX_ATTRIBUTE],
    deletion_protection_enabled=PROTECTED, INDEXES)
"""
PLAIN = {"MODE": "PAY_PER_REQUEST", "PROTECTED": "False", "INDEX_ATTRIBUTE": "", "INDEXES": "", "STREAM": ""}
BY_OWNER = {
    "INDEX_ATTRIBUTE": '{"name": "owner", "type": "S"}',
    "INDEXES": """
    global_secondary_indexes=[{"name": "by-owner", "hash_key": "owner", "projection_type": "ALL"}]""",
}
STREAM = {"STREAM": 'stream_enabled=True, stream_view_type="NEW_IMAGE",'}


def test_a_table_keeps_its_items_through_every_change_that_aws_can_make(new_stack: NewStack) -> None:
    def program(**changed: str) -> str:
        text = TABLE
        for name, value in sorted((PLAIN | changed).items(), reverse=True):
            text = text.replace(name, value)
        return text

    stack = new_stack(program())
    stack.up()
    tables, name = stack.cloud.client("dynamodb"), stack.remote_id("table")
    tables.put_item(TableName=name, Item={"run": {"S": "r-1"}, "owner": {"S": "ada"}})

    stack.program(program(**BY_OWNER, **STREAM, PROTECTED="True"))
    assert stack.up().changes() == {"table": "update"}
    index = tables.query(
        TableName=name,
        IndexName="by-owner",
        KeyConditionExpression="#o = :o",
        ExpressionAttributeNames={"#o": "owner"},
        ExpressionAttributeValues={":o": {"S": "ada"}},
    )
    assert index["Count"] == 1
    assert tables.describe_table(TableName=name)["Table"]["StreamSpecification"]["StreamEnabled"]

    stack.program(program(**STREAM, MODE="PROVISIONED"))
    assert stack.up().changes() == {"table": "update"}
    table = tables.describe_table(TableName=name)["Table"]
    assert not table.get("GlobalSecondaryIndexes")
    assert not table["DeletionProtectionEnabled"]
    assert table["BillingModeSummary"]["BillingMode"] == "PROVISIONED"
    assert tables.scan(TableName=name)["Count"] == 1
    assert stack.preview("--refresh").steps() == []


HALF_MADE = """
bucket = aws.s3.Bucket("bucket", bucket=f"{stack_id}-bucket",
                       tags={"TAG": pulumi.Output.secret("sk-half-made")})
"""


def test_a_resource_whose_setting_is_refused_is_kept_and_mended_by_the_next_deployment(
    new_stack: NewStack,
) -> None:
    stack = new_stack(HALF_MADE.replace("TAG", "aws:reserved"))
    assert "PutBucketTagging: InvalidTag" in stack.up(ok=False).errors()["bucket"]
    assert stack.remote_id("bucket") == f"{stack.id}-bucket"
    assert "sk-half-made" not in stack.state_text()

    stack.program(HALF_MADE.replace("TAG", "team"))
    assert stack.up().changes() == {"bucket": "update"}
    tags = stack.cloud.client("s3").get_bucket_tagging(Bucket=f"{stack.id}-bucket")["TagSet"]
    assert tags == [{"Key": "team", "Value": "sk-half-made"}]
    assert "sk-half-made" not in stack.state_text()


QUEUES = """
queue = aws.sqs.Queue("queue", visibility_timeout_seconds=SECONDS)
aws.sqs.QueuePolicy("policy", queue_url=queue.url, policy=queue.arn.apply(lambda arn: json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage",
     "Resource": arn}]})))
"""


def test_a_queue_keeps_its_policy_when_another_attribute_changes(new_stack: NewStack) -> None:
    stack = new_stack(QUEUES.replace("SECONDS", "30"))
    stack.up()
    stack.program(QUEUES.replace("SECONDS", "60"))
    assert stack.up().changes() == {"queue": "update"}
    held = stack.cloud.client("sqs").get_queue_attributes(
        QueueUrl=stack.remote_id("queue"), AttributeNames=["All"]
    )["Attributes"]
    assert held["VisibilityTimeout"] == "60"
    assert json.loads(held["Policy"])["Statement"][0]["Action"] == "sqs:SendMessage"


OBJECTS = """
bucket = aws.s3.Bucket("bucket", force_destroy=True)
policy = aws.s3.BucketPolicy("policy", bucket=bucket.id, policy=bucket.arn.apply(lambda arn: json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:*",
     "Resource": [arn, f"{arn}/*"], "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]})))
aws.s3.BucketObjectv2("text", bucket=bucket.id, key="text", source=pulumi.StringAsset("WORDS"),
                      opts=Opts(depends_on=[policy]))
aws.s3.BucketObjectv2("file", bucket=bucket.id, key="file", source=pulumi.FileAsset(FILE))
"""


def test_an_object_follows_the_contents_of_its_asset(new_stack: NewStack) -> None:
    stack = new_stack("")
    file = stack.folder / "prompt.txt"

    def deploy(words: str, contents: str) -> Run:
        file.write_text(contents)
        stack.program(OBJECTS.replace("WORDS", words).replace("FILE", repr(str(file))))
        return stack.up()

    deploy("one", "first")
    assert deploy("one", "first").steps() == []
    assert deploy("two", "first").changes() == {"text": "update"}
    assert deploy("two", "second").changes() == {"file": "update"}
    objects, bucket = stack.cloud.client("s3"), stack.remote_id("bucket")
    read = [objects.get_object(Bucket=bucket, Key=key)["Body"].read() for key in ("text", "file")]
    assert read == [b"two", b"second"]
    stack.destroy()


def test_a_file_by_a_relative_path_is_refused_with_what_to_write(new_stack: NewStack) -> None:
    stack = new_stack("""
aws.s3.BucketObjectv2("file", bucket="b", key="k", source=pulumi.FileAsset("Pulumi.yaml"))
""")
    assert "Give an absolute path" in stack.preview(ok=False).errors()["file"]


ACTIONS = """
def action(name, at):
    raw("aws:budgets/budgetAction:BudgetAction", name, {
        "budgetName": f"{stack_id}-budget", "actionType": "APPLY_IAM_POLICY", "approvalModel": "AUTOMATIC",
        "notificationType": "ACTUAL", "executionRoleArn": "arn:aws:iam::123456789012:role/r",
        "actionThreshold": {"actionThresholdType": "PERCENTAGE", "actionThresholdValue": at},
        "definition": {"iamActionDefinition": {"policyArn": "arn:aws:iam::123456789012:policy/p"}},
        "subscribers": []})
"""


def test_two_actions_of_one_kind_are_both_recorded(new_stack: NewStack) -> None:
    stack = new_stack(ACTIONS + "action('warn', 80)\naction('stop', 100)\n")

    def recorded() -> list[str]:
        return [name for _, name in stack.cloud.recorded() if name.startswith(f"{stack.id}-budget")]

    stack.up()
    assert len(recorded()) == 2
    assert stack.refresh_preview().drift() == {}
    kept = stack.remote_id("stop")
    stack.program(ACTIONS + "action('stop', 90)\n")
    assert stack.up("--refresh").changes() == {"warn": "delete", "stop": "update"}
    assert recorded() == [kept]
    stack.destroy()
    assert recorded() == []
