"""AG17: boundaries of agents' roles, and what leads from one role to another."""

import json
from typing import Any

import pytest

from tests.policies.judging import (
    ABSENT,
    ACCOUNT,
    UNKNOWN,
    changed,
    fails,
    found,
    passes,
    resource,
    text,
    unchecked,
)

VALID = {"tags": {"agent": "handbook"}, "permissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/boundary"}
PASS = {
    "Effect": "Allow",
    "Action": "iam:PassRole",
    "Resource": f"arn:aws:iam::{ACCOUNT}:role/worker",
    "Condition": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
}


def role(**given: Any) -> Any:
    return resource("iam/role:Role", "run", changed(VALID, **given))


def with_policy(document: Any) -> list[Any]:
    inline = resource(
        "iam/rolePolicy:RolePolicy", "rights", {"role": UNKNOWN, "policy": document}, {"role": ("run",)}
    )
    return [role(), inline]


def test_a_role_with_a_boundary_passes() -> None:
    assert passes("AG17", role())


@pytest.mark.parametrize("boundary", [ABSENT, None, "", " "])
def test_an_agents_role_without_a_boundary_is_told_what_to_set(boundary: Any) -> None:
    (told,) = found("AG17", role(permissionsBoundary=boundary))
    assert "permissions_boundary" in told.line
    assert told.path == "permissionsBoundary"
    assert told.blocks


def test_a_boundary_of_the_wrong_kind_fails() -> None:
    assert fails("AG17", role(permissionsBoundary=["arn"])) == ["is list where a text belongs."]


def test_an_unknown_boundary_is_not_checked() -> None:
    assert unchecked("AG17", role(permissionsBoundary=UNKNOWN)) == ["permissionsBoundary"]


@pytest.mark.parametrize("tags", [UNKNOWN, {"agent": UNKNOWN}])
def test_a_role_that_may_be_an_agents_is_not_checked(tags: Any) -> None:
    assert unchecked("AG17", role(tags=tags, permissionsBoundary=ABSENT))


def test_tags_that_the_provider_adds_count() -> None:
    assert fails("AG17", role(tags=ABSENT, tagsAll={"agent": "a"}, permissionsBoundary=ABSENT))


@pytest.mark.parametrize("tags", [ABSENT, None, {}, {"owner": "me"}])
def test_what_is_no_agents_role_is_not_judged(tags: Any) -> None:
    assert passes("AG17", role(tags=tags, permissionsBoundary=ABSENT))
    assert passes("AG17", resource("sqs/queue:Queue", "run", {"tags": {"agent": "a"}}))


@pytest.mark.parametrize("form", ["text", "object", "list of one"])
def test_a_role_passed_on_by_name_to_a_named_service_passes(form: str) -> None:
    document = {"Statement": [PASS] if form == "list of one" else PASS}
    assert passes("AG17b", *with_policy(json.dumps(document) if form == "text" else document))


@pytest.mark.parametrize(
    "broken",
    [
        {"Resource": "*"},
        {"Resource": ["*"]},
        {"Resource": "arn:aws:iam::*:role/*"},
        {"Resource": f"arn:aws:iam::{ACCOUNT}:role/*"},
        {"Resource": "arn:aws:iam::210987654321:role/*"},
        {"Condition": {}},
        {"Condition": {"StringLike": {"iam:PassedToService": "*"}}},
        {"Condition": {"StringNotEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}},
        {"Action": "sts:AssumeRole"},
        {"Action": ["sts:*"]},
        {"Action": "STS:assumerole"},
    ],
)
def test_a_way_to_another_role_fails(broken: dict[str, Any]) -> None:
    (told,) = found("AG17b", *with_policy(text({**PASS, **broken})))
    assert told.urn.endswith("rights")
    assert told.path == "policy.Statement[0]"


def test_a_denial_and_another_roles_policy_pass() -> None:
    assert passes("AG17b", *with_policy(text({"Effect": "Deny", "Action": "*", "Resource": "*"})))
    stranger = resource(
        "iam/rolePolicy:RolePolicy", "other", {"role": "x", "policy": text({**PASS, "Resource": "*"})}
    )
    assert passes("AG17b", role(), stranger)


def test_an_attached_policy_counts() -> None:
    managed = resource(
        "iam/policy:Policy", "wide", {"policy": text({**PASS, "Action": "*", "Resource": "*"})}
    )
    attachment = resource(
        "iam/rolePolicyAttachment:RolePolicyAttachment",
        "joined",
        {"role": UNKNOWN, "policyArn": UNKNOWN},
        {"role": ("run",), "policyArn": ("wide",)},
    )
    assert len(fails("AG17b", role(), managed, attachment)) == 2
    assert passes("AG17b", role(), managed)


def test_an_unknown_document_is_not_checked() -> None:
    assert unchecked("AG17b", *with_policy(UNKNOWN)) == ["policy"]
    assert unchecked("AG17b", *with_policy({"Statement": [{**PASS, "Resource": UNKNOWN}]}))


@pytest.mark.parametrize("document", ["{", "[]", "7", {"Statement": {"Effect": "Maybe"}}, {"Version": 1}])
def test_a_malformed_document_fails(document: Any) -> None:
    assert fails("AG17b", *with_policy(document))
