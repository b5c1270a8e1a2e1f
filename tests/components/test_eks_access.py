"""What the role of an agent's pods may do: its own work goes through, and the next agent's does not."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest
from botocore.exceptions import ClientError

from agent_hosting import _boundaries, _eks_access, _run_statements, statements
from agent_runtime.bundle import ModelSpec
from tests.components.queue_roles import (
    CONTROLLED,
    KEY,
    LOG,
    RUNS,
    allowed,
    surroundings,
    two_agents,
    url,
)
from tests.components.recorder import value
from tests.components.samples import BEDROCK, MODEL
from tests.embedded.authorizer_world import World, arn, policy


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[World]:
    with two_agents(tmp_path) as made:
        yield made


def pod(*, secret: str | None = None, model: Any = MODEL, log: Any = LOG) -> Any:
    """Statements of the pods' role."""

    def make() -> Any:
        scope = None
        if secret is not None:
            scope = SimpleNamespace(key_arn=KEY, secret_arns=pulumi.Output.from_input({"api-key": secret}))
        return _eks_access.pod(
            surroundings(),
            None,  # type: ignore[arg-type]
            log=log,
            dead_letter_queue_arns=pulumi.Output.from_input({"a": arn("sqs", "handbook-a-dead")}),
            scope=scope,  # type: ignore[arg-type]
            models={"default": ModelSpec.model_validate(model)},
        )

    return value(make)


def test_a_pod_may_do_its_work_and_no_more_and_nothing_of_the_next_agents(aws: World) -> None:
    work = {"get many", "read a large item", "read an upload", "write a large item"}
    queues = {"send a run", "take a run", "look at a queue"}
    assert allowed(aws, "pod", pod()) == (RUNS | CONTROLLED | work | queues, set())


def refused(call: Any) -> bool:
    try:
        call()
    except ClientError as error:
        if not error.response["Error"]["Code"].startswith(("AccessDenied", "UnauthorizedOperation")):
            raise
        return True
    return False


def test_a_pod_sends_to_queues_of_its_own_agent_and_buries_what_cannot_be_read(aws: World) -> None:
    sqs = aws.caller("sqs", *pod())
    sent = {
        queue: not refused(lambda q=queue: sqs.send_message(QueueUrl=url(q), MessageBody="{}"))
        for queue in ("handbook-a", "handbook-b", "handbook-a-dead", "handbook-2-a")
    }
    assert sent == {"handbook-a": True, "handbook-b": True, "handbook-a-dead": True, "handbook-2-a": False}


def test_a_pod_takes_nothing_from_the_dead_letters_and_makes_and_ends_no_queue(aws: World) -> None:
    sqs = aws.caller("sqs", *pod())
    assert refused(lambda: sqs.receive_message(QueueUrl=url("handbook-a-dead")))
    assert refused(lambda: sqs.delete_queue(QueueUrl=url("handbook-a")))
    assert refused(lambda: sqs.purge_queue(QueueUrl=url("handbook-a")))


def test_a_pod_reads_its_own_secret_and_no_other(aws: World) -> None:
    admin = aws.admin("secretsmanager")
    own, other = (
        admin.create_secret(Name=name, SecretString="value")["ARN"]
        for name in ("handbook-key", "handbook-2-key")
    )
    secrets = aws.caller("secretsmanager", *pod(secret=own))
    assert secrets.get_secret_value(SecretId=own)["SecretString"] == "value"
    assert refused(lambda: secrets.get_secret_value(SecretId=other))
    assert refused(lambda: secrets.put_secret_value(SecretId=own, SecretString="mine"))
    without = aws.caller("secretsmanager", *pod(), name="without")
    assert refused(lambda: without.get_secret_value(SecretId=own))


def test_a_pod_writes_its_own_log_and_reads_none(aws: World) -> None:
    admin = aws.admin("logs")
    for group in ("handbook", "handbook-2"):
        admin.create_log_group(logGroupName=group)
    logs = aws.caller("logs", *pod())
    logs.create_log_stream(logGroupName="handbook", logStreamName="pod-0")
    logs.put_log_events(
        logGroupName="handbook", logStreamName="pod-0", logEvents=[{"timestamp": 1, "message": "hello"}]
    )
    assert refused(lambda: logs.create_log_stream(logGroupName="handbook-2", logStreamName="pod-0"))
    assert refused(lambda: logs.get_log_events(logGroupName="handbook", logStreamName="pod-0"))
    assert refused(lambda: logs.delete_log_group(logGroupName="handbook"))


@pytest.mark.parametrize(
    ("service", "call"),
    [
        ("iam", lambda c: c.list_roles()),
        ("eks", lambda c: c.list_clusters()),
        ("ec2", lambda c: c.describe_instances()),
        (
            "sts",
            lambda c: c.assume_role(RoleArn=f"arn:aws:iam::{'1' * 12}:role/other", RoleSessionName="session"),
        ),
        ("dynamodb", lambda c: c.scan(TableName="runs")),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_a_pod_has_no_right_to_the_account_the_cluster_or_other_roles(
    aws: World, service: str, call: Any
) -> None:
    client = aws.caller(service, *pod())
    assert refused(lambda: call(client))


def test_a_pod_calls_its_own_model_alone() -> None:
    found = {statement["Sid"]: statement for statement in pod(model=BEDROCK)}
    assert found["CallOwnModel"]["Action"] == "bedrock:InvokeModel"
    assert all(
        BEDROCK["name"].removeprefix("eu.") in resource for resource in found["CallOwnModel"]["Resource"]
    )
    assert "CallOwnModel" not in {statement["Sid"] for statement in pod()}


def test_a_controller_that_enters_a_network_can_do_nothing_else_of_ec2(aws: World) -> None:
    boundary = aws.admin("iam").create_policy(
        PolicyName="rollout-boundary", PolicyDocument=policy(*value(_boundaries.rollout_boundary))
    )["Policy"]["Arn"]
    ec2 = aws.caller("ec2", _run_statements.enter_network(), PermissionsBoundary=boundary)
    assert not refused(lambda: ec2.describe_subnets())
    assert not refused(lambda: ec2.describe_network_interfaces())
    for call in (ec2.describe_instances, ec2.describe_vpcs, ec2.describe_security_groups):
        assert refused(call)


def test_pods_alone_take_the_role_and_tag_the_session_with_their_names() -> None:
    found = value(lambda: statements.trust("pods.eks.amazonaws.com"))
    assert found == {
        "Effect": "Allow",
        "Principal": {"Service": "pods.eks.amazonaws.com"},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
    }
    assert value(lambda: statements.trust("lambda.amazonaws.com"))["Action"] == "sts:AssumeRole"
