"""Which releases of an agent on ECS have workers, and how runs are divided between them."""

import json
from pathlib import Path
from typing import Any

import pytest

from agent_hosting import EcsAgent
from agent_hosting._container_releases import version_labels
from agent_hosting._packaging import Target, packed_before, runtime_fingerprint
from agent_hosting._traffic import Traffic
from agent_runtime.bundle import bundle_from_folder
from tests.components.recorder import Program, World, refused, run
from tests.components.samples import IMAGE, ON_ECS, PLATFORM, agent_folder, bundle_id, making, packed

OLD, OLDER = "aaaaaaaaaaaa", "bbbbbbbbbbbb"
OLD_IMAGE = IMAGE.replace("a" * 64, "b" * 64)


def making_agent(source: str, **changes: Any) -> Any:
    return making(EcsAgent, "handbook", source, **{"platform": PLATFORM, "secret_variables": None, **changes})


def agent(source: str, world: World | None = None, *, preview: bool = False, **changes: Any) -> Program:
    return run(making_agent(source, **changes), world, preview=preview)


def held(traffic: Traffic | None, **images: str) -> World:
    """A control table with this record, and with the images of these bundles."""
    items: dict[str, Any] = {
        f"release#{bundle}#ecs": {"image": {"S": image}, "schema_version": {"N": "1"}}
        for bundle, image in images.items()
    }
    return World(items=items | ({"traffic": json.loads(traffic.as_item("handbook"))} if traffic else {}))


def releases(source: str, *older: str, **more: Any) -> list[dict[str, Any]]:
    """Packed releases: `older` ones, and the newest with its zip and image."""
    listed: list[dict[str, Any]] = [{"bundle_id": bundle} for bundle in older]
    return [*listed, {**packed(Path(source)), "image": IMAGE, **more}]


def record(program: Program) -> Traffic:
    found = Traffic.of(program.one("TableItem", "handbook-traffic").document("item"))
    assert found is not None
    return found


def images(program: Program) -> dict[str, str]:
    """Image by bundle id of every release that has workers."""
    return {
        task.name.removeprefix("handbook-"): task.document("containerDefinitions")[0]["image"]
        for task in program.all("TaskDefinition")
    }


def test_each_listed_release_has_a_queue_and_workers_of_its_own(source: str) -> None:
    world, newest = held(Traffic(OLD), **{OLD: OLD_IMAGE}), bundle_id(source)
    program = agent(source, world, releases=releases(source, OLD))
    names = {f"handbook-{OLD}", f"handbook-{newest}"}
    for kind in ("RunQueue", "TaskDefinition", "Service", "Target"):
        assert {made.name for made in program.all(kind)} == names
    for task in program.all("TaskDefinition"):
        (worker,) = task.document("containerDefinitions")
        told = {entry["name"]: entry["value"] for entry in worker["environment"]}
        assert told["AGENT_BUNDLE_ID"] == task.name.removeprefix("handbook-")
        assert told["AGENT_QUEUE_URL"].endswith(f"/{task.name}-0a1b2c3")
    outputs = program.outputs_of("EcsAgent")
    assert set(outputs["queue_urls"]) == set(outputs["service_names"]) == {OLD, newest}
    told = program.one("Function", "handbook-submit").inputs["environment"]["variables"]
    assert json.loads(told["AGENT_QUEUES"]) == outputs["queue_urls"]


def test_an_older_release_runs_the_image_that_was_deployed_unless_another_is_given(source: str) -> None:
    world = held(Traffic(OLD), **{OLD: OLD_IMAGE})
    newest = bundle_id(source)
    program = agent(source, world, releases=releases(source, OLD))
    assert images(program) == {OLD: OLD_IMAGE, newest: IMAGE}
    given = IMAGE.replace("a" * 64, "c" * 64)
    listed = [{"bundle_id": OLD, "image": given}, *releases(source)]
    assert images(agent(source, world, releases=listed))[OLD] == given


def test_an_older_release_without_an_image_that_was_never_deployed_here_is_refused(source: str) -> None:
    said = refused(making_agent(source, releases=releases(source, OLD)))
    assert said == (
        f"EcsAgent 'handbook': releases lists {OLD} without an image, and none is remembered, since it was "
        f"never deployed here. Give its `image`, or take it off the list."
    )


def test_a_release_is_recorded_with_all_that_going_back_needs(source: str) -> None:
    program, newest = agent(source), bundle_id(source)
    bundle = bundle_from_folder(source, runtime_fingerprint=runtime_fingerprint())
    queue = program.outputs_of("RunQueue")
    assert program.one("TableItem", f"handbook-release-{newest}").document("item") == {
        "agent": {"S": "handbook"},
        "item": {"S": f"release#{newest}#ecs"},
        "image": {"S": IMAGE},
        "checkpoint_version": {"S": ""},
        "labels": {"S": version_labels(bundle)},
        "queue_url": {"S": queue["queue_url"]},
        "dead_letter_queue_url": {"S": queue["dead_letter_queue_url"]},
        "task_definition": {
            "S": f"arn:aws:ecs:eu-west-1:123456789012:TaskDefinition/handbook-{newest}-0a1b2c3"
        },
        "manifest": {"S": "declared"},
        "schema_version": {"N": "1"},
    }


def test_the_first_release_takes_every_run_and_the_controller_has_the_record_from_then_on(
    source: str,
) -> None:
    program, newest = agent(source, releases=releases(source)), bundle_id(source)
    item = program.one("TableItem", "handbook-traffic")
    assert (item.inputs["tableName"], item.ignore_changes) == ("control", ("item",))
    assert record(program) == Traffic(newest)


