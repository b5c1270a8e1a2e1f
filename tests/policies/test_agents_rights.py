"""AG16, AG17 and AG21: approvals, boundaries and denials of agents' roles, and what trails record."""

import json
from typing import Any

import pytest

from policies.rules.agents_destroy_nothing import DESTRUCTIVE
from tests.policies.judging import ABSENT, UNKNOWN, changed, fails, passes, resource, text, unchecked

DATA_PLANE = {"Effect": "Allow", "Action": ["s3:GetObject", "dynamodb:PutItem"], "Resource": "*"}
DELETES = {"Effect": "Allow", "Action": "s3:DeleteBucket", "Resource": "arn:aws:s3:::one"}
DENIED = {"Effect": "Deny", "Action": list(DESTRUCTIVE), "Resource": "*"}


def agent(*statements: dict[str, Any], name: str = "run", **given: Any) -> list[Any]:
    held = {"name": name, "arn": f"arn:{name}", "tags": {"agent": "a"}, "permissionsBoundary": "arn:bound"}
    return [
        resource("iam/role:Role", name, changed(held, **given)),
        resource("iam/rolePolicy:RolePolicy", f"{name}-p", {"role": name, "policy": text(*statements)}),
    ]


def bound(*statements: dict[str, Any]) -> Any:
    return resource("iam/policy:Policy", "bound", {"arn": "arn:bound", "policy": text(*statements)})


def test_a_boundary_of_the_data_plane_keeps_destruction_out() -> None:
    for statements in ([DATA_PLANE], [DELETES], [{**DELETES, "Action": "*", "Resource": "*"}]):
        for rule in ("AG16", "AG16b", "AG17", "AG17b", "AG21"):
            assert passes(rule, *agent(*statements), bound(DATA_PLANE)), rule


def test_what_the_boundary_leaves_open_fails() -> None:
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    assert fails("AG16", *agent(DELETES), bound(everything))
    assert fails("AG16b", *agent(DATA_PLANE), bound(everything))
    assert fails("AG16b", *agent(DATA_PLANE), bound({**DATA_PLANE, "Action": "iam:PutRole*"}))
    but = {"Effect": "Deny", "Action": ["iam:*", "sts:*"], "Resource": "*"}
    assert fails("AG16b", *agent(DATA_PLANE), bound(everything, but))


@pytest.mark.parametrize("name", ["AdministratorAccess", "PowerUserAccess"])
def test_a_boundary_of_aws_that_bounds_nothing_fails(name: str) -> None:
    assert fails("AG17", *agent(DATA_PLANE, permissionsBoundary=f"arn:aws:iam::aws:policy/{name}"))


def test_a_denial_does_where_there_is_no_boundary() -> None:
    assert passes("AG16b", *agent(DATA_PLANE, DENIED, permissionsBoundary=ABSENT))
    assert fails("AG16b", *agent(DATA_PLANE, permissionsBoundary=ABSENT))
    some = {**DENIED, "Action": "iam:*"}
    assert fails("AG16b", *agent(DATA_PLANE, some, permissionsBoundary=None))
    on_some = {**DENIED, "Resource": "arn:aws:s3:::one"}
    assert fails("AG16b", *agent(DATA_PLANE, on_some, permissionsBoundary=""))


def test_a_boundary_that_another_stack_keeps_is_judged_there() -> None:
    assert unchecked("AG16b", *agent(DATA_PLANE)) == ["permissionsBoundary"]
    assert unchecked("AG16b", *agent(DATA_PLANE, permissionsBoundary=UNKNOWN)) == ["permissionsBoundary"]
    assert fails("AG16", *agent(DELETES)), "its own policies must do by themselves"
    assert passes("AG16b", *agent(DATA_PLANE, DENIED))
    assert passes("AG16b", *agent(DELETES, tags={}))


DOES = "arn:aws:lambda:eu-west-1:123456789012:function:delete"
APPROVES = json.dumps(
    {"States": {"Ask": {"Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken"}, "Do": DOES}}
)


def destroyer(definition: Any = APPROVES, *more: Any) -> list[Any]:
    """A role that deletes, of a function that a state machine calls."""
    return [
        *agent(DELETES, name="delete"),
        resource("lambda/function:Function", "eraser", {"arn": DOES, "role": "arn:delete"}),
        resource("sfn/stateMachine:StateMachine", "flow", {"definition": definition}),
        *more,
    ]


def test_a_role_behind_an_approval_may_destroy() -> None:
    assert passes("AG16", *destroyer())
    assert passes("AG16b", *destroyer())
    states = {"function": DOES, "principal": "states.amazonaws.com"}
    assert passes("AG16", *destroyer(APPROVES, resource("lambda/permission:Permission", "p", states)))


