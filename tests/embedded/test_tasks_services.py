"""Services and what runs of them: counts, scaling, replacement, deletion, and the end of processes."""

import os
import signal
from collections.abc import Iterator

import pytest

from tests.embedded.tasks_world import STUBBORN, WAITS, TasksWorld, exists, tasks_world, wait_for


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TasksWorld]:
    with tasks_world(tmp_path_factory.mktemp("tasks"), steady_seconds=0.2) as made:
        yield made


def test_a_service_is_shown_with_what_runs_of_it(world: TasksWorld) -> None:
    service = world.service(world.definition(world.image(WAITS)), 2)
    service.running(2)
    primary = service.rolled_out()
    held = service.held()
    assert (held["runningCount"], held["pendingCount"], held["desiredCount"]) == (2, 0, 2)
    assert (primary["runningCount"], primary["failedTasks"]) == (2, 0)
    messages = [event["message"] for event in held["events"]]
    assert messages[0] == f"(service {service.name}) has reached a steady state."
    assert sum("has started 1 tasks" in message for message in messages) == 2


def test_a_service_does_not_claim_tasks_before_they_run(world: TasksWorld) -> None:
    service = world.service(world.definition({**world.image(WAITS), "image": "python:3.11"}), 0)
    service.update(desiredCount=3)
    assert service.held()["runningCount"] == 0


def test_a_service_without_tasks_has_rolled_out(world: TasksWorld) -> None:
    service = world.service(world.definition(world.image(WAITS)), 0)
    assert service.primary()["rolloutState"] == "COMPLETED"
    service.update(desiredCount=1)
    service.running(1)


def test_the_scheduler_rests_while_nothing_changes(world: TasksWorld) -> None:
    world.service(world.definition(world.image(WAITS))).rolled_out()
    assert world.tasks._step() > 0


def test_a_service_that_another_controller_deploys_is_left_alone(world: TasksWorld) -> None:
    definition = world.definition(world.image(WAITS))
    service = world.service(definition, deploymentController={"type": "EXTERNAL"})
    service.update(desiredCount=2)
    world.tasks._step()
    assert (service.held()["status"], service.tasks()) == ("ACTIVE", [])


def test_the_newest_task_goes_first(world: TasksWorld) -> None:
    service = world.service(world.definition(world.image(WAITS)))
    (old,) = service.running(1)
    service.update(desiredCount=2)
    service.running(2)
    service.update(desiredCount=1)
    stopped = service.stopped()[0]
    assert [task["taskArn"] for task in service.running(1)] == [old["taskArn"]]
    assert stopped["stopCode"] == "ServiceSchedulerInitiated"
    assert stopped["stoppedReason"].startswith("Scaling activity initiated by (deployment ecs-svc/")


def test_a_task_that_ends_is_replaced(world: TasksWorld) -> None:
    service = world.service(world.definition(world.image("raise SystemExit(4)\n")))
    first, second = service.stopped(2)[:2]
    assert first["taskArn"] != second["taskArn"]
    assert (first["stopCode"], first["containers"][0]["exitCode"]) == ("EssentialContainerExited", 4)


def test_a_task_that_is_killed_has_the_exit_code_that_docker_gives_it(world: TasksWorld) -> None:
    program = "import os\nprint(os.getpid(), flush=True)\n" + WAITS
    service = world.service(world.definition(world.image(program)))
    (task,) = service.running(1)
    os.kill(int(world.said(task)[0]), signal.SIGKILL)
    assert service.stopped()[0]["containers"][0]["exitCode"] == 137


def test_stop_task_ends_a_task_with_its_reason_and_another_takes_its_place(world: TasksWorld) -> None:
    service = world.service(world.definition(world.image(WAITS)))
    (task,) = service.running(1)
    assert world.said(task) == ["runs"]
    service.ecs.stop_task(cluster=service.cluster, task=task["taskArn"], reason="by hand")
    stopped = service.stopped()[0]
    assert (stopped["stopCode"], stopped["stoppedReason"]) == ("UserInitiated", "by hand")
    assert world.lines(stopped)[-1] == "was told to stop"
    assert service.running(1)[0]["taskArn"] != task["taskArn"]


def test_tasks_are_listed_by_their_service(world: TasksWorld) -> None:
    service = world.service(world.definition(world.image(WAITS)))
    (task,) = service.running(1)
    other = service.ecs.list_tasks(cluster=service.cluster, serviceName="another")["taskArns"]
    assert (task["group"], other) == (f"service:{service.name}", [])


def test_a_new_task_definition_replaces_the_tasks_one_after_the_other(world: TasksWorld) -> None:
    service = world.service(world.definition(world.image(WAITS), family="rolled"))
    service.rolled_out()
    (old,) = service.running(1)
    second = world.definition(world.image(WAITS), family="rolled")
    service.update(taskDefinition="rolled")
    assert service.held()["taskDefinition"] == second
    before, after = service.held()["deployments"][1], service.primary()
    assert (before["status"], after["rolloutState"]) == ("ACTIVE", "IN_PROGRESS")
    service.rolled_out()
    (new,) = service.running(1)
    stopped = service.stopped()[0]
    assert new["taskDefinitionArn"] == second
    assert stopped["taskArn"] == old["taskArn"]
    assert new["startedAt"] < stopped["stoppedAt"]
    assert len(service.held()["deployments"]) == 1


def test_a_forced_deployment_replaces_the_tasks_of_the_same_definition(world: TasksWorld) -> None:
    service = world.service(world.definition(world.image(WAITS)))
    (old,) = service.running(1)
    service.update(forceNewDeployment=True)
    service.rolled_out()
    (new,) = service.running(1)
    assert new["taskArn"] != old["taskArn"]
    assert new["taskDefinitionArn"] == old["taskDefinitionArn"]


def test_the_tasks_of_a_deleted_service_are_told_to_stop(world: TasksWorld) -> None:
    service = world.service(world.definition(world.image(WAITS)))
    (task,) = service.running(1)
    assert world.said(task) == ["runs"]
    service.ecs.delete_service(cluster=service.cluster, service=service.name, force=True)
    wait_for(lambda: service.held()["status"] == "INACTIVE")
    assert world.lines(task)[-1] == "was told to stop"


def test_a_task_that_does_not_end_in_time_is_killed_with_its_children(world: TasksWorld) -> None:
    service = world.service(world.definition({**world.image(STUBBORN), "stopTimeout": 1}))
    (task,) = service.running(1)
    child = int(world.said(task)[0])
    service.update(desiredCount=0)
    stopped = service.stopped()[0]
    assert stopped["containers"][0]["exitCode"] == 137
    assert world.lines(task)[-1] == "told"
    assert not exists(child)


def test_the_network_interface_of_a_task_goes_with_it(world: TasksWorld) -> None:
    ec2 = world.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="own", Description="d", VpcId=vpc)["GroupId"]
    network = {"awsvpcConfiguration": {"subnets": [subnet], "securityGroups": [group]}}
    fargate = {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512"}
    definition = world.definition(world.image(WAITS), **fargate)
    service = world.service(definition, networkConfiguration=network)
    (task,) = service.running(1)
    assert task["attachments"][0]["type"] == "ElasticNetworkInterface"
    service.update(desiredCount=0)
    service.stopped()
    ec2.delete_security_group(GroupId=group)
    assert not ec2.describe_network_interfaces(Filters=[{"Name": "subnet-id", "Values": [subnet]}])[
        "NetworkInterfaces"
    ]
