import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedded_aws.authorizer.policy import Decision, Request, decide
from embedded_aws.authorizer.principals import Principal

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/agents/agent"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/agent/run-1"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
SECRET = f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:a-AbCdEf"
KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/k"
READ = "secretsmanager:GetSecretValue"

AGENT = Principal(ACCOUNT, ROLE, "run-1", "AROAEXAMPLE", {"Team": "red"})
ASKED = Request(AGENT, READ, SECRET)


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any = READ, resource: Any = SECRET, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any = READ, resource: Any = SECRET, **more: Any) -> dict[str, Any]:
    return {**allow(action, resource, **more), "Effect": "Deny"}


def to(principal: Any, **more: Any) -> dict[str, Any]:
    return allow(resource="*", Principal=principal, **more)


def test_nothing_is_allowed_by_default() -> None:
    assert decide([], None, [], ASKED) == Decision(
        False, f"because no identity-based policy allows the {READ} action"
    )


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        (allow(), True),
        (allow("SECRETSMANAGER:getsecret*"), True),
        (allow("secretsmanager:DescribeSecret"), False),
        (allow(resource="*"), True),
        (allow(resource=f"{SECRET}x"), False),
        ({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, True),
        ({"Effect": "Allow", "NotAction": READ, "Resource": "*"}, False),
        ({"Effect": "Allow", "Action": READ, "NotResource": SECRET}, False),
        ({"Effect": "Allow", "Action": READ, "NotResource": f"{SECRET}x"}, True),
        (allow(Condition={"StringEquals": {"aws:PrincipalTag/team": "red"}}), True),
        (allow(Condition={"StringEquals": {"aws:userid": "AROAEXAMPLE:run-1"}}), True),
        (allow(Condition={"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/agents/*"}}), True),
        (allow(Condition={"Bool": {"aws:PrincipalIsAWSService": False}}), True),
        (allow(resource="arn:aws:secretsmanager:*:*:secret:${aws:PrincipalTag/none}*"), False),
    ],
)
def test_a_statement_matches_by_action_resource_and_condition(
    statement: dict[str, Any], allowed: bool
) -> None:
    assert decide([policy(statement)], None, [], ASKED).allowed is allowed


def test_the_statement_that_decides_is_named() -> None:
    decision = decide([policy(allow(), deny(Sid="Never"))], None, [], ASKED)
    assert decision == Decision(False, "with an explicit deny in an identity-based policy", "Never")