def test_what_serves_is_told_as_the_controller_left_it(source: str) -> None:
    newest = bundle_id(source)
    world = held(Traffic(OLD, newest, 2000, version=5), **{OLD: OLD_IMAGE})
    program = agent(source, world, releases=releases(source, OLD))
    assert program.outputs_of("EcsAgent")["serving"] == {OLD: 0.8, newest: 0.2}


def test_declared_shares_are_pulumis_to_keep_and_name_the_release_before(source: str) -> None:
    newest = bundle_id(source)
    world = held(Traffic(OLD, version=3), **{OLD: OLD_IMAGE})
    given = {"releases": releases(source, OLD), "shares": {"newest": 0.05, "stable": 0.95}}
    program = agent(source, world, **given)
    assert program.one("TableItem", "handbook-traffic").ignore_changes == ()
    assert record(program) == Traffic(OLD, newest, 500, version=4)
    assert program.outputs_of("EcsAgent")["serving"] == {OLD: 0.95, newest: 0.05}
    whole = agent(source, world, releases=releases(source, OLD), shares={"newest": 1.0})
    assert record(whole) == Traffic(newest, previous=OLD, version=4)


def test_shares_that_are_not_what_was_declared_fail_the_deployment(source: str) -> None:
    by_hand = json.loads(Traffic(OLD).as_item("handbook"))
    world = World({"getTableItem": lambda given: {"item": json.dumps(by_hand)}})
    listed = [{"bundle_id": OLD, "image": OLD_IMAGE}, *releases(source)]
    said = refused(making_agent(source, releases=listed, shares={"newest": 1.0}), world)
    assert said == (
        f"EcsAgent 'handbook': the traffic record divides runs as {OLD} 100.0%, but {bundle_id(source)} "
        f"100.0% was declared. Somebody changed it by hand; put it back with: pulumi up --refresh"
    )


def test_runs_go_to_a_release_once_it_runs_and_submit_knows_its_queue(source: str) -> None:
    program = agent(source)
    awaited = program.one("TableItem", "handbook-traffic").depends_on
    needed = {program.one("Service").urn, program.one("Alias", "handbook-submit-live").urn}
    assert needed <= awaited


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize("given", [{}, {"shares": {"newest": 1.0}}])
def test_a_release_that_still_gets_runs_cannot_be_taken_off_the_list(
    source: str, given: dict[str, Any], preview: bool
) -> None:
    world = held(Traffic(OLD, OLDER, 500))
    world.deployed = True
    listed = releases(source, OLDER)
    listed[0]["image"] = OLD_IMAGE
    said = refused(making_agent(source, releases=listed, **given), world, preview=preview)
    assert said.startswith(
        f"EcsAgent 'handbook': release {OLD} still gets 95% of new runs and is not listed. Its queue would "
        f"go, and the runs in it. List it again, move its traffic to another release"
    )


def test_a_release_without_runs_can_be_taken_off_the_list(source: str) -> None:
    newest = bundle_id(source)
    program = agent(source, held(Traffic(newest, previous=OLD)), releases=releases(source))
    assert images(program) == {newest: IMAGE}


def test_beside_a_working_tree_the_release_before_stays_warm_with_its_image(source: str) -> None:
    newest = bundle_id(source)
    image = f"this-machine/handbook@sha256:{'d' * 64}"
    world = held(Traffic(OLD, version=3), **{OLD: image})
    program = agent(source, world, releases=[{"source": source}], shares={"newest": 1.0}, **ON_ECS)
    assert set(images(program)) == {OLD, newest}
    assert images(program)[OLD] == image
    (worker,) = program.one("TaskDefinition", f"handbook-{OLD}").document("containerDefinitions")
    archive = str(packed_before(OLD, Target.of("this-machine")))
    assert worker["dockerLabels"] == {"agent-hosting.archive": archive}
    assert record(program) == Traffic(newest, previous=OLD, version=4)
    assert {t.name: t.inputs["minCapacity"] for t in program.all("Target")} == {
        f"handbook-{OLD}": 1,
        f"handbook-{newest}": 1,
    }
    assert set(program.outputs_of("EcsAgent")["queue_urls"]) == {OLD, newest}
    assert program.all("RolePolicy")
    sends = program.one("RolePolicy", "handbook-submit-policy").statements()["SendRuns"]["Resource"]
    assert {arn.rpartition("/")[2] for arn in sends} == {f"handbook-{b}-0a1b2c3" for b in (OLD, newest)}


def test_the_same_working_tree_again_keeps_the_one_before_it_and_changes_no_record(source: str) -> None:
    newest = bundle_id(source)
    before = Traffic(newest, previous=OLD, version=4)
    world = held(before, **{OLD: OLD_IMAGE, newest: IMAGE})
    program = agent(source, world, shares={"newest": 1.0})
    assert set(images(program)) == {OLD, newest}
    assert record(program) == before


def test_the_release_before_is_kept_only_as_long_as_its_image_is_known(source: str) -> None:
    program = agent(source, held(Traffic(OLD)), shares={"newest": 1.0})
    assert set(images(program)) == {bundle_id(source)}
    assert record(program).previous is None


def test_a_preview_shows_what_stays_beside_a_working_tree(source: str) -> None:
    world = held(Traffic(OLD), **{OLD: OLD_IMAGE})
    world.deployed = True
    program = agent(source, world, preview=True, shares={"newest": 1.0})
    assert set(images(program)) == {OLD, bundle_id(source)}


def test_one_changed_byte_is_another_release_beside_the_first(tmp_path: Path) -> None:
    one, two = (str(agent_folder(tmp_path / name, prompt=name)) for name in ("one", "two"))
    assert set(images(agent(one))).isdisjoint(images(agent(two)))
