"""C14, C30, C33 and C42: policies and groups that let in more than they name."""

from typing import Any

import pytest

from policies.rules.iam_policies_are_bounded import RULE
from tests.policies.judging import ABSENT, UNKNOWN, changed, fails, passes, resource, text, unchecked

SEND = {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "sqs:SendMessage", "Resource": "*"}
READ = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}
ASSUME = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
GITHUB = "token.actions.githubusercontent.com"
OIDC = {
    "Effect": "Allow",
    "Principal": {"Federated": f"arn:aws:iam::123456789012:oidc-provider/{GITHUB}"},
    "Action": "sts:AssumeRoleWithWebIdentity",
    "Condition": {"StringLike": {f"{GITHUB}:sub": "repo:acme/agents:*"}},
}


def queue_policy(document: Any, kind: str = "sqs/queuePolicy:QueuePolicy") -> Any:
    return resource(kind, "own", {"policy": document})


@pytest.mark.parametrize("kind", ["sqs/queuePolicy:QueuePolicy", "sqs/queue:Queue"])
def test_a_queue_open_to_named_callers_passes_and_to_others_fails(kind: str) -> None:
    assert passes("C14", queue_policy(text(SEND), kind))
    assert passes("C14", queue_policy(None, kind))
    limited = {"Principal": "*", "Condition": {"ArnEquals": {"aws:SourceArn": "arn:x"}}}
    assert passes("C14", queue_policy(text({**SEND, **limited}), kind))
    assert passes(
        "C14", queue_policy(text({**SEND, "Effect": "Deny", "Principal": "*", "Action": "*"}), kind)
    )
    for broken in ({"Principal": "*"}, {"Principal": {"AWS": ["*"]}}, {"Action": "*"}, {"Action": ["SQS:*"]}):
        assert len(fails("C14", queue_policy(text({**SEND, **broken}), kind))) == 1
        assert len(fails("C14", queue_policy({"Statement": {**SEND, **broken}}, kind))) == 1
    assert fails("C14", queue_policy("{", kind))
    assert unchecked("C14", queue_policy(UNKNOWN, kind)) == ["policy"]


def test_the_types_that_hold_policies_are_spelt_as_pulumi_spells_them() -> None:
    assert "aws:iam/policy:Policy" in RULE.types
    assert "aws:iam/rolePolicy:RolePolicy" in RULE.types
    assert "aws:iam/rolePolicyAttachment:RolePolicyAttachment" in RULE.types


@pytest.mark.parametrize("kind", ["policy:Policy", "rolePolicy:RolePolicy", "userPolicy:UserPolicy"])
def test_a_bounded_policy_passes_and_a_whole_service_fails(kind: str) -> None:
    def policy(**broken: Any) -> Any:
        return resource(f"iam/{kind}", "own", {"policy": text(changed(READ, **broken))})

    assert passes("C30", policy())
    assert passes("C30", policy(Resource="*"))
    assert passes("C30", policy(Action="s3:*"))
    assert passes("C30", policy(Effect="Deny", Action="*", Resource="*"))
    for action in ("*", ["s3:GetObject", "*"], "s3:*"):
        assert len(fails("C30", policy(Action=action, Resource="*"))) == 1
    assert len(fails("C30", policy(Action=ABSENT, NotAction="iam:*", Resource=["*"]))) == 1
    assert unchecked("C30", resource(f"iam/{kind}", "own", {"policy": UNKNOWN})) == ["policy"]


def test_inline_and_managed_policies_of_a_role_count() -> None:
    wide = {"policy": text({**READ, "Action": "*", "Resource": "*"})}
    assert fails("C30", resource("iam/role:Role", "r", {"inlinePolicies": [wide]}))
    admin = "arn:aws:iam::aws:policy/AdministratorAccess"
    assert fails("C30", resource("iam/role:Role", "r", {"managedPolicyArns": [admin]}))
    kind = "iam/rolePolicyAttachment:RolePolicyAttachment"
    assert fails("C30", resource(kind, "a", {"policyArn": admin}))
    assert passes(
        "C30", resource(kind, "a", {"policyArn": "arn:aws:iam::aws:policy/AWSXRayDaemonWriteAccess"})
    )
    assert unchecked("C30", resource(kind, "a", {"policyArn": UNKNOWN})) == ["policyArn"]