@pytest.mark.parametrize(
    ("named", "allowed"),
    [
        ({"AWS": ROLE}, True),
        ({"AWS": ["AROAOTHER", SESSION]}, True),
        ({"AWS": "*"}, True),
        ("*", True),
        ({"AWS": ROOT}, False),
        ({"AWS": ACCOUNT}, False),
        ({"AWS": f"{ROLE}-2"}, False),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:role/*"}, False),
        ({"Service": "lambda.amazonaws.com"}, False),
    ],
)
def test_a_resource_grants_by_itself_to_whom_it_names(named: Any, allowed: bool) -> None:
    assert decide([], None, [policy(to(named))], ASKED).allowed is allowed


@pytest.mark.parametrize(("named", "allowed"), [(ROLE, False), (SESSION, True), ("*", True)])
def test_the_boundary_limits_a_grant_to_the_role_and_not_to_the_session(named: str, allowed: bool) -> None:
    boundary = policy(allow("s3:*", "*"))
    decision = decide([], boundary, [policy(to({"AWS": named}))], ASKED)
    assert decision.allowed is allowed
    assert allowed or decision.reason == f"because no permissions boundary allows the {READ} action"


def test_identity_and_boundary_must_both_allow() -> None:
    identity, other = policy(allow()), policy(allow("s3:*", "*"))
    assert decide([identity], identity, [], ASKED).allowed
    assert not decide([identity], other, [], ASKED).allowed
    assert not decide([other], identity, [], ASKED).allowed


def test_a_session_policy_limits_as_a_boundary_does() -> None:
    identity, other = policy(allow()), policy(allow("s3:*", "*"))
    assert decide([identity], None, [], ASKED, session_policies=[identity]).allowed
    decision = decide([identity], None, [], ASKED, session_policies=[other])
    assert decision.reason == f"because no session policy allows the {READ} action"


@pytest.mark.parametrize(
    ("principals", "denied"),
    [
        ({"Principal": "*"}, True),
        ({"Principal": {"AWS": ROOT}}, True),
        ({"Principal": {"AWS": ROLE}}, True),
        ({"Principal": {"AWS": f"{ROLE}-2"}}, False),
        ({"NotPrincipal": {"AWS": [ROOT, ROLE, SESSION]}}, False),
        ({"NotPrincipal": {"AWS": [ROLE, SESSION]}}, True),
        ({"NotPrincipal": {"AWS": f"{ROLE}-2"}}, True),
    ],
)
def test_a_resource_denies_whom_it_names(principals: dict[str, Any], denied: bool) -> None:
    guard = policy({"Effect": "Deny", "Action": READ, "Resource": "*", **principals})
    decision = decide([policy(allow())], None, [guard], ASKED)
    assert decision.allowed is not denied
    assert decision.allowed or decision.reason == "with an explicit deny in a resource-based policy"


def test_a_secret_that_denies_all_but_one_role_lets_that_role_in() -> None:
    def guard(*roles: str) -> str:
        condition = {"ArnNotEquals": {"aws:PrincipalArn": list(roles)}}
        return policy(deny(resource="*", Principal="*", Condition=condition))

    assert decide([policy(allow())], None, [guard("arn:aws:iam::1:role/x", ROLE)], ASKED).allowed
    assert not decide([policy(allow())], None, [guard("arn:aws:iam::1:role/x")], ASKED).allowed


KMS_ASKED = Request(
    AGENT, "kms:Decrypt", KEY, {"kms:viaservice": ("secretsmanager.eu-west-1.amazonaws.com",)}
)


@pytest.mark.parametrize(
    ("key_principal", "identity_allows", "allowed"),
    [
        (ROOT, True, True),
        (ROOT, False, False),
        (ROLE, False, True),
        (f"{ROLE}-2", True, False),
    ],
)
def test_a_key_policy_decides_whether_identity_policies_count(
    key_principal: str, identity_allows: bool, allowed: bool
) -> None:
    identity = [policy(allow("kms:Decrypt", KEY))] if identity_allows else []
    key = policy(allow("kms:*", "*", Principal={"AWS": key_principal}))
    assert decide(identity, None, [key], KMS_ASKED).allowed is allowed


def test_a_key_that_hands_over_to_the_account_under_a_condition_does_so_only_then() -> None:
    def key(service: str) -> str:
        condition = {"StringEquals": {"kms:ViaService": f"{service}.eu-west-1.amazonaws.com"}}
        return policy(allow("kms:*", "*", Principal={"AWS": ROOT}, Condition=condition))

    identity = [policy(allow("kms:Decrypt", KEY))]
    assert decide(identity, None, [key("secretsmanager")], KMS_ASKED).allowed
    refused = decide(identity, None, [key("s3")], KMS_ASKED)
    assert refused.reason == "because no resource-based policy allows the kms:Decrypt action"


@pytest.mark.parametrize(("trusted", "allowed"), [(ROOT, True), ("arn:aws:iam::1:role/x", False)])
def test_a_role_is_assumed_only_by_whom_it_trusts(trusted: str, allowed: bool) -> None:
    other = f"arn:aws:iam::{ACCOUNT}:role/other"
    trust = policy({"Effect": "Allow", "Principal": {"AWS": trusted}, "Action": "sts:AssumeRole"})
    asked = Request(AGENT, "sts:AssumeRole", other)
    assert decide([policy(allow("sts:AssumeRole", other))], None, [trust], asked).allowed is allowed


def test_an_unknown_operator_refuses_and_is_named() -> None:
    odd = {"BinaryEquals": {"a": "b"}}
    allowed_oddly = decide([policy(allow(Condition=odd))], None, [], ASKED)
    assert not allowed_oddly.allowed
    assert "the condition operator BinaryEquals is not known" in allowed_oddly.reason
    denied_oddly = decide([policy(allow(), deny(Condition=odd))], None, [], ASKED)
    assert not denied_oddly.allowed
    assert "BinaryEquals" in denied_oddly.reason


@pytest.mark.parametrize(
    "text",
    [
        "not JSON",
        "[]",
        policy({"Effect": "Perhaps", "Action": "*", "Resource": "*"}),
        policy({"Effect": "Allow", "Resource": "*"}),
        policy({"Effect": "Allow", "Action": "*"}),
        policy(allow("*", "*", Principal="*")),
    ],
)
def test_a_policy_that_cannot_be_read_refuses(text: str) -> None:
    assert not decide([policy(allow("*", "*")), text], None, [], ASKED).allowed


ACTIONS = st.sampled_from([READ, "secretsmanager:*", "*", "s3:GetObject"])
RESOURCES = st.sampled_from([SECRET, "*", "arn:aws:secretsmanager:*", "arn:aws:s3:::b"])
CONDITIONS = st.sampled_from([{}, {"Bool": {"a": "true"}}, {"StringNotEquals": {"a": "b"}}])
PRINCIPALS = st.sampled_from([{"AWS": ROLE}, {"AWS": SESSION}, {"AWS": ROOT}, "*", {"Service": "x"}])
STATEMENTS = st.builds(
    lambda effect, action, resource, condition: {
        **allow(action, resource, Condition=condition),
        "Effect": effect,
    },
    st.sampled_from(["Allow", "Deny"]),
    ACTIONS,
    RESOURCES,
    CONDITIONS,
)
POLICIES = st.lists(STATEMENTS, max_size=3).map(lambda given: policy(*given))
RESOURCE_POLICIES = st.lists(
    st.builds(lambda s, p: {**s, "Principal": p}, STATEMENTS, PRINCIPALS), max_size=3
).map(lambda given: policy(*given))


@given(st.lists(POLICIES, max_size=3), st.none() | POLICIES, st.lists(RESOURCE_POLICIES, max_size=2))
def test_an_explicit_deny_always_wins(identity: list[str], boundary: str | None, resource: list[str]) -> None:
    always = policy(deny("*", "*"))
    of_resource = policy(deny("*", "*", Principal="*"))
    assert not decide([*identity, always], boundary, resource, ASKED).allowed
    assert not decide(identity, boundary, [*resource, of_resource], ASKED).allowed
    assert not decide(identity, always, resource, ASKED).allowed


@given(st.lists(POLICIES, max_size=3), POLICIES, st.lists(RESOURCE_POLICIES, max_size=2))
def test_a_boundary_never_adds(identity: list[str], boundary: str, resource: list[str]) -> None:
    if not decide(identity, None, resource, ASKED).allowed:
        assert not decide(identity, boundary, resource, ASKED).allowed


@given(st.lists(POLICIES, max_size=3), st.lists(POLICIES, max_size=3))
def test_the_order_of_policies_does_not_matter(first: list[str], second: list[str]) -> None:
    one = decide([*first, *second], None, [], ASKED)
    other = decide([*second, *first], None, [], ASKED)
    assert one.allowed == other.allowed
