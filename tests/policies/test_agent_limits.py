"""AG13, AG14, AG16, AG18 and AG21: what an agent's role may do, where it may send, and what is kept."""

from typing import Any

import pytest

from policies.rules.agents_cannot_erase_their_log import ERASING
from policies.rules.agents_destroy_nothing import DESTRUCTIVE
from tests.policies.judging import ABSENT, UNKNOWN, changed, fails, found, passes, resource, text, unchecked

AGENT = {"agent": "handbook"}
TABLE = {
    "tags": AGENT,
    "pointInTimeRecovery": {"enabled": True},
    "ttl": {"enabled": True, "attributeName": "expires_at"},
    "deletionProtectionEnabled": True,
}


def table(**given: Any) -> Any:
    return resource("dynamodb/table:Table", "checkpoints", changed(TABLE, **given))


def test_a_recoverable_table_passes() -> None:
    assert passes("AG13", table())
    assert passes("AG13b", table(deletionProtectionEnabled="true"))
    assert passes("AG13", table(tags={}, ttl=ABSENT))


@pytest.mark.parametrize(
    "held", [ABSENT, None, {}, [], {"enabled": False}, {"enabled": "false"}, "on", [1, 2]]
)
@pytest.mark.parametrize("key", ["pointInTimeRecovery", "ttl"])
def test_a_table_that_cannot_be_recovered_or_never_empties_fails(key: str, held: Any) -> None:
    assert len(fails("AG13", table(**{key: held}))) == 1


@pytest.mark.parametrize("attribute", [None, ""])
def test_a_time_to_live_without_an_attribute_fails(attribute: Any) -> None:
    assert fails("AG13", table(ttl={"enabled": True, "attributeName": attribute}))


@pytest.mark.parametrize("held", [ABSENT, None, False, "false", "maybe", 1])
def test_an_unprotected_table_fails_where_it_matters(held: Any) -> None:
    (told,) = found("AG13b", table(deletionProtectionEnabled=held))
    assert told.blocks


def test_unknown_settings_are_not_checked() -> None:
    assert unchecked("AG13", table(ttl=UNKNOWN)) == ["ttl"]
    assert unchecked("AG13", table(pointInTimeRecovery={"enabled": UNKNOWN})) == [
        "pointInTimeRecovery.enabled"
    ]
    assert unchecked("AG13b", table(deletionProtectionEnabled=UNKNOWN)) == ["deletionProtectionEnabled"]


def functions(*reserved: Any) -> list[Any]:
    return [
        resource("lambda/function:Function", f"f{n}", changed({}, reservedConcurrentExecutions=one))
        for n, one in enumerate(reserved)
    ]


@pytest.mark.parametrize("reserved", [[ABSENT], [None, -1], [900], [450, "450", -1], [0]])
def test_reservations_that_fit_pass(reserved: list[Any]) -> None:
    assert passes("AG14", *functions(*reserved))


@pytest.mark.parametrize("reserved", [[901], [450, 451], [-1, "1000"], ["many"], [True]])
def test_reservations_beyond_the_account_fail_once(reserved: list[Any]) -> None:
    assert len(fails("AG14", *functions(*reserved))) == 1


def test_an_unknown_reservation_is_not_checked() -> None:
    assert unchecked("AG14", *functions(UNKNOWN, 5)) == ["reservedConcurrentExecutions"]
    assert len(fails("AG14", *functions(UNKNOWN, 901))) == 1


def role(*statements: dict[str, Any], tags: Any = AGENT) -> list[Any]:
    held = {"name": "run", "tags": tags, "inlinePolicies": [{"policy": text(*statements)}]}
    return [resource("iam/role:Role", "run", held)]