def role(document: Any) -> Any:
    return resource("iam/role:Role", "r", {"assumeRolePolicy": document})


@pytest.mark.parametrize("statement", [ASSUME, OIDC, {**ASSUME, "Effect": "Deny", "Principal": "*"}])
def test_a_trust_in_named_principals_passes(statement: Any) -> None:
    assert passes("C33", role(text(statement)))
    assert passes("C33", role({"Statement": statement}))


@pytest.mark.parametrize(
    "statement",
    [
        {**ASSUME, "Principal": "*"},
        {**ASSUME, "Principal": {"AWS": "*"}},
        {**ASSUME, "Principal": {"AWS": ["arn:aws:iam::1:root", "*"]}},
        {**OIDC, "Condition": {}},
        {**OIDC, "Condition": {"StringEquals": {f"{GITHUB}:aud": "sts.amazonaws.com"}}},
        {**OIDC, "Condition": {"StringLike": {f"{GITHUB}:sub": "*"}}},
        {**OIDC, "Condition": {"StringLike": {f"{GITHUB}:sub": "repo:*"}}},
        {**OIDC, "Condition": {"StringLike": {f"{GITHUB}:sub": ["repo:acme/agents:*", "repo:acme/*"]}}},
        {**OIDC, "Condition": {"StringNotEquals": {f"{GITHUB}:sub": "repo:acme/agents:x"}}},
    ],
)
def test_a_trust_in_strangers_fails(statement: Any) -> None:
    assert len(fails("C33", role(text(statement)))) == 1


def test_malformed_and_unknown_trusts() -> None:
    assert fails("C33", role("{"))
    assert unchecked("C33", role(UNKNOWN)) == ["assumeRolePolicy"]


def group(**given: Any) -> Any:
    return resource("ec2/securityGroup:SecurityGroup", "g", {"description": "Workers", **given})


@pytest.mark.parametrize(
    "ingress", [None, [], [{"cidrBlocks": ["10.0.0.0/8"]}], {"securityGroups": ["sg-1"]}]
)
def test_a_closed_group_passes(ingress: Any) -> None:
    assert passes("C42", group(ingress=ingress))


@pytest.mark.parametrize("blocks", [{"cidrBlocks": ["10.0.0.0/8", "0.0.0.0/0"]}, {"ipv6CidrBlocks": "::/0"}])
def test_a_group_open_to_the_internet_fails_wherever_it_is_said(blocks: dict[str, Any]) -> None:
    assert len(fails("C42", group(ingress=[blocks]))) == 1
    rule = resource("ec2/securityGroupRule:SecurityGroupRule", "in", {"type": "ingress", **blocks})
    assert len(fails("C42", rule)) == 1
    assert passes(
        "C42", resource("ec2/securityGroupRule:SecurityGroupRule", "in", {"type": "egress", **blocks})
    )


@pytest.mark.parametrize("given", [{"cidrIpv4": "0.0.0.0/0"}, {"cidrIpv6": "::/0"}])
def test_a_rule_of_the_new_kind_fails(given: dict[str, Any]) -> None:
    kind = "vpc/securityGroupIngressRule:SecurityGroupIngressRule"
    assert len(fails("C42", resource(kind, "in", given))) == 1
    assert passes("C42", resource(kind, "in", {"cidrIpv4": "10.0.0.0/8"}))
    assert unchecked("C42", resource(kind, "in", {"cidrIpv4": UNKNOWN})) == ["cidrIpv4"]


@pytest.mark.parametrize("description", [None, "", "Managed by Pulumi"])
def test_a_group_that_nobody_described_fails(description: Any) -> None:
    assert len(fails("C42", group(description=description))) == 1
    assert unchecked("C42", group(ingress=UNKNOWN)) == ["ingress"]


SNS = {**SEND, "Principal": {"Service": "sns.amazonaws.com"}}
FROM_TOPIC = {"ArnEquals": {"aws:SourceArn": "arn:aws:sns:eu-west-1:123456789012:alerts"}}


