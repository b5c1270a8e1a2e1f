"""The end of the cloud ends its tasks."""

import hashlib
from pathlib import Path

import pytest

from tests.embedded.functions_world import package
from tests.embedded.provider_world import running_cloud
from tests.embedded.tasks_world import STUBBORN, exists, tasks_world, wait_for

LEADS = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
with open(TOLD, "w") as told: told.write(str(os.getpid()))
while True: time.sleep(600)
"""


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
    told, code = tmp_path / "told", package({"main.py": f"TOLD = {str(tmp_path / 'told')!r}\n{LEADS}"})
    digest = hashlib.sha256(code).hexdigest()
    (tmp_path / "image.zip").write_bytes(code)
    container = {
        "name": "agent",
        "image": f"this-machine/agent@sha256:{digest}",
        "dockerLabels": {"agent-hosting.archive": str(tmp_path / "image.zip")},
        "command": ["python", "main.py"],
        "memory": 256,
    }
    with running_cloud(tmp_path / "state") as cloud:
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
        pid = int(wait_for(lambda: told.exists() and told.read_text()))
        assert exists(pid)
    assert not exists(pid)
    assert not (tmp_path / "state" / "cloud.json").exists()
    assert list(temporary.iterdir()) == []