def may(*actions: str, on: Any = "*", **given: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": on, **given}


DAILY = may("dynamodb:DeleteItem", "sqs:DeleteMessage", "s3:DeleteObject", "logs:PutLogEvents")


@pytest.mark.parametrize("rule", ["AG16", "AG21"])
def test_daily_work_passes(rule: str) -> None:
    assert passes(rule, *role(DAILY))
    assert passes(rule, *role(may("*"), tags={}))


@pytest.mark.parametrize(
    ("rule", "action"),
    [("AG16", one) for one in DESTRUCTIVE]
    + [("AG21", one) for one in ERASING]
    + [
        ("AG16", "*"),
        ("AG16", "iam:*"),
        ("AG16", "s3:Delete*"),
        ("AG21", "LOGS:delete*"),
        ("AG21", "logs:*"),
    ],
)
def test_what_destroys_or_erases_fails(rule: str, action: str) -> None:
    assert len(fails(rule, *role(DAILY, may(action)))) == 1
    assert len(fails(rule, *role({"Effect": "Allow", "NotAction": "ec2:Describe*", "Resource": "*"}))) == 1


def test_an_explicit_denial_counts_when_it_is_whole() -> None:
    deny = {"Effect": "Deny", "Action": [*DESTRUCTIVE, *ERASING], "Resource": "*"}
    assert passes("AG16", *role(may("*"), deny))
    assert passes("AG21", *role(may("*"), deny))
    assert fails("AG16", *role(may("*"), {**deny, "Condition": {"Bool": {"aws:SecureTransport": "false"}}}))
    assert fails("AG16", *role(may("*"), {**deny, "Resource": "arn:aws:s3:::one"}))
    assert fails("AG16", *role(may("*"), {**deny, "Action": "iam:*"}))


MODEL = "arn:aws:bedrock:eu-west-1::foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0"
PROFILE = "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.model"


@pytest.mark.parametrize("on", [MODEL, [MODEL, PROFILE], MODEL[:-3] + "*"])
def test_named_models_pass(on: Any) -> None:
    assert passes("AG18b", *role(may("bedrock:InvokeModel", on=on)))


@pytest.mark.parametrize(
    "on", ["*", ["*"], "arn:aws:bedrock:*::foundation-model/*", "arn:aws:bedrock:eu-west-1::*", [MODEL, "*"]]
)
@pytest.mark.parametrize("action", ["bedrock:InvokeModel", "bedrock:*", "bedrock:Converse"])
def test_any_model_fails(on: Any, action: str) -> None:
    assert len(fails("AG18b", *role(may(action, on=on)))) == 1


@pytest.mark.parametrize("rule", ["AG16", "AG18b", "AG21"])
def test_unknown_policies_are_not_checked(rule: str) -> None:
    held = {"tags": AGENT, "inlinePolicies": [{"policy": UNKNOWN}]}
    assert unchecked(rule, resource("iam/role:Role", "run", held)) == ["inlinePolicies[0].policy"]


def group(**given: Any) -> Any:
    return resource("ec2/securityGroup:SecurityGroup", "net", {"id": "sg-1", "tags": AGENT, **given})


def legacy(**given: Any) -> Any:
    held = {"securityGroupId": "sg-1", "type": "egress", **given}
    return resource("ec2/securityGroupRule:SecurityGroupRule", "out", held)


def v2(**given: Any) -> Any:
    return resource(
        "vpc/securityGroupEgressRule:SecurityGroupEgressRule", "out", {"securityGroupId": "sg-1", **given}
    )


@pytest.mark.parametrize(
    "egress", [None, [], {}, {"cidrBlocks": ["10.0.0.0/8"]}, [{"securityGroups": ["sg-2"]}]]
)
def test_egress_to_named_places_passes(egress: Any) -> None:
    assert passes("AG18", group(egress=egress))
    assert passes("AG18", group(), legacy(cidrBlocks=["10.0.0.0/8"]), v2(prefixListId="pl-1"))


@pytest.mark.parametrize("block", ["0.0.0.0/0", "0.0.0.0/1"])
def test_egress_to_everywhere_fails_wherever_it_is_said(block: str) -> None:
    assert fails("AG18", group(egress=[{"cidrBlocks": ["10.0.0.0/8"]}, {"cidrBlocks": [block]}]))
    assert fails("AG18", group(egress={"ipv6CidrBlocks": "::/0"}))
    assert fails("AG18", group(), legacy(cidrBlocks=[block]))
    assert fails("AG18", group(), legacy(ipv6CidrBlocks=["::/0"]))
    assert fails("AG18", group(), v2(cidrIpv4=block))
    assert fails("AG18", group(), v2(cidrIpv6="::/0"))


def test_ingress_other_groups_and_unknown_rules() -> None:
    assert passes("AG18", group(), legacy(type="ingress", cidrBlocks=["0.0.0.0/0"]))
    assert passes("AG18", group(tags={}, egress=[{"cidrBlocks": ["0.0.0.0/0"]}]))
    assert passes("AG18", group(), v2(securityGroupId="sg-2", cidrIpv4="0.0.0.0/0"))
    assert unchecked("AG18", group(egress=UNKNOWN)) == ["egress"]
    assert unchecked("AG18", group(), v2(cidrIpv4=UNKNOWN)) == ["cidrIpv4"]
    assert fails("AG18", group(egress="all"))
