"""Where the trail lies: who may write, who may read, and that nobody takes it away."""

from typing import Any

import pytest

from agent_hosting import LambdaAgent
from agent_hosting._validation import InputError
from tests.components.recorder import Program, run
from tests.components.samples import PLATFORM, agent_folder, making

KEY = "arn:aws:kms:eu-west-1:123456789012:key/platform"
OWN = {**PLATFORM, "key_arn": KEY}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(agent_folder(tmp_path_factory.mktemp("agent")))


def agent(source: str, **given: Any) -> Program:
    return run(making(LambdaAgent, "handbook", source, platform=OWN, **given))


@pytest.fixture(scope="module")
def plain(source: str) -> Program:
    return agent(source)


def test_the_log_group_outlives_its_stack_under_a_key_of_its_own(plain: Program) -> None:
    log = plain.one("LogGroup", "handbook-audit").inputs
    assert (log["retentionInDays"], log["kmsKeyId"], log["deletionProtectionEnabled"]) == (365, KEY, True)


def test_copies_are_locked_for_as_long_as_the_trail_is_kept(plain: Program) -> None:
    bucket = plain.one("Bucket", "handbook-audit").inputs
    assert (bucket["objectLockEnabled"], bucket["forceDestroy"]) == (True, False)
    lock = plain.one("BucketObjectLockConfiguration", "handbook-audit-lock").inputs["rule"]
    assert lock == {"defaultRetention": {"mode": "GOVERNANCE", "days": 365}}
    (rule,) = plain.one("BucketLifecycleConfiguration", "handbook-audit-expiry").inputs["rules"]
    assert rule["expiration"] == {"days": 366}, "not before their lock is over"
    (default,) = plain.one("BucketServerSideEncryptionConfiguration", "handbook-audit-encryption").inputs[
        "rules"
    ]
    assert default["applyServerSideEncryptionByDefault"]["kmsMasterKeyId"] == KEY
    assert plain.one("BucketVersioning", "handbook-audit-versions").inputs["versioningConfiguration"] == {
        "status": "Enabled"
    }


def test_days_and_lock_can_be_chosen(source: str) -> None:
    program = agent(source, audit_retention_days=731, audit_lock="compliance")
    lock = program.one("BucketObjectLockConfiguration").inputs["rule"]["defaultRetention"]
    assert lock == {"mode": "COMPLIANCE", "days": 731}
    assert program.one("LogGroup", "handbook-audit").inputs["retentionInDays"] == 731


def test_what_need_not_last_goes_with_its_stack(source: str) -> None:
    program = agent(source, retain_data=False)
    assert program.one("Bucket", "handbook-audit").inputs["forceDestroy"] is True
    lock = program.one("BucketObjectLockConfiguration").inputs["rule"]["defaultRetention"]
    assert lock == {"mode": "GOVERNANCE", "days": 1}
    assert "deletionProtectionEnabled" not in program.one("LogGroup", "handbook-audit").inputs


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"audit_retention_days": 100}, "CloudWatch keeps logs for one of"),
        ({"audit_lock": "legal"}, "one of governance, compliance"),
        (
            {"audit_lock": "compliance", "retain_data": False},
            "a bucket of such objects cannot be destroyed with the stack",
        ),
    ],
)
def test_a_mistake_is_told(source: str, given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        agent(source, **given)


def test_the_exporter_may_do_exactly_this(plain: Program) -> None:
    found = plain.one("RolePolicy", "handbook-audit-export-policy").statements()
    group = next(arn for arn in [found["ReadAudit"]["Resource"]])
    bucket = plain.one("Bucket", "handbook-audit")
    assert {sid: statement["Action"] for sid, statement in found.items()} == {
        "WriteOwnLogs": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "SendTraces": ["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
        "ReadAudit": "logs:GetLogEvents",
        "FollowAuditHeads": ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:UpdateItem"],
        "ExportAudit": ["s3:GetObject", "s3:PutObject"],
        "UseKeyThroughS3": ["kms:Decrypt", "kms:GenerateDataKey"],
        "UseKeyThroughLambda": ["kms:Decrypt"],
    }
    assert group.endswith("LogGroup/handbook-audit-0a1b2c3:*")
    assert found["ExportAudit"]["Resource"].endswith("/handbook/*")
    assert bucket.name in found["ExportAudit"]["Resource"]
    keys = found["FollowAuditHeads"]["Condition"]["ForAllValues:StringEquals"]
    assert keys == {"dynamodb:LeadingKeys": ["handbook#audit"]}


def test_a_reviewer_reads_and_does_nothing_else(plain: Program) -> None:
    found = plain.one("Policy", "handbook-audit-reviewer").statements()
    assert {sid: statement["Action"] for sid, statement in found.items()} == {
        "ReadAudit": "logs:FilterLogEvents",
        "ReadAuditHeads": ["dynamodb:GetItem", "dynamodb:Query"],
        "ListExport": "s3:ListBucket",
        "ReadExport": "s3:GetObject",
        "UseKeyThroughS3": ["kms:Decrypt"],
    }


@pytest.mark.parametrize(
    "role", ["handbook-access", "handbook-rollout-policy", "handbook-budget-brake-policy"]
)
def test_whoever_writes_to_the_trail_is_denied_to_take_from_it(plain: Program, role: str) -> None:
    found = plain.one("RolePolicy", role).statements()
    assert found["NeverEraseAudit"]["Effect"] == "Deny"
    assert "logs:DeleteLogStream" in found["NeverEraseAudit"]["Action"]
    assert found["WriteAudit"]["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]


def test_a_trail_that_is_not_exported_is_told(plain: Program) -> None:
    rule = plain.one("EventRule", "handbook-audit-export").inputs
    assert rule["scheduleExpression"] == "rate(15 minutes)"
    alarm = plain.one("MetricAlarm", "handbook-audit-export-failures").inputs
    assert (alarm["period"], alarm["evaluationPeriods"], alarm["datapointsToAlarm"]) == (900, 2, 2)
    assert alarm["alarmActions"]