@pytest.mark.parametrize(
    "kind",
    [
        {"lambda/functionUrl:FunctionUrl": {"functionName": DOES}},
        {"lambda/eventSourceMapping:EventSourceMapping": {"functionName": DOES}},
        {"sns/topicSubscription:TopicSubscription": {"endpoint": DOES}},
        {"lambda/permission:Permission": {"function": DOES, "principal": "sns.amazonaws.com"}},
        {"ecs/taskDefinition:TaskDefinition": {"taskRoleArn": "arn:delete"}},
    ],
)
def test_a_way_past_the_approval_fails(kind: dict[str, dict[str, Any]]) -> None:
    ((name, held),) = kind.items()
    assert fails("AG16", *destroyer(APPROVES, resource(name, "past", held)))


@pytest.mark.parametrize(
    "definition",
    [APPROVES.replace(".waitForTaskToken", ""), APPROVES.replace(DOES, "x"), UNKNOWN, None],
)
def test_a_state_machine_that_asks_nobody_is_no_approval(definition: Any) -> None:
    assert fails("AG16", *destroyer(definition))


def test_an_agent_may_not_call_what_destroys() -> None:
    call = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": DOES}
    (told,) = fails("AG16c", *agent(call), *destroyer())
    assert "may call eraser" in told
    assert fails("AG16c", *agent({**call, "Action": "lambda:*", "Resource": "*"}), *destroyer())
    assert passes("AG16c", *agent({**call, "Resource": "arn:other"}), *destroyer())
    assert passes("AG16c", *agent(call), *destroyer(), bound(DATA_PLANE))
    assert passes("AG16c", *agent(call, tags={}), *destroyer())
    hidden = [one for one in destroyer() if one.name != "delete-p"]
    unknown = resource("iam/rolePolicy:RolePolicy", "delete-p", {"role": "delete", "policy": UNKNOWN})
    assert unchecked("AG16c", *agent(call), *hidden, unknown) == ["policy", "policy"]
    assert unchecked("AG16c", *agent({**call, "Resource": "arn:x"}), *hidden, unknown) == ["policy"]


def test_ways_to_other_roles_end_at_boundary_and_denial() -> None:
    takes = {"Effect": "Allow", "Action": ["sts:AssumeRole", "iam:PassRole"], "Resource": "*"}
    assert len(fails("AG17b", *agent(takes))) == 3
    assert passes("AG17b", *agent(takes), bound(DATA_PLANE))
    assert passes("AG17b", *agent(takes, {**takes, "Effect": "Deny"}))
    assert fails("AG17b", *agent({**takes, "Action": "sts:AssumeRoot"}))
    wide = {"StringLike": {"iam:PassedToService": "*.amazonaws.com"}}
    assert fails("AG17b", *agent({**takes, "Action": "iam:PassRole", "Resource": "arn:x", "Condition": wide}))


TRAIL = {"isMultiRegionTrail": True, "enableLogFileValidation": True}
MANAGEMENT = {"field": "eventCategory", "equals": ["Management"]}


def trail(**given: Any) -> Any:
    return resource("cloudtrail/trail:Trail", "audit", changed(TRAIL, **given))


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"eventSelectors": []},
        {"eventSelectors": [{"readWriteType": "ReadOnly"}]},
        {"eventSelectors": {"includeManagementEvents": True, "dataResources": []}},
        {"advancedEventSelectors": [{"fieldSelectors": [MANAGEMENT]}]},
        {
            "advancedEventSelectors": [
                {"fieldSelectors": [MANAGEMENT, {"field": "readOnly", "equals": ["true"]}]}
            ]
        },
    ],
)
def test_a_trail_that_records_reads_passes(given: dict[str, Any]) -> None:
    assert passes("AG21b", trail(**given))


@pytest.mark.parametrize(
    "given",
    [
        {"enableLogging": False},
        {"isMultiRegionTrail": ABSENT},
        {"isMultiRegionTrail": "false"},
        {"enableLogFileValidation": None},
        {"eventSelectors": [{"readWriteType": "WriteOnly"}]},
        {"eventSelectors": [{"includeManagementEvents": False}]},
        {"advancedEventSelectors": [{"fieldSelectors": [{"field": "eventCategory", "equals": ["Data"]}]}]},
        {
            "advancedEventSelectors": [
                {"fieldSelectors": [MANAGEMENT, {"field": "readOnly", "equals": ["false"]}]}
            ]
        },
        {
            "advancedEventSelectors": [
                {
                    "fieldSelectors": [
                        MANAGEMENT,
                        {"field": "eventSource", "notEquals": ["secretsmanager.amazonaws.com"]},
                    ]
                }
            ]
        },
    ],
)
def test_a_trail_that_leaves_something_out_fails(given: dict[str, Any]) -> None:
    assert len(fails("AG21b", trail(**given))) == 1


@pytest.mark.parametrize("key", ["enableLogging", "isMultiRegionTrail", "eventSelectors"])
def test_an_unknown_trail_is_not_checked(key: str) -> None:
    assert unchecked("AG21b", trail(**{key: UNKNOWN})) == [key]
