"""The end of the cloud ends its tasks."""

from pathlib import Path

from tests.embedded.tasks_world import STUBBORN, exists, tasks_world


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
