"""C30 to C34: what policies lead to, who takes a role, and who has keys."""

from typing import Any

import pytest

from policies.rules._iam_actions import CREDENTIALS, ESCALATIONS, EXFILTRATION, PERMISSIONS, WRITES
from tests.policies.judging import ABSENT, ACCOUNT, UNKNOWN, changed, fails, passes, resource, text, unchecked

GRANTING = ("rolePolicy:RolePolicy", "policy:Policy", "userPolicy:UserPolicy", "groupPolicy:GroupPolicy")
ONE = {
    "C31": ("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/one"),
    "C31b": ("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/one"),
    "C31c": (
        "secretsmanager:GetSecretValue",
        f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:one-AbCdEf",
    ),
    "C31d": ("lambda:AddPermission", f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:one"),
    "C31e": ("dynamodb:PutItem", f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/one"),
    "C32": ("kms:Decrypt", f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/one"),
}
"""An action of each rule, and a resource that it may reach."""


def may(*actions: str, on: Any = "*", **given: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": on, **given}


def policy(*statements: dict[str, Any], kind: str = "policy:Policy") -> Any:
    return resource(f"iam/{kind}", "own", {"policy": text(*statements)})


@pytest.mark.parametrize("rule", ONE)
@pytest.mark.parametrize("kind", GRANTING)
def test_a_named_resource_passes_and_every_one_fails(rule: str, kind: str) -> None:
    action, arn = ONE[rule]
    assert passes(rule, policy(may(action, on=arn), kind=kind))
    assert passes(rule, policy(may(action, on=[arn, f"{arn}-2"]), kind=kind))
    assert passes(rule, policy(may("logs:PutLogEvents", "xray:PutTraceSegments"), kind=kind))
    assert passes(rule, policy({**may(action), "Effect": "Deny"}, kind=kind))
    assert passes(rule, policy(may(action), {**may("*"), "Effect": "Deny"}, kind=kind))
    service = action.partition(":")[0]
    for wide in ("*", ["*"], [arn, "*"], f"arn:aws:{service}:*:*:*", "arn:*"):
        assert fails(rule, policy(may(action, on=wide), kind=kind)), wide
    for actions in (action.upper(), f"{service}:*", "*"):
        assert fails(rule, policy(may(actions), kind=kind)), actions
    assert fails(rule, policy({"Effect": "Allow", "NotAction": "ec2:*", "NotResource": arn}, kind=kind))
    assert unchecked(rule, resource(f"iam/{kind}", "own", {"policy": UNKNOWN})) == ["policy"]
    assert fails(rule, resource(f"iam/{kind}", "own", {"policy": "{"}))


@pytest.mark.parametrize("rule", ["C31", "C31b", "C31c", "C31d", "C32"])
def test_every_one_of_a_kind_fails_as_well(rule: str) -> None:
    action, arn = ONE[rule]
    kind = arn[: -len(arn.rpartition("one")[1] + arn.rpartition("one")[2])]
    assert fails(rule, policy(may(action, on=f"{kind}*")))
    assert passes(rule, policy(may(action, on=f"{kind}team-*")))


def test_a_write_to_every_one_of_a_kind_of_one_account_passes() -> None:
    assert passes(
        "C31e", policy(may("lambda:UpdateAlias", on=f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:*"))
    )
    assert fails("C31e", policy(may("s3:PutObject", on="arn:aws:s3:::*/*")))


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"aws:ResourceTag/agent": "a"}},
        {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["a#*"]}},
        {"ArnLike": {"lambda:FunctionArn": "arn:aws:lambda:eu-west-1:1:function:a"}},
    ],
)
def test_a_condition_that_bounds_what_is_reached_counts(condition: dict[str, Any]) -> None:
    for rule in ("C31", "C31c", "C31d", "C31e"):
        assert passes(rule, policy(may(ONE[rule][0], Condition=condition)))


@pytest.mark.parametrize(
    "condition",
    [
        {},
        {"Bool": {"aws:SecureTransport": "true"}},
        {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}},
        {"StringLike": {"aws:ResourceTag/agent": "*"}},
        {"StringEqualsIfExists": {"aws:ResourceTag/agent": "a"}},
        {"StringNotEquals": {"aws:ResourceTag/agent": "a"}},
        {"Null": {"aws:ResourceTag/agent": "true"}},
    ],
)
def test_a_condition_that_bounds_nothing_does_not(condition: dict[str, Any]) -> None:
    for rule in ("C31", "C31c", "C31d", "C31e", "C32"):
        assert fails(rule, policy(may(ONE[rule][0], Condition=condition)))


