"""What was changed by hand shows in the rows of the further services; and their own rules, one by one."""

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from embedded_aws.tables.common import REGION
from tests.embedded import further_services as world
from tests.embedded.further_services import calls_of, client, differing, moto_cloud

pytestmark = pytest.mark.filterwarnings("ignore:.* has been deprecated in favor of:DeprecationWarning")
"""Some modules of `pulumi_aws` warn as soon as they are imported."""


@pytest.fixture(autouse=True)
def aws() -> Iterator[None]:
    with moto_cloud():
        yield


def test_the_container_definitions_of_a_task_are_checked_before_aws_sees_them() -> None:
    said = {"family": "worker", "containerDefinitions": '[{"name": "worker", "memry": 512}]'}
    assert (
        calls_of("aws:ecs/taskDefinition:TaskDefinition").mistakes(said)[0][0]
        == "containerDefinitions[0].memry"
    )


def test_a_new_revision_replaces_the_old_one_and_deregisters_it_alone() -> None:
    calls = calls_of("aws:ecs/taskDefinition:TaskDefinition")
    said = {"family": "worker", "containerDefinitions": world.CONTAINERS}
    resource_id, first = calls.create(said)
    _, second = calls.create(said)
    assert calls.forces_replacement("containerDefinitions")
    calls.delete(resource_id, first)
    assert calls.read(resource_id, first) is None
    assert (calls.read(resource_id, second) or {})["revision"] == 2


def test_a_service_keeps_the_names_that_the_program_gives() -> None:
    world.ecs_cluster(), world.task()
    calls = calls_of("aws:ecs/service:Service")
    _, state = calls.create(
        {"name": "worker", "cluster": "agents", "taskDefinition": "worker", "desiredCount": 0}
    )
    assert (state["cluster"], state["taskDefinition"]) == ("agents", "worker")


def test_the_count_of_a_service_that_was_scaled_by_hand_shows() -> None:
    calls = calls_of("aws:ecs/service:Service")
    said = {
        "name": "worker",
        "cluster": world.ecs_cluster(),
        "taskDefinition": world.task(),
        "desiredCount": 1,
    }
    resource_id, state = calls.create(said)
    client("ecs").update_service(cluster="agents", service="worker", desiredCount=5)
    assert differing(calls.row.token, said, calls.read(resource_id, state) or {}) == ["desiredCount"]


def test_a_target_that_was_registered_anew_by_hand_shows() -> None:
    said = world.scaled() | {"minCapacity": 1, "maxCapacity": 4}
    calls = calls_of("aws:appautoscaling/target:Target")
    resource_id, state = calls.create(said)
    place = {"ServiceNamespace": "ecs", "ScalableDimension": said["scalableDimension"]}
    client("application-autoscaling").register_scalable_target(
        **place, ResourceId=said["resourceId"], MinCapacity=1, MaxCapacity=9
    )
    assert (calls.read(resource_id, state) or {})["maxCapacity"] == 9


def test_one_policy_of_two_is_read_as_itself() -> None:
    target = world.scaled()
    calls = calls_of("aws:appautoscaling/policy:Policy")
    tracking = {
        "targetValue": 5,
        "predefinedMetricSpecification": {"predefinedMetricType": "ECSServiceAverageCPUUtilization"},
    }
    step = {
        "adjustmentType": "ChangeInCapacity",
        "stepAdjustments": [{"metricIntervalLowerBound": "0", "scalingAdjustment": 1}],
    }
    calls.create(
        {
            **target,
            "name": "a",
            "policyType": "TargetTrackingScaling",
            "targetTrackingScalingPolicyConfiguration": tracking,
        }
    )
    said = {**target, "name": "b", "policyType": "StepScaling", "stepScalingPolicyConfiguration": step}
    resource_id, state = calls.create(said)
    assert differing(calls.row.token, said, calls.read(resource_id, state) or {}) == []


def test_a_gateway_endpoint_moves_between_route_tables_and_is_deleted() -> None:
    network = world.vpc()
    first, second = world.route_table(network), world.route_table(network)
    calls = calls_of("aws:ec2/vpcEndpoint:VpcEndpoint")
    said = {"vpcId": network, "serviceName": f"com.amazonaws.{REGION}.s3", "routeTableIds": [first]}
    resource_id, state = calls.create(said)
    new = {**said, "routeTableIds": [first, second]}
    state = calls.update(resource_id, state, said, new, frozenset({"routeTableIds"}))
    assert state["routeTableIds"] == [first, second]
    calls.delete(resource_id, state)
    assert calls.read(resource_id, state) is None


def test_a_rule_that_was_added_to_a_group_by_hand_shows() -> None:
    calls = calls_of("aws:ec2/securityGroup:SecurityGroup")
    said = {"name": "workers", "vpcId": world.vpc(), "ingress": []}
    resource_id, state = calls.create(said)
    client("ec2").authorize_security_group_ingress(
        GroupId=resource_id, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0"
    )
    assert differing(calls.row.token, said, calls.read(resource_id, state) or {}) == ["ingress"]


