"""Health checks decide when a task is steady, and end one that is not well."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.embedded.tasks_world import WAITS, TasksWorld, tasks_world, wait_for

WRITES = "import pathlib, tempfile\npathlib.Path(tempfile.gettempdir(), 'well').touch()\n" + WAITS
QUICK = {"interval": 5, "timeout": 2, "retries": 1}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TasksWorld]:
    with tasks_world(tmp_path_factory.mktemp("tasks")) as made:
        yield made


def checked(world: TasksWorld, program: str, *command: str, **settings: Any) -> Any:
    health = {"command": list(command), **QUICK, **settings}
    return world.service(world.definition({**world.image(program), "healthCheck": health}))


@pytest.mark.parametrize(
    "command",
    [
        ("CMD-SHELL", 'test -f "$TMPDIR/well"'),
        ("CMD", "python", "-c", "import os; os.stat(os.environ['TMPDIR'] + '/well')"),
    ],
)
def test_a_task_is_steady_once_its_check_passes(world: TasksWorld, command: tuple[str, ...]) -> None:
    service = checked(world, WRITES, *command)
    service.rolled_out()
    assert service.running(1)[0]["healthStatus"] == "HEALTHY"


def test_a_task_whose_check_fails_is_not_steady_and_is_stopped(world: TasksWorld) -> None:
    service = checked(world, WAITS, "CMD-SHELL", "exit 1", interval=1)
    stopped = service.stopped()[0]
    assert stopped["stoppedReason"] == "Task failed container health checks"
    assert stopped["healthStatus"] == "UNHEALTHY"
    assert service.primary()["rolloutState"] == "IN_PROGRESS"
    assert wait_for(lambda: service.primary()["failedTasks"])


def test_a_check_that_hangs_fails(world: TasksWorld) -> None:
    service = checked(world, WAITS, "CMD-SHELL", "sleep 600", interval=1, timeout=1)
    assert service.stopped()[0]["stoppedReason"] == "Task failed container health checks"