def test_keys_are_chosen_by_alias_or_tag_and_not_by_service() -> None:
    by_alias = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/agent"}}
    assert passes("C32", policy(may("kms:Decrypt", Condition=by_alias)))
    by_service = {"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}}
    assert fails("C32", policy(may("kms:Decrypt", Condition=by_service)))
    assert fails("C32", policy(may("kms:ReEncrypt*", on=f"arn:aws:kms:*:{ACCOUNT}:key/*")))


@pytest.mark.parametrize("reached", ESCALATIONS)
def test_each_way_up_is_known_and_needs_all_of_its_actions(reached: str) -> None:
    actions = ESCALATIONS[reached]
    assert any(reached in told for told in fails("C31", policy(may(*actions))))
    assert any(reached in told for told in fails("C31", policy(*(may(action) for action in actions))))
    if len(actions) > 1:
        assert passes("C31", policy(may(actions[0])))


@pytest.mark.parametrize(
    ("rule", "actions"),
    [("C31b", CREDENTIALS), ("C31c", EXFILTRATION), ("C31d", PERMISSIONS), ("C31e", WRITES)],
)
def test_each_action_of_the_lists_is_found(rule: str, actions: tuple[str, ...]) -> None:
    for action in actions:
        assert len(fails(rule, policy(may(action)))) == 1, action


def role(**given: Any) -> Any:
    return resource("iam/role:Role", "run", {"name": "run", "arn": "arn:run", **given})


def test_a_role_is_judged_with_all_of_its_policies() -> None:
    passing = resource(
        "iam/rolePolicy:RolePolicy", "p1", {"role": "run", "policy": text(may("iam:PassRole"))}
    )
    starting = resource("iam/policy:Policy", "p2", {"arn": "arn:p2", "policy": text(may("ec2:RunInstances"))})
    attached = resource(
        "iam/rolePolicyAttachment:RolePolicyAttachment", "j", {"role": "run", "policyArn": "arn:p2"}
    )
    assert passes("C31", role(), passing, starting)
    (told,) = fails("C31", role(), passing, starting, attached)
    assert "iam:PassRole with ec2:RunInstances" in told
    exclusive = resource(
        "iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive",
        "j",
        {"roleName": "run", "policyArns": ["arn:p2"]},
    )
    assert fails("C31", role(), passing, starting, exclusive)
    assert fails("C31", role(managedPolicyArns=["arn:p2"]), passing, starting)
    inline = [{"policy": text(may("iam:PassRole", "ec2:RunInstances"))}]
    assert len(fails("C31", role(inlinePolicies=inline))) == 1


def test_boundaries_and_denials_take_away() -> None:
    wide = resource(
        "iam/rolePolicy:RolePolicy", "p", {"role": "run", "policy": text(may("dynamodb:PutItem"))}
    )
    boundary = resource("iam/policy:Policy", "b", {"arn": "arn:b", "policy": text(may("s3:GetObject"))})
    assert fails("C31e", role(), wide)
    assert passes("C31e", role(permissionsBoundary="arn:b"), wide, boundary)
    assert fails("C31e", role(permissionsBoundary="arn:elsewhere"), wide)
    denial = resource(
        "iam/rolePolicy:RolePolicy",
        "d",
        {"role": "run", "policy": text({**may("dynamodb:*"), "Effect": "Deny"})},
    )
    assert passes("C31e", role(), wide, denial)


def test_a_boundary_grants_nothing_and_is_not_judged_by_itself() -> None:
    wide = resource("iam/policy:Policy", "most", {"arn": "arn:b", "policy": text(may("*"))})
    bounded = role(permissionsBoundary="arn:b")
    for rule in ("C30", "C31", "C31e", "C32"):
        assert fails(rule, wide)
        assert passes(rule, wide, bounded)
        attached = resource(
            "iam/rolePolicyAttachment:RolePolicyAttachment", "j", {"role": "run", "policyArn": "arn:b"}
        )
        assert fails(rule, wide, bounded, attached)
    assert passes("C31e", resource("iam/policy:Policy", "a-boundary", {"policy": text(may("s3:PutObject"))}))


@pytest.mark.parametrize(
    "name", ["AdministratorAccess", "IAMFullAccess", "PowerUserAccess", "AmazonS3FullAccess"]
)
@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("iam/rolePolicyAttachment:RolePolicyAttachment", "policyArn"),
        ("iam/policyAttachment:PolicyAttachment", "policyArn"),
        ("iam/role:Role", "managedPolicyArns"),
        ("iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive", "policyArns"),
        ("ssoadmin/managedPolicyAttachment:ManagedPolicyAttachment", "managedPolicyArn"),
    ],
)
def test_policies_of_aws_that_allow_whole_services_fail_wherever_attached(
    kind: str, key: str, name: str
) -> None:
    for arn in (f"arn:aws:iam::aws:policy/{name}", f"arn:aws-cn:iam::aws:policy/job-function/{name}"):
        assert len(fails("C30", resource(kind, "a", {key: [arn]}))) == 1
    own = resource("iam/policy:Policy", "own", {"arn": f"arn:aws:iam::{ACCOUNT}:policy/{name}"})
    assert passes("C30", own, resource(kind, "a", {key: [own.props["arn"]]}))
    assert unchecked("C30", resource(kind, "a", {key: [own.props["arn"]]})) == [key]
    assert passes("C30", resource(kind, "a", {key: ["arn:aws:iam::aws:policy/AWSXRayDaemonWriteAccess"]}))
    assert unchecked("C30", resource(kind, "a", {key: UNKNOWN})) == [key]


