"""Checkov judges our stacks by their exported plans, and a bad stack as it deserves."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_hosting_cli.cloud_process import stop
from agent_hosting_cli.project import Project
from tests.end_to_end.deployments import Deployment, checkout
from tests.end_to_end.exporting import (
    KEY,
    Accepted,
    Failed,
    Judged,
    exported,
    in_environment,
    judged,
    preview_local,
    preview_prod,
)

pytestmark = pytest.mark.end_to_end
OURS = ("local", "prod")
_BAD = """\
import pulumi
import pulumi_aws as aws

open_bucket, closed_bucket = aws.s3.Bucket("open"), aws.s3.Bucket("closed")
for name, bucket, closed in (("open", open_bucket, False), ("closed", closed_bucket, True)):
    aws.s3.BucketPublicAccessBlock(name, bucket=bucket.id, block_public_acls=closed,
                                   block_public_policy=closed, ignore_public_acls=closed,
                                   restrict_public_buckets=closed)
ssh = {"protocol": "tcp", "from_port": 22, "to_port": 22, "cidr_blocks": ["0.0.0.0/0"]}
aws.ec2.SecurityGroup("open", ingress=[ssh])
aws.kms.Key("old", enable_key_rotation=False)
aws.sqs.Queue("clear", sqs_managed_sse_enabled=False)
aws.ssm.Parameter("told", type="SecureString", value=pulumi.Output.secret("sk-told-51c0"))
"""
"""A stack that any scanner finds fault with."""
DESERVED = {
    Failed("CKV_AWS_53", "aws_s3_bucket_public_access_block.open"),
    Failed("CKV_AWS_54", "aws_s3_bucket_public_access_block.open"),
    Failed("CKV_AWS_24", "aws_security_group.open"),
    Failed("CKV_AWS_7", "aws_kms_key.old"),
    Failed("CKV_AWS_27", "aws_sqs_queue.clear"),
    Failed("CKV2_AWS_6", "aws_s3_bucket.open"),
}
JOINED = Failed("CKV2_AWS_6", "aws_s3_bucket.closed")
"""A bucket is closed by another resource, which refers to it."""


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    made = Deployment(checkout(tmp_path_factory.mktemp("project")))
    yield made
    stop(Project(made.root))


@pytest.fixture(scope="module")
def plans(deployment: Deployment) -> dict[str, Path]:
    """Of our own stacks by preview, and of a bad one by preview and as it was deployed."""
    found = {"local": preview_local(deployment), "prod": preview_prod(deployment)}
    theirs = deployment.root / "theirs"
    theirs.mkdir()
    (theirs / "Pulumi.yaml").write_text("name: theirs\nruntime: python\n")
    (theirs / "__main__.py").write_text(_BAD)
    in_environment(deployment, theirs, "pulumi stack init trial")
    found["bad"] = exported(deployment, theirs, "bad", "--stack", "trial")
    in_environment(deployment, theirs, "pulumi up --yes --skip-preview --stack trial")
    found["deployed"] = exported(deployment, theirs, "deployed", "--stack", "trial", "--deployed")
    return found


@pytest.fixture(scope="module")
def verdicts(plans: dict[str, Path]) -> dict[str, Judged]:
    return judged(*plans.values())


def test_what_checkov_fails_in_our_stacks_was_looked_at_and_has_its_reason(
    verdicts: dict[str, Judged],
) -> None:
    accepted = Accepted()
    assert {stack: accepted.rest(stack, verdicts[stack].failed) for stack in OURS} == {
        "local": [],
        "prod": [],
    }
    assert accepted.unused() == [], "an entry that no stack needs any more"
    assert all(entry["reason"].strip() for entry in accepted.entries)


def test_a_bad_stack_fails_by_what_is_bad_in_it_before_and_after_it_is_deployed(
    verdicts: dict[str, Judged],
) -> None:
    for name in ("bad", "deployed"):
        assert sorted(DESERVED - verdicts[name].failed) == [], name
        assert JOINED in verdicts[name].passed, name


def test_no_plan_holds_a_secret(plans: dict[str, Path]) -> None:
    for name, plan in plans.items():
        text = plan.read_text()
        assert "(sensitive value)" in text, name
        for secret in (KEY, "local-key", "sk-told-51c0"):
            assert secret not in text, name
