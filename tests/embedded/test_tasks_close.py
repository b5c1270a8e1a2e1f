"""The end of the cloud ends its tasks."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from embedded_aws.cloud import ADMIN
from tests.embedded.functions_world import package
from tests.embedded.provider_world import RunningCloud, running_cloud
from tests.embedded.tasks_world import STUBBORN, exists, tasks_world, wait_for

LEADS = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
with open(TOLD, "w") as told: told.write(str(os.getpid()))
while True: time.sleep(600)
"""

POLLS = """
import os, signal, boto3
signal.signal(signal.SIGTERM, lambda *_: None)
sqs = boto3.client("sqs")
queue = sqs.create_queue(QueueName="work")["QueueUrl"]
open(TOLD, "w").write(str(os.getpid()))
sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20)
open(TOLD, "w").write("ended")
"""


def image(folder: Path, program: str) -> dict[str, Any]:
    """A container that runs the program."""
    code = package({"main.py": program})
    (folder / "image.zip").write_bytes(code)
    return {
        "name": "agent",
        "image": f"this-machine/agent@sha256:{hashlib.sha256(code).hexdigest()}",
        "dockerLabels": {"agent-hosting.archive": str(folder / "image.zip")},
        "command": ["python", "main.py"],
        "memory": 256,
    }


def serve(cloud: RunningCloud, container: dict[str, Any]) -> None:
    """One task of it."""
    ecs = cloud.client("ecs")
    ecs.create_cluster(clusterName="agents")
    made = ecs.register_task_definition(family="agent", containerDefinitions=[container])
    ecs.create_service(
        cluster="agents",
        serviceName="agent",
        taskDefinition=made["taskDefinition"]["taskDefinitionArn"],
        desiredCount=1,
        launchType="FARGATE",
    )


def test_no_process_and_no_file_outlives_the_cloud(tmp_path: Path) -> None:
    with tasks_world(tmp_path) as world:
        service = world.service(world.definition({**world.image(STUBBORN), "stopTimeout": 120}))
        (task,) = service.running(1)
        child = int(world.said(task)[0])
        (leader,) = world.tasks.pids()
        home = world.tasks._images._home
        assert exists(leader)
        assert exists(child)
    assert not exists(leader)
    assert not exists(child)
    assert not home.exists()


def test_a_cloud_that_is_told_to_stop_leaves_no_process_and_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    told = tmp_path / "told"
    container = image(tmp_path, LEADS.replace("TOLD", repr(str(told))))
    with running_cloud(tmp_path / "state") as cloud:
        serve(cloud, container)
        pid = int(wait_for(lambda: told.exists() and told.read_text()))
        assert exists(pid)
    assert not exists(pid)
    assert not (tmp_path / "state" / "cloud.json").exists()
    assert list(temporary.iterdir()) == []


def test_a_worker_that_polls_when_the_cloud_ends_is_answered_and_ends_by_itself(tmp_path: Path) -> None:
    told = tmp_path / "told"
    container = image(tmp_path, POLLS.replace("TOLD", repr(str(told))))
    keys = {"AWS_ACCESS_KEY_ID": ADMIN, "AWS_SECRET_ACCESS_KEY": ADMIN}
    container["environment"] = [{"name": name, "value": value} for name, value in keys.items()]
    with running_cloud(tmp_path / "state") as cloud:
        serve(cloud, container)
        wait_for(lambda: told.exists() and told.read_text())
    assert told.read_text() == "ended"