@pytest.mark.parametrize(
    "statement",
    [
        may("*", on="arn:aws:s3:::one"),
        may("iam:*", on=f"arn:aws:iam::{ACCOUNT}:role/one"),
        may("s3:*", on="arn:aws:s3:::*"),
        {"Effect": "Allow", "NotAction": "iam:*", "NotResource": "arn:aws:s3:::one"},
    ],
)
def test_everything_and_whole_services_fail_in_every_spelling(statement: dict[str, Any]) -> None:
    assert len(fails("C30", policy(statement))) == 1
    held = {"inlinePolicy": text(statement)}
    assert fails("C30", resource("ssoadmin/permissionSetInlinePolicy:PermissionSetInlinePolicy", "p", held))


TRUST = {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
SOURCE = {"ArnLike": {"aws:SourceArn": f"arn:aws:ecs:eu-west-1:{ACCOUNT}:*"}}


def trusting(**given: Any) -> Any:
    return resource("iam/role:Role", "r", {"assumeRolePolicy": text(changed(TRUST, **given))})


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}}},
        {"Principal": {"Service": "lambda.amazonaws.com"}, "Condition": {}},
        {"Principal": {"Service": ["ec2.amazonaws.com", "pods.eks.amazonaws.com"]}, "Condition": ABSENT},
        {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}},
        {"Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}},
        {"Effect": "Deny", "Principal": "*"},
    ],
)
def test_named_principals_pass(given: dict[str, Any]) -> None:
    assert passes("C33", trusting(**{"Condition": SOURCE, **given}))