def test_a_service_that_sends_to_a_queue_says_for_whom() -> None:
    assert passes("C14", queue_policy(text({**SNS, "Condition": FROM_TOPIC})))
    assert passes(
        "C14",
        queue_policy(text({**SNS, "Condition": {"StringEquals": {"aws:SourceAccount": ["123456789012"]}}})),
    )
    assert passes("C14", queue_policy(text({**SNS, "Principal": {"Service": "backup.amazonaws.com"}})))
    for condition in (
        None,
        {},
        {"ArnEquals": {}},
        {"ArnEquals": {"aws:SourceArn": []}},
        {"ArnLike": {"aws:SourceArn": "*"}},
        {"ArnLike": {"aws:SourceArn": ["arn:aws:sns:*:*:*"]}},
        {"StringEqualsIfExists": {"aws:SourceAccount": "123456789012"}},
        {"Bool": {"aws:SecureTransport": "true"}},
    ):
        assert len(fails("C14", queue_policy(text({**SNS, "Condition": condition})))) == 1, condition
    unknown = {"Statement": {**SNS, "Condition": {"ArnEquals": {"aws:SourceArn": UNKNOWN}}}}
    assert unchecked("C14", queue_policy(unknown)) == [
        "policy.Statement[0].Condition.ArnEquals.aws:SourceArn"
    ]


READER = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:role/a"}, "Resource": "*"}


@pytest.mark.parametrize("kind", ["secretPolicy:SecretPolicy", "secret:Secret"])
def test_a_secrets_policy_lets_in_whom_it_names(kind: str) -> None:
    def held(**given: Any) -> Any:
        statement = changed({**READER, "Action": "secretsmanager:GetSecretValue"}, **given)
        return resource(f"secretsmanager/{kind}", "s", {"policy": text(statement)})

    others = {"ArnNotEquals": {"aws:PrincipalArn": "arn:aws:iam::123456789012:role/a"}}
    assert passes("C28d", held())
    assert passes("C28d", held(Effect="Deny", Principal="*", Condition=others))
    assert passes(
        "C28d", held(Principal="*", Condition={"StringEquals": {"aws:PrincipalAccount": "123456789012"}})
    )
    for given in ({"Principal": "*"}, {"Principal": {"AWS": ["*"]}}, {"Principal": "*", "Condition": others}):
        assert len(fails("C28d", held(**given))) == 1
    assert len(fails("C28d", held(Principal=ABSENT, NotPrincipal={"AWS": "1"}))) == 1
    assert passes("C28d", resource(f"secretsmanager/{kind}", "s", {}))
    assert unchecked("C28d", resource(f"secretsmanager/{kind}", "s", {"policy": UNKNOWN})) == ["policy"]
    assert fails("C28d", resource(f"secretsmanager/{kind}", "s", {"policy": "{"}))


@pytest.mark.parametrize(
    ("given", "open_"),
    [
        ({}, False),
        ({"sourceArn": UNKNOWN}, False),
        ({"sourceArn": "arn:aws:s3:::uploads"}, False),
        ({"sourceArn": "*", "sourceAccount": "123456789012"}, False),
        ({"sourceArn": ABSENT, "principalOrgId": "o-1"}, False),
        ({"sourceArn": "*"}, True),
        ({"sourceArn": "arn:aws:sns:*:*:*"}, True),
        ({"sourceArn": "arn:aws:s3:::*"}, True),
        ({"sourceArn": ""}, True),
        ({"sourceArn": None}, True),
        ({"sourceArn": ABSENT}, True),
        ({"sourceArn": "*", "principal": "123456789012"}, False),
    ],
)
def test_a_service_that_calls_a_function_says_for_whom(given: dict[str, Any], open_: bool) -> None:
    held = {"principal": "sns.amazonaws.com", "sourceArn": "arn:aws:sns:eu-west-1:123456789012:alerts"}
    permission = resource("lambda/permission:Permission", "p", changed(held, **given))
    assert bool(fails("C01", permission)) is open_