def test_a_group_without_egress_lets_nothing_out() -> None:
    """EC2 opens a new group; the official provider closes it again."""
    resource_id = world.group(world.vpc())
    found = client("ec2").describe_security_groups(GroupIds=[resource_id])["SecurityGroups"][0]
    assert found["IpPermissionsEgress"] == []


def test_a_route_that_was_bent_by_hand_shows_and_is_put_right() -> None:
    network = world.vpc()
    calls = calls_of("aws:ec2/route:Route")
    said = {
        "routeTableId": world.route_table(network),
        "destinationCidrBlock": "0.0.0.0/0",
        "gatewayId": world.gateway(network),
    }
    resource_id, state = calls.create(said)
    nat = world.made(
        "aws:ec2/natGateway:NatGateway", subnetId=world.subnet(network), allocationId=world.address()
    )[0]
    bent = {"RouteTableId": said["routeTableId"], "DestinationCidrBlock": "0.0.0.0/0"}
    client("ec2").replace_route(**bent, NatGatewayId=nat)
    found = calls.read(resource_id, state) or {}
    assert (found["gatewayId"], found["natGatewayId"]) == ("", nat)
    old = {**said, "gatewayId": "", "natGatewayId": nat}
    put_right = calls.update(resource_id, found, old, said, frozenset({"gatewayId", "natGatewayId"}))
    assert (put_right["gatewayId"], put_right["natGatewayId"]) == (said["gatewayId"], "")


def test_an_association_moves_to_another_table_in_place() -> None:
    """AWS gives it a new id then, under which it is still found and deleted."""
    network = world.vpc()
    calls = calls_of("aws:ec2/routeTableAssociation:RouteTableAssociation")
    said = {"routeTableId": world.route_table(network), "subnetId": world.subnet(network)}
    resource_id, state = calls.create(said)
    new = {**said, "routeTableId": world.route_table(network)}
    state = calls.update(resource_id, state, said, new, frozenset({"routeTableId"}))
    assert state["routeTableId"] == new["routeTableId"]
    calls.delete(resource_id, state)
    assert calls.read(resource_id, state) is None


def test_a_disabled_rule_and_a_changed_target_show() -> None:
    rules, targets = (
        calls_of("aws:cloudwatch/eventRule:EventRule"),
        calls_of("aws:cloudwatch/eventTarget:EventTarget"),
    )
    rule_id, rule = rules.create({"name": "nightly", "scheduleExpression": "rate(1 day)", "state": "ENABLED"})
    arn = f"arn:aws:sqs:{REGION}:123456789012:runs"
    target_id, target = targets.create({"rule": "nightly", "targetId": "queue", "arn": arn})
    client("events").disable_rule(Name="nightly")
    client("events").put_targets(Rule="nightly", Targets=[{"Id": "queue", "Arn": f"{arn}-2"}])
    assert (rules.read(rule_id, rule) or {})["state"] == "DISABLED"
    assert (targets.read(target_id, target) or {})["arn"] == f"{arn}-2"


def test_ids_on_a_bus_of_its_own_name_the_bus() -> None:
    world.made("aws:cloudwatch/eventBus:EventBus", name="agents")
    place = {"eventBusName": "agents"}
    rule, _ = world.made(
        "aws:cloudwatch/eventRule:EventRule", name="done", eventPattern='{"source":["a"]}', **place
    )
    arn = f"arn:aws:sqs:{REGION}:123456789012:runs"
    target, _ = world.made(
        "aws:cloudwatch/eventTarget:EventTarget", rule="done", targetId="q", arn=arn, **place
    )
    assert (rule, target) == ("agents/done", "agents-done-q")


def test_the_value_of_a_parameter_is_secret_and_a_change_by_hand_shows() -> None:
    calls = calls_of("aws:ssm/parameter:Parameter")
    resource_id, state = calls.create({"name": "key", "type": "SecureString", "value": "one"})
    client("ssm").put_parameter(Name="key", Value="two", Overwrite=True)
    assert (calls.read(resource_id, state) or {})["value"] == "two"
    assert "value" in calls.row.secrets


def test_a_parameter_that_exists_is_not_overwritten_by_a_creation() -> None:
    client("ssm").put_parameter(Name="key", Value="theirs", Type="String")
    with pytest.raises(ClientError, match="ParameterAlreadyExists"):
        calls_of("aws:ssm/parameter:Parameter").create({"name": "key", "type": "String", "value": "ours"})


def test_a_cluster_that_would_be_upgraded_says_that_it_cannot() -> None:
    calls = calls_of("aws:eks/cluster:Cluster")
    said = {"name": "agents", "roleArn": world.ROLE, "vpcConfig": {"subnetIds": []}, "version": "1.31"}
    resource_id, state = calls.create(said)
    with pytest.raises(ValueError, match="cannot upgrade agents"):
        calls.update(resource_id, state, said, {**said, "version": "1.32"}, frozenset({"version"}))