@pytest.mark.parametrize(
    "given",
    [
        {"Condition": ABSENT},
        {"Condition": {"StringEquals": {"aws:SourceAccount": "*"}}},
        {"Condition": {"StringEqualsIfExists": {"aws:SourceAccount": ACCOUNT}}},
        {"Condition": {"StringNotEquals": {"aws:SourceAccount": ACCOUNT}}},
        {"Condition": {"ArnLike": {"aws:SourceArn": "*"}}},
        {"Principal": {"Service": "logs.eu-west-1.amazonaws.com"}},
        {"Principal": {"Service": "scheduler.amazonaws.com"}},
        {"Principal": {"Service": "*"}},
        {"Principal": "*"},
        {"Principal": {"AWS": "*"}, "Condition": {"StringEquals": {"sts:ExternalId": "x"}}},
        {"Principal": {"AWS": "arn:aws:iam::*:role/ci"}},
        {"Principal": ABSENT, "NotPrincipal": {"AWS": "1"}},
    ],
)
def test_strangers_and_confused_deputies_fail(given: dict[str, Any]) -> None:
    assert len(fails("C33", trusting(**given))) == 1


GITHUB, CLUSTER = "token.actions.githubusercontent.com", "oidc.eks.eu-west-1.amazonaws.com/id/ABC"


@pytest.mark.parametrize(
    ("issuer", "good", "bad"),
    [
        (GITHUB, "repo:acme/agents:ref:refs/heads/main", ["repo:acme/*", "repo:*", "*", "repo:acme/agents*"]),
        (
            CLUSTER,
            "system:serviceaccount:agents:handbook",
            ["system:serviceaccount:*:*", "system:serviceaccount:agents:*", "*"],
        ),
        ("gitlab.com", "project_path:acme/agents:ref_type:branch:ref:main", ["*"]),
    ],
)
def test_web_tokens_are_pinned_by_subject(issuer: str, good: str, bad: list[str]) -> None:
    def trust(condition: Any) -> Any:
        provider = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}"
        statement = {
            "Effect": "Allow",
            "Principal": {"Federated": provider},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": condition,
        }
        return resource("iam/role:Role", "r", {"assumeRolePolicy": text(statement)})

    for operator in ("StringEquals", "StringLike", "ForAnyValue:StringLike"):
        assert passes("C33", trust({operator: {f"{issuer}:sub": good}}))
    for subject in bad:
        assert len(fails("C33", trust({"StringLike": {f"{issuer}:sub": subject}}))) == 1
        assert fails("C33", trust({"StringLike": {f"{issuer}:sub": [good, subject]}}))
    assert fails("C33", trust({}))
    assert fails("C33", trust({"ForAllValues:StringLike": {f"{issuer}:sub": good}}))


@pytest.mark.parametrize(
    "kind",
    [
        "user:User",
        "accessKey:AccessKey",
        "userLoginProfile:UserLoginProfile",
        "userPolicy:UserPolicy",
        "userPolicyAttachment:UserPolicyAttachment",
        "serviceSpecificCredential:ServiceSpecificCredential",
        "sshKey:SshKey",
    ],
)
def test_users_and_what_they_have_fail(kind: str) -> None:
    assert len(fails("C34", resource(f"iam/{kind}", "u", {}))) == 1


@pytest.mark.parametrize("kind", ["policyAttachment:PolicyAttachment", "groupMembership:GroupMembership"])
def test_what_gives_rights_to_users_fails_and_to_roles_passes(kind: str) -> None:
    assert fails("C34", resource(f"iam/{kind}", "a", {"users": ["u"]}))
    for users in ([], None):
        assert passes("C34", resource(f"iam/{kind}", "a", {"users": users, "roles": ["r"]}))
    assert unchecked("C34", resource(f"iam/{kind}", "a", {"users": UNKNOWN})) == ["users"]
    assert passes("C34", resource("iam/role:Role", "r", {}))
