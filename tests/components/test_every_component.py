"""What holds for each component alike."""

import inspect
import json
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import pulumi_aws as aws
import pytest

from agent_hosting import (
    Agent,
    AgentCluster,
    AgentPlatform,
    EcsAgent,
    EksAgent,
    LambdaAgent,
    RolloutGroup,
    ToolGateway,
)
from tests.components.recorder import ACCOUNT, REGION, Program, run
from tests.components.samples import (
    CLUSTER,
    COMPONENTS,
    PLATFORM,
    SECRET_TEXT,
    TAGS,
    agent_folder,
    in_clear,
    making,
    several,
)

LONGEST_NAME = "a" + "b" * 38 + "c"
SHORTER: dict[type, int] = {EksAgent: 39, ToolGateway: 24}
"""Most characters of a component's name where that is less."""
ROOM = {
    "aws:cloudwatch/logGroup:LogGroup": 512,
    "aws:cloudwatch/eventRule:EventRule": 64,
    "aws:cloudwatch/metricAlarm:MetricAlarm": 255,
    "aws:ec2/launchTemplate:LaunchTemplate": 128,
    "aws:eks/cluster:Cluster": 100,
    "aws:eks/nodeGroup:NodeGroup": 63,
    "aws:ecs/cluster:Cluster": 255,
    "aws:ecs/service:Service": 255,
    "aws:ecs/taskDefinition:TaskDefinition": 255,
    "aws:apigatewayv2/api:Api": 128,
    "aws:budgets/budget:Budget": 100,
    "aws:dynamodb/table:Table": 255,
    "aws:iam/policy:Policy": 128,
    "aws:iam/role:Role": 64,
    "aws:iam/rolePolicy:RolePolicy": 128,
    "aws:lambda/function:Function": 64,
    "aws:lambda/permission:Permission": 100,
    "aws:s3/bucket:Bucket": 63,
    "aws:secretsmanager/secret:Secret": 512,
    "aws:sns/topic:Topic": 256,
    "aws:sqs/queue:Queue": 80,
}
"""Most characters of a physical name, which is the logical name, a dash and 7 digits."""
AGENTS = (LambdaAgent, EcsAgent, EksAgent, Agent)
SERVICES = {
    "lambda.amazonaws.com": None,
    "ecs-tasks.amazonaws.com": f"arn:aws:ecs:{REGION}:{ACCOUNT}:*",
    "vpc-flow-logs.amazonaws.com": f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc-flow-log/*",
    "eks.amazonaws.com": None,
    "ec2.amazonaws.com": None,
    "pods.eks.amazonaws.com": None,
}
"""Services that take roles, and on whose behalf where they say so: Lambda and EKS do not."""
MACHINERY = {f"one-{label}" for label in ("plane", "nodes", "cni", "disks", "keda", "argo")}
"""Roles of a cluster's own machinery, which makes network cards, disks and load balancers: no agent may."""
EVERY = pytest.mark.parametrize("component", COMPONENTS, ids=lambda c: c.__name__)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[type], Program]:
    """What each component makes of valid inputs under the name `one`. Run once, and only read."""
    source = str(agent_folder(tmp_path_factory.mktemp("agent")))

    @cache
    def made(component: type) -> Program:
        more = {"platform": PLATFORM} if component in AGENTS else {}
        more |= {"cluster": CLUSTER} if component is EksAgent else {}
        return run(making(component, "one", source, **more))

    return made


def resource_class(type_: str) -> Any:
    _, module, kind = type_.split(":")
    package = {"lambda": "lambda_"}.get(module.split("/")[0], module.split("/")[0])
    return getattr(getattr(aws, package), kind)


def takes_tags(type_: str) -> bool:
    return "tags" in inspect.signature(resource_class(type_)._internal_init).parameters


@EVERY
def test_a_component_has_the_type_that_users_see_and_registers_all_its_outputs(
    component: type, whole: Callable[[type], Program]
) -> None:
    program = whole(component)
    made = program.one(f"agent-hosting:index:{component.__name__}")
    assert (made.name, made.parent_name) == ("one", "agent-hosting-test")
    assert set(program.outputs[made.urn]) == set(component.__annotations__)
    assert None not in program.outputs[made.urn].values()


@EVERY
def test_every_child_is_named_from_the_component_and_lies_below_it(
    component: type, whole: Callable[[type], Program]
) -> None:
    program = whole(component)
    made = {r.urn: r for r in program.resources}
    root = program.one(f"agent-hosting:index:{component.__name__}")
    for child in program.resources:
        if child is root:
            continue
        assert child.name == "one" or child.name.startswith("one-")
        up = child
        while up is not root:
            up = made[up.parent]  # KeyError: a child that lies beside the component


@EVERY
def test_a_second_instance_does_not_collide(component: type, source: str) -> None:
    """The recorder refuses what the engine would: two resources of one URN."""
    both = run(several(making(component, "one", source), making(component, "two", source)))
    alone = run(making(component, "one", source))
    assert len(both.resources) == 2 * len(alone.resources)


@EVERY
def test_a_name_that_begins_with_another_name_does_not_collide(component: type, source: str) -> None:
    names = ("one", "one-budget", "one-budget-brake")
    run(several(*(making(component, name, source) for name in names)))


@EVERY
def test_all_that_aws_can_tag_is_tagged(component: type, whole: Callable[[type], Program]) -> None:
    wanted = {"agent": "one", "environment": "default"} if component in AGENTS else TAGS
    wanted = {"environment": "default"} if component is RolloutGroup else wanted
    for made in whole(component).resources:
        if made.type.startswith("aws:") and not made.read and takes_tags(made.type):
            assert wanted.items() <= (made.inputs.get("tags") or {}).items(), made.name


@EVERY
def test_a_first_preview_works_while_nothing_is_known_yet(component: type, source: str) -> None:
    previewed, deployed = (run(making(component, "one", source), preview=p) for p in (True, False))
    # Whether a release has left a manifest before is known once there is a table to look into.
    known_before, known_after = (
        {made for made in program.tree() if "-manifest-" not in made[1]} for program in (previewed, deployed)
    )
    assert known_before == known_after


@EVERY
def test_a_misspelt_input_is_refused_and_the_known_ones_are_named(component: type, source: str) -> None:
    with pytest.raises(Exception) as caught:
        run(making(component, "one", source, monthly_budget="50"))
    said = str(caught.value)
    assert f"{component.__name__} 'one': monthly_budget is '50'; there is no such input" in said
    assert "Known are: " in said


@EVERY
def test_no_secret_value_lies_in_clear_in_an_input_or_an_output(
    component: type, whole: Callable[[type], Program]
) -> None:
    program = whole(component)
    assert in_clear(program.resources, SECRET_TEXT) == []
    assert SECRET_TEXT not in json.dumps(program.outputs)


@EVERY
def test_the_longest_name_leaves_room_for_what_auto_naming_adds(component: type, source: str) -> None:
    for made in run(making(component, LONGEST_NAME[: SHORTER.get(component)], source)).resources:
        if made.type in ROOM and "name" not in made.inputs:
            assert len(made.name) + len("-0123456") <= ROOM[made.type], f"{made.type} {made.name}"


@EVERY
def test_every_role_carries_the_boundary_and_is_trusted_by_one_service_for_this_account(
    component: type, whole: Callable[[type], Program]
) -> None:
    boundary = (
        whole(component).outputs_of("AgentPlatform")["boundary_arn"]
        if component is AgentPlatform
        else PLATFORM["boundary_arn"]
    )
    for role in whole(component).all("aws:iam/role:Role"):
        is_controllers = role.name.endswith("-rollout")
        expected = PLATFORM["rollout_boundary_arn"] if is_controllers else boundary
        is_machinery = component is AgentCluster and role.name in MACHINERY
        if role.name == "one-gateway":  # it calls functions, as no agent may
            expected = role.inputs["permissionsBoundary"]
            assert expected.endswith("/one-boundary-0a1b2c3")
        assert role.inputs.get("permissionsBoundary") == (None if is_machinery else expected)
        (trusted,) = role.document("assumeRolePolicy")["Statement"]
        tags_too = trusted["Principal"] == {"Service": "pods.eks.amazonaws.com"}
        assert trusted["Effect"] == "Allow"
        assert trusted["Action"] == (["sts:AssumeRole", "sts:TagSession"] if tags_too else "sts:AssumeRole")
        source = SERVICES[trusted["Principal"]["Service"]]
        condition = {"ArnLike": {"aws:SourceArn": source}, "StringEquals": {"aws:SourceAccount": ACCOUNT}}
        assert trusted.get("Condition") == (condition if source else None)


@EVERY
def test_a_roles_policy_allows_no_action_by_wildcard_and_every_resource_only_where_there_is_no_other(
    component: type, whole: Callable[[type], Program]
) -> None:
    for policy in whole(component).all("RolePolicy"):
        for statement in policy.document()["Statement"]:
            actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
            assert not [action for action in actions if "*" in action]
            anything = ("SendTraces", "LogInToRegistry", "ReadMetrics", "EnterNetwork")
            assert statement["Resource"] != "*" or statement["Sid"] in anything
            assert statement["Effect"] == "Allow" or statement["Sid"] == "NeverEraseAudit"


@EVERY
def test_every_key_rotates_and_is_governed_by_iam(component: type, whole: Callable[[type], Program]) -> None:
    for key in whole(component).all("Key"):
        assert key.inputs["enableKeyRotation"] is True
        assert key.statements()["IamPoliciesDecide"] == {
            "Sid": "IamPoliciesDecide",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
            "Action": "kms:*",
            "Resource": "*",
        }


@EVERY
def test_every_log_group_ends_its_logs_some_day(component: type, whole: Callable[[type], Program]) -> None:
    for log in whole(component).all("LogGroup"):
        assert log.inputs["retentionInDays"] > 0


def test_the_longest_name_is_one_that_is_accepted(source: str) -> None:
    run(making(LambdaAgent, LONGEST_NAME, source))
    with pytest.raises(Exception, match="1 to 40"):
        run(making(LambdaAgent, f"{LONGEST_NAME}d", source))
    with pytest.raises(Exception, match="on EKS a name has 39 characters at most"):
        run(making(EksAgent, LONGEST_NAME, source))


def test_the_components_stay_pure_of_ambient_state() -> None:
    """No Config and no get_stack() inside a component: its inputs alone decide."""
    for name, module in list(sys.modules.items()):
        if name.startswith("agent_hosting.") and name != "agent_hosting.stack_config":
            text = inspect.getsource(module)
            assert "get_stack(" not in text, name
            assert "pulumi.Config(" not in text, name
