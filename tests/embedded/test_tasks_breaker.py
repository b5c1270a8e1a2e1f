"""Deployments that fail, and what waits for a deployment."""

from collections.abc import Iterator
from typing import Any

import pytest

from embedded_aws.provider.calls import Calls
from embedded_aws.provider.protocol import PartlyCreated
from embedded_aws.provider.rows import Row, Unsettled
from embedded_aws.tables import all_rows
from embedded_aws.tasks import scheduler
from embedded_aws.tasks.deployments import failure_threshold
from tests.embedded.tasks_world import WAITS, TasksWorld, tasks_world

FAILS = "print('cannot find the model', flush=True)\nraise SystemExit(7)\n"
BREAKER = {"enable": True, "rollback": True}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TasksWorld]:
    with tasks_world(tmp_path_factory.mktemp("tasks")) as made:
        yield made


@pytest.fixture
def calls(world: TasksWorld) -> Calls:
    row = all_rows()["aws:ecs/service:Service"]
    assert isinstance(row, Row)
    return Calls(row, world.client("ecs"))


@pytest.mark.parametrize(("desired", "failures"), [(1, 3), (6, 3), (7, 4), (25, 13), (1000, 200)])
def test_a_deployment_fails_after_half_its_tasks_failed_but_no_sooner_than_three(
    desired: int, failures: int
) -> None:
    assert failure_threshold(desired) == failures


def test_a_deployment_whose_tasks_fail_has_failed_and_starts_no_more(
    world: TasksWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "FIRST_PAUSE_SECONDS", 0.0)
    configuration = {"deploymentCircuitBreaker": {"enable": True, "rollback": False}}
    service = world.service(world.definition(world.image(FAILS)), deploymentConfiguration=configuration)
    primary = service.rolled_out("FAILED")
    assert primary["rolloutStateReason"] == "ECS deployment circuit breaker: tasks failed to start."
    assert primary["failedTasks"] == 3
    world.tasks._step()
    assert len(service.stopped(3)) == 3
    assert service.tasks() == []
    messages = [event["message"] for event in service.held()["events"]]
    assert any("deployment failed: tasks failed to start." in message for message in messages)


def test_a_failed_deployment_is_rolled_back_to_the_one_that_completed(world: TasksWorld) -> None:
    good = world.definition(world.image(WAITS))
    service = world.service(good, deploymentConfiguration={"deploymentCircuitBreaker": BREAKER})
    first = service.rolled_out()
    (task,) = service.running(1)
    service.update(taskDefinition=world.definition(world.image(FAILS)))
    service.stopped(3)
    assert service.rolled_out()["id"] == first["id"]
    assert service.held()["taskDefinition"] == good
    assert [held["taskArn"] for held in service.running(1)] == [task["taskArn"]]


def test_without_the_breaker_a_deployment_is_tried_again_and_again(world: TasksWorld) -> None:
    service = world.service(world.definition(world.image(FAILS)))
    assert len(service.stopped(4)) >= 4
    assert service.primary()["rolloutState"] == "IN_PROGRESS"


def properties(world: TasksWorld, definition: str, **settings: Any) -> dict[str, Any]:
    return {
        "name": "worker",
        "cluster": world.client("ecs").create_cluster(clusterName="steady")["cluster"]["clusterArn"],
        "taskDefinition": definition,
        "desiredCount": 1,
        "launchType": "FARGATE",
        "waitForSteadyState": True,
        "deploymentCircuitBreaker": BREAKER,
        **settings,
    }


def test_a_row_that_waits_returns_once_its_tasks_are_steady(world: TasksWorld, calls: Calls) -> None:
    resource_id, state = calls.create(properties(world, world.definition(world.image(WAITS))))
    (held,) = calls.client.describe_services(cluster=state["cluster"], services=[resource_id])["services"]
    assert (held["runningCount"], held["deployments"][0]["rolloutState"]) == (1, "COMPLETED")
    calls.delete(resource_id, state)
    (held,) = calls.client.describe_services(cluster=state["cluster"], services=[resource_id])["services"]
    assert (held["status"], held["runningCount"]) == ("INACTIVE", 0)


def test_a_row_that_does_not_wait_returns_at_once(world: TasksWorld, calls: Calls) -> None:
    given = properties(world, world.definition({**world.image(WAITS), "image": "python:3.11"}))
    resource_id, state = calls.create({**given, "waitForSteadyState": False})
    calls.delete(resource_id, state)


def test_an_update_keeps_the_desired_count_that_scaling_has_set(world: TasksWorld, calls: Calls) -> None:
    old = properties(world, world.definition(world.image(WAITS)), name="scaled", desiredCount=0)
    resource_id, state = calls.create(old)
    calls.client.update_service(cluster=state["cluster"], service=resource_id, desiredCount=2)
    new = {**old, "forceNewDeployment": True}
    assert calls.update(resource_id, state, old, new, frozenset({"forceNewDeployment"}))["desiredCount"] == 2
    calls.delete(resource_id, state)


def test_a_created_service_that_fails_says_why_and_is_remembered(world: TasksWorld, calls: Calls) -> None:
    given = properties(world, world.definition(world.image(FAILS)), name="fails")
    with pytest.raises(PartlyCreated) as failed:
        calls.create(given)
    said = str(failed.value)
    assert "ECS deployment circuit breaker: tasks failed to start." in said
    assert "Essential container in task exited" in said
    assert "container agent ended with exit code 7" in said
    assert said.endswith("cannot find the model")
    calls.delete(failed.value.resource_id, failed.value.state)


def test_an_update_that_is_rolled_back_fails_and_says_why(world: TasksWorld, calls: Calls) -> None:
    old = properties(world, world.definition(world.image(WAITS)), name="rolled")
    resource_id, state = calls.create(old)
    new = {**old, "taskDefinition": world.definition({**world.image(WAITS), "image": "python:3.11"})}
    with pytest.raises(Unsettled, match="CannotPullContainerError") as failed:
        calls.update(resource_id, state, old, new, frozenset({"taskDefinition"}))
    assert "deployment failed" in str(failed.value)
    calls.delete(resource_id, state)
