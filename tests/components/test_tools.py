"""A release gets runs only where the environment offers the tools that it needs."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from semver import Version

from agent_hosting import EcsAgent, LambdaAgent
from agent_hosting._manifests import manifest_item
from agent_hosting._packaging import runtime_fingerprint
from agent_hosting._tools import unmet
from agent_hosting._traffic import Traffic
from agent_runtime.bundle import bundle_from_folder
from agent_runtime.tool_spec import ToolSpec
from tests.components.recorder import World, refused, run
from tests.components.samples import IMAGE, PLATFORM, agent_folder, bundle_id, lambda_args, packed

OLD = "aaaaaaaaaaaa"
SEARCH = ToolSpec(name="search", version=">=1.2.0 <2.0.0")
REASON = "tool search is needed in >=1.2.0 <2.0.0, and 1.1.9 is offered here"
HOSTS = pytest.mark.parametrize("host", [LambdaAgent, EcsAgent])


@pytest.mark.parametrize(
    ("tools", "offered", "allowed", "reason"),
    [
        ((), {}, (), None),
        ((ToolSpec(name="search"),), {}, (), None),
        ((SEARCH,), {"search": "1.2.0"}, (), None),
        ((SEARCH,), {"search": "1.99.0", "book": "0.1.0"}, (), None),
        ((SEARCH,), {"search": "2.0.0"}, ("book",), None),
        ((SEARCH,), {"search": "1.1.9"}, (), REASON),
        ((SEARCH,), {"search": "1.1.9"}, ("search",), REASON),
        ((SEARCH,), {"search": "2.0.0"}, (), REASON.replace("1.1.9", "2.0.0")),
        ((SEARCH,), {"search": "1.2.0-rc.1"}, (), REASON.replace("1.1.9", "1.2.0-rc.1")),
        ((SEARCH,), {}, (), "tool search is needed in >=1.2.0 <2.0.0, and tool_versions does not name it"),
        (
            (SEARCH, ToolSpec(name="book", version="==3.0.0")),
            {"search": "1.1.9"},
            (),
            f"{REASON}; tool book is needed in ==3.0.0, and tool_versions does not name it",
        ),
    ],
)
def test_what_is_missed_is_told_with_what_is_there(
    tools: tuple[ToolSpec, ...], offered: dict[str, str], allowed: tuple[str, ...], reason: str | None
) -> None:
    assert unmet(tools, offered, allowed) == reason


VERSIONS = st.builds(Version, st.integers(0, 5), st.integers(0, 5), st.integers(0, 5))


@given(VERSIONS, VERSIONS, VERSIONS)
def test_a_version_will_do_exactly_if_it_lies_in_the_range(
    low: Version, high: Version, there: Version
) -> None:
    tool = ToolSpec(name="search", version=f">={low} <{high}")
    assert (unmet([tool], {"search": str(there)}) is None) is (low <= there < high)


@given(st.dictionaries(st.sampled_from(["search", "book"]), VERSIONS.map(str)))
def test_a_tool_without_a_range_is_never_missed(offered: dict[str, str]) -> None:
    assert unmet([ToolSpec(name="search"), ToolSpec(name="book", read_only=True)], offered) is None


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(agent_folder(tmp_path_factory.mktemp("agent"), tools=[SEARCH.model_dump()]))


def making(host: type, source: str, *older: str, **more: Any) -> Any:
    newest = {**packed(Path(source)), **({"image": IMAGE} if host is EcsAgent else {})}
    image = {"image": IMAGE} if host is EcsAgent else {}
    releases = [*({"bundle_id": bundle, **image} for bundle in older), newest]
    return lambda: host("handbook", lambda_args(source, platform=PLATFORM, releases=releases, **more))


def serving(**items: Any) -> World:
    """A control table in which `OLD` takes every run."""
    releases = {f"release#{OLD}": {"version": {"S": "7"}}, f"release#{OLD}#ecs": {"image": {"S": IMAGE}}}
    traffic = {"traffic": json.loads(Traffic(OLD).as_item("handbook"))}
    return World(items=releases | traffic | items, alias={"functionVersion": "7"}, versions={"handbook": "8"})


@HOSTS
def test_the_plan_says_why_a_release_gets_no_run_and_the_release_is_deployed(host: type, source: str) -> None:
    program = run(making(host, source, OLD, tool_versions={"search": "1.1.9"}), serving())
    item = program.one("TableItem", "handbook-rollout-plan").document("item")
    assert json.loads(item["document"]["S"])["unfit"] == {bundle_id(source): REASON}
    assert program.one("TableItem", f"handbook-release-{bundle_id(source)}")


@HOSTS
def test_a_release_that_is_served_is_not_in_the_plans_way(host: type, source: str) -> None:
    program = run(making(host, source, OLD, tool_versions={"search": "1.4.0"}), serving())
    item = program.one("TableItem", "handbook-rollout-plan").document("item")
    assert json.loads(item["document"]["S"])["unfit"] == {}


def test_an_older_release_is_judged_by_the_manifest_that_it_left(source: str, tmp_path: Path) -> None:
    folder = agent_folder(tmp_path / "old", tools=[{"name": "search", "version": "<1.0.0"}])
    old = bundle_from_folder(folder, runtime_fingerprint=runtime_fingerprint())
    items = {
        f"manifest#{old.bundle_id}": manifest_item("handbook", old, "", 0),
        f"release#{old.bundle_id}": {"version": {"S": "6"}},
    }
    made = making(LambdaAgent, source, old.bundle_id, OLD, tool_versions={"search": "1.4.0"})
    item = run(made, serving(**items)).one("TableItem", "handbook-rollout-plan").document("item")
    reason = "tool search is needed in <1.0.0, and 1.4.0 is offered here"
    assert json.loads(item["document"]["S"])["unfit"] == {old.bundle_id: reason}


@HOSTS
def test_the_first_release_is_refused_since_it_would_take_every_run(host: type, source: str) -> None:
    said = refused(making(host, source, tool_versions={"search": "1.1.9"}))
    assert f"{REASON}. It is the first release here, and would take every run." in said


@HOSTS
def test_shares_give_no_run_to_a_release_whose_tools_are_not_there(host: type, source: str) -> None:
    said = refused(making(host, source, tool_versions={"search": "1.1.9"}, shares={"newest": 1.0}))
    assert "tool_versions is {'search': '1.1.9'}; `shares` gives it runs at once, but " + REASON in said


@HOSTS
@pytest.mark.parametrize("version", ["1.2", "v1.2.0", "latest", "", ">=1.0.0"])
def test_what_is_no_version_is_refused_by_its_path(host: type, source: str, version: str) -> None:
    said = refused(making(host, source, tool_versions={"search": version}))
    assert f"tool_versions.search is {version!r}; a semantic version is needed: MAJOR.MINOR.PATCH" in said


def test_a_range_that_is_none_is_refused_by_its_path(tmp_path: Path) -> None:
    folder = str(agent_folder(tmp_path, tools=["book", {"name": "search", "version": "^1.2.0"}]))
    said = refused(lambda: LambdaAgent("handbook", lambda_args(folder, platform=PLATFORM)))
    assert "tools.1.version is '^1.2.0': a range of semantic versions is needed" in said
