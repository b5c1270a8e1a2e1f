"""The manifest of a release is written once, under its own hash, and outlives the release."""

import hashlib
import json
from typing import Any

import pytest

from agent_hosting import EcsAgent, LambdaAgent
from agent_hosting._manifests import DECLARED, KEPT, MOST_BYTES, manifest_item
from agent_hosting._traffic import Traffic
from agent_runtime.bundle import Bundle
from agent_runtime.rollout.manifests import manifest_from
from tests.components.recorder import Program, World, run
from tests.components.samples import IMAGE, PLATFORM, agent_folder, lambda_args, packed

OLD = "aaaaaaaaaaaa"
HOSTS = pytest.mark.parametrize("host", [LambdaAgent, EcsAgent])


@pytest.fixture(scope="module")
def newest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return packed(agent_folder(tmp_path_factory.mktemp("agent")))


def deployed(host: type, newest: dict[str, str], *older: str, **items: Any) -> Program:
    """Beside a release that serves, where there are `older` ones; `items` are in the control table."""
    image = {"image": IMAGE} if host is EcsAgent else {}
    releases = [{"bundle_id": bundle, **image} for bundle in older] + [{**newest, **image}]
    held: dict[str, Any] = {f"release#{bundle}": {"version": {"S": "7"}} for bundle in older}
    held |= {"traffic": json.loads(Traffic(OLD).as_item("handbook"))} if older else {}
    alias = {"functionVersion": "7"} if older else None
    world = World(items=held | items, alias=alias, versions={"handbook": "8"})
    return run(lambda: host("handbook", lambda_args("", platform=PLATFORM, releases=releases)), world)


def release_item(host: type, bundle_id: str) -> str:
    return f"release#{bundle_id}" + ("#ecs" if host is EcsAgent else "")


@HOSTS
@pytest.mark.parametrize("older", [(), (OLD,)])
def test_the_newest_release_leaves_its_manifest_with_its_parent(
    host: type, newest: dict[str, str], older: tuple[str, ...]
) -> None:
    program = deployed(host, newest, *older)
    made = program.one("TableItem", f"handbook-manifest-{newest['bundle_id']}")
    found = manifest_from(made.document("item"))
    assert (found.bundle_id, found.parent) == (newest["bundle_id"], older[-1] if older else "")
    assert found.at > 1_700_000_000_000
    assert hashlib.sha256((found.document or "").encode()).hexdigest()[:12] == newest["bundle_id"]
    assert (made.ignore_changes, made.retain_on_delete) == (("item",), True)


@HOSTS
@pytest.mark.parametrize(("said", "is_declared"), [(DECLARED, True), (KEPT, False), (None, False)], ids=str)
def test_a_manifest_that_is_there_stays_declared_only_by_the_listing_that_made_it(
    host: type, newest: dict[str, str], said: str | None, is_declared: bool
) -> None:
    bundle_id = newest["bundle_id"]
    items: dict[str, Any] = {f"manifest#{bundle_id}": {"parent": {"S": ""}, "at": {"N": "5"}}}
    if said is not None:
        items[release_item(host, bundle_id)] = {"manifest": {"S": said}, "version": {"S": "8"}}
    program = deployed(host, newest, OLD, **items)
    assert bool([r for r in program.all("TableItem") if "manifest" in r.name]) is is_declared
    release = program.one("TableItem", f"handbook-release-{bundle_id}").document("item")
    assert release["manifest"] == {"S": said or KEPT}


def test_a_manifest_that_is_too_long_for_an_item_keeps_its_place_in_the_line(newest: dict[str, str]) -> None:
    small = Bundle.model_validate(
        {"entrypoint": "a:b", "model": MODEL, "prompts": {}, "code": {}, "max_steps": 1, "max_model_calls": 1}
        | {"runtime_fingerprint": "r"}
    )
    files = {f"documents/{number:05d}.md": "0" * 64 for number in range(MOST_BYTES // 80)}
    large = small.model_copy(update={"knowledge": files})
    assert manifest_from(manifest_item("handbook", small, "", 1.5)).document == small.canonical_json()
    assert manifest_from(manifest_item("handbook", large, OLD, 1.5)).document is None
    assert manifest_from(manifest_item("handbook", large, OLD, 1.5)).parent == OLD
    assert manifest_from(manifest_item("handbook", large, OLD, 1.5)).at == 1500


MODEL = {
    "provider": "openai",
    "name": "model-v1",
    "input_usd_per_million_tokens": 1,
    "output_usd_per_million_tokens": 2,
}
